package worker

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

// Config says how a Worker runs. The zero value runs every processor with the defaults, but a StateDir is needed as soon as
// one of them has tables. It is read once, by New.
type Config struct {
	// StateDir holds the tables of this worker, and its copies of tables that it reads, below a directory per application. One
	// process at a time owns it. "" is an error if a processor has tables or reads some.
	StateDir string
	// Partitions is the width of missing public inputs and outputs, which are then created with it; that number is for ever.
	// 0: a missing topic is an error.
	Partitions int
	// Only names the processors to run here; nil: all. A name that the topology lacks is an error.
	Only []string
	// CommitEvery is the time between two commits of a lane that has something to commit. 0: 100 ms. At most a third of
	// TransactionTimeout.
	CommitEvery time.Duration
	// TransactionTimeout is how long the log lets a transaction of this worker stay open after its worker vanished. 0: 10 s.
	TransactionTimeout time.Duration
	// BufferBytes bounds the uncommitted effects of this worker. 0: 128 MiB. At half a commit is made early, at the limit tasks
	// wait.
	BufferBytes int64
	// StateMemory bounds what LevelDB's buffers and the caches of all tasks may take, in bytes. 0: 256 MiB.
	StateMemory int64
	// FetchBytes bounds what each task has fetched and not handled, in bytes. 0: 4 MiB.
	FetchBytes int
	// Lanes is the number of producers per processor edition, and so of transactions that run side by side. 0: the number of
	// cores, at most one per task.
	Lanes int
	// Instance makes the membership in the consumer groups static: a restart within the session timeout moves nothing. "":
	// dynamic.
	Instance string
	// SessionTimeout is the silence after which the group gives this worker's tasks to others. 0: 10 s.
	SessionTimeout time.Duration
	// MaxHandlerTime is how long a handler may take for one record before its context is cancelled. If it still does not return,
	// within as long again but at most 5 s, the task is parked at the record and the handler's goroutine is left behind. 0: 5 min.
	MaxHandlerTime time.Duration
	// MaxAhead is how far a record's event time may lie beyond the clock before it is the record's error. 0: 1 h; negative: no
	// bound.
	MaxAhead time.Duration
	// MaxInputWait is how long a task of several inputs waits for one of them that the log says has records. 0: not at all
	// beyond the fetch that is under way.
	MaxInputWait time.Duration
	// MaxRecordEffectsBytes bounds the table changes and emits of one record; above it is the record's error. 0: 64 MiB.
	MaxRecordEffectsBytes int64
	// SwitchByHand lets an edition that was built because Version changed wait for edition.Switch; false: it takes over.
	SwitchByHand bool
	// SwitchTimeout bounds how long a rebuild waits for the serving edition's tasks to stop: they finish their record and work off
	// their internal streams, and a loop that never runs dry, or a task that stands at a record of one, would hold everything up.
	// Then the build is cancelled and the serving edition goes on. 0: 60 s.
	SwitchTimeout time.Duration
	// SkipLost goes on, counted, where retention overtook a position; false: the task stops (S-16).
	SkipLost bool
	// Listen is the address on which Run serves Handler, as "host:port", ":port" or "port". Without a host it is reached from this
	// machine alone; 0.0.0.0 and [::] are every address. Port 0 is a free one; Status says which. "": no listener.
	Listen string
	// Metrics is where Run registers this worker's metrics (docs/metrics.md), until it returns. Every figure is read when somebody
	// scrapes; nothing is counted for it where records pass. If it is a prometheus.Gatherer too, as a *prometheus.Registry is,
	// /metrics shows all that it gathers, the program's own metrics and a broker's as well. nil: no metrics.
	Metrics prometheus.Registerer
	// Logger gets what an operator wants to know. nil: silent, and then a task that stopped shows in Status alone until Run ends.
	Logger *slog.Logger

	// Clock and FS are seams for the test kit; their types cannot be named outside this module. nil: the machine's.
	Clock clock.Clock
	FS    vfs.FS
	// Handle, a seam too, is called in the place of each record's handler, which it runs by in.Process(run, key, value), on the
	// goroutine of the handler. Key, value and run.Meta are valid in the call. nil: the handler alone.
	Handle func(run *decl.Run, in *decl.Input, key, value []byte) error
}

func (c Config) withDefaults() Config {
	setDuration := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	setDuration(&c.CommitEvery, 100*time.Millisecond)
	setDuration(&c.TransactionTimeout, 10*time.Second)
	setDuration(&c.SessionTimeout, 10*time.Second)
	setDuration(&c.MaxHandlerTime, 5*time.Minute)
	setDuration(&c.MaxAhead, time.Hour)
	setDuration(&c.SwitchTimeout, time.Minute)
	if c.BufferBytes == 0 {
		c.BufferBytes = 128 << 20
	}
	if c.StateMemory == 0 {
		c.StateMemory = 256 << 20
	}
	if c.FetchBytes == 0 {
		c.FetchBytes = 4 << 20
	}
	if c.MaxRecordEffectsBytes == 0 {
		c.MaxRecordEffectsBytes = 64 << 20
	}
	if c.Lanes == 0 {
		c.Lanes = runtime.GOMAXPROCS(0)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = clock.System
	}
	if c.FS == nil {
		c.FS = vfs.OS
	}
	return c
}

// validate reports every fault at once.
func (c Config) validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("worker: Config."+format, args...))
		}
	}
	fault(c.Partitions < 0, "Partitions is %d, want 0 or more", c.Partitions)
	fault(c.CommitEvery < time.Millisecond, "CommitEvery is %v, want at least 1ms", c.CommitEvery)
	fault(c.CommitEvery > c.TransactionTimeout/3, "CommitEvery is %v, want at most a third of TransactionTimeout %v",
		c.CommitEvery, c.TransactionTimeout)
	fault(c.BufferBytes < 1<<20, "BufferBytes is %d, want at least 1 MiB", c.BufferBytes)
	fault(c.StateMemory < 1<<20, "StateMemory is %d, want at least 1 MiB", c.StateMemory)
	fault(c.FetchBytes < 1, "FetchBytes is %d, want at least 1", c.FetchBytes)
	fault(c.Lanes < 1, "Lanes is %d, want at least 1", c.Lanes)
	fault(c.SessionTimeout < time.Millisecond, "SessionTimeout is %v, want at least 1ms", c.SessionTimeout)
	fault(c.MaxHandlerTime < time.Millisecond, "MaxHandlerTime is %v, want at least 1ms", c.MaxHandlerTime)
	fault(c.SwitchTimeout < time.Millisecond, "SwitchTimeout is %v, want at least 1ms", c.SwitchTimeout)
	fault(c.MaxInputWait < 0, "MaxInputWait is %v, want 0 or more", c.MaxInputWait)
	fault(c.MaxRecordEffectsBytes < 1, "MaxRecordEffectsBytes is %d, want at least 1", c.MaxRecordEffectsBytes)
	return errors.Join(faults...)
}
