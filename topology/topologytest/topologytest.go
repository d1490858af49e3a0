// Package topologytest runs an application in a test: the real runtime on the real embedded log, with a disk in memory and a
// clock that stands still.
//
//	func TestCount(t *testing.T) {
//		h := topologytest.New(t, app, topologytest.Config{})
//		in := topologytest.Stream(h, clicks)
//		in.Send("alice", Click{})
//		h.Crash()
//		in.Send("alice", Click{})
//		if got, _ := topologytest.Table(h, counts).Get("alice"); got != 2 {
//			t.Errorf("alice has %d clicks, want 2", got)
//		}
//	}
//
// A test is a story: each step first lets all work finish that the steps before have caused, so nothing needs to wait or
// sleep. The clock moves only by Advance, by SendAt, and to the end of a wait before a retry. Methods of the harness and its
// probes end the test by t.Fatal when something fails that the story did not ask for, and are for the test's goroutine. A task
// that has stopped is such a fault: the next step fails on its line, or the end of the test if there is none. Err asks for it,
// and then the story goes on. Crash alone does not look: it comes in the middle of work.
//
// The kit is strict. It fails the test, with the handler and its place, for
//
//   - a handler that does something else when it is run a second time for the same record: it asks the machine for the time or
//     for chance, loops over a Go map, or keeps something in a variable. A rebuild would not give the same tables
//   - a value that Get or a loop over a table gave, and that was changed in place and not Put: the change is lost. Only what
//     lies behind a slice, map or pointer can be seen; a copy of a struct that was changed and forgotten cannot
//   - a key or value that its codec does not encode to the same bytes twice
//   - a handle that the processor does not declare, as everywhere: the record fails
//
// For the first of these each record that was handled well is handled once more when the story is over, after the last line of
// the test and what it deferred: one record after the other, without effect, its reads, ctx.ID and ctx.Rand answered as the
// first time. A handler that counts its calls for the test, or asks a stand-in for the outside, is called again when nobody
// looks any more; if it fails then, nothing is said. The machine's clock has moved by then as far as the story took, some
// milliseconds: a handler that asks it for the day alone is not found out. Nor is what goes beyond the first 64 MiB of a story.
// Config.Lax is for a handler that cannot be a function of its record, or waits for what the story gives it once.
//
// Limits: one worker, one log. What a story cannot show is what needs real time or real disks.
package topologytest

import (
	"context"
	"testing"
	"time"

	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/topology"
)

// Config says how the application runs. The zero value is good.
type Config struct {
	// Partitions is how many partitions inputs and outputs get; 0: 4.
	Partitions int
	// Start is when the story begins; zero: the first of January 2026, UTC.
	Start time.Time
	// Lax leaves out the checks of handlers and codecs that the package comment calls strict, and runs no handler twice.
	Lax bool
}

func (c Config) withDefaults() Config {
	if c.Partitions == 0 {
		c.Partitions = 4
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return c
}

// Harness is an application under test. For the goroutine of the test only.
type Harness struct {
	t      testing.TB
	cfg    Config
	ctx    context.Context // of the test; ends before its cleanup
	app    *topology.Topology
	fs     *vfs.Mem // under both the log and the tables
	time   *clock.Virtual
	alarms *clock.Virtual  // of the log
	life   *life           // the worker that runs, and its log
	told   map[string]bool // what Err has told: part of the story
	public map[string]bool // topics by the names that the applications of the story have for them: streams, and tables of others
	strict strict
	epoch  int // rises with each new log connection: probes open theirs anew
}

// New runs app on an empty log. A task that stops fails the test, unless Err is asked for it. When the test ends, everything
// that was started is stopped and waited for.
func New(t testing.TB, app *topology.Topology, cfg Config) *Harness {
	t.Helper()
	cfg = cfg.withDefaults()
	if cfg.Partitions < 1 {
		t.Fatalf("topologytest: Config.Partitions is %d: want 1 or more", cfg.Partitions)
	}
	h := &Harness{t: t, cfg: cfg, ctx: context.Background(), app: app, fs: vfs.NewMem(), told: map[string]bool{}, public: map[string]bool{},
		time: clock.NewVirtual(cfg.Start), alarms: clock.NewVirtual(cfg.Start)}
	h.start()
	t.Cleanup(h.end)
	return h
}

// Now is the time of the story.
func (h *Harness) Now() time.Time { return h.time.Now() }

// Advance lets all work finish and moves the clock by d. What falls due on the way happens in its order.
func (h *Harness) Advance(d time.Duration) {
	h.t.Helper()
	h.settle()
	h.moveTo(h.time.Now().Add(d))
	h.settle()
}

// moveTo moves both kinds of alarms to one time.
func (h *Harness) moveTo(at time.Time) {
	h.time.AdvanceTo(at)
	h.alarms.AdvanceTo(at)
}
