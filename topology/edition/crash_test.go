package edition_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/topology/edition"
)

// mortal is a log whose process dies at one of the events that are written to the control topic: before the event reaches the
// log, or after it is decided there. What is written later goes to a disk that is gone.
type mortal struct {
	commitlog.Log
	die    func()
	at     death
	events atomic.Int64 // of that kind
}

// death is the nth event of a kind, from 1.
type death struct {
	kind   control.Kind
	nth    int64
	before bool
}

func (d death) String() string {
	when := map[bool]string{true: "before", false: "after"}[d.before]
	return fmt.Sprintf("death %s %s %d", when, d.kind, d.nth)
}

// meets looks at an event, and dies before it if that is when. It tells whether to die after it.
func (m *mortal) meets(value []byte) bool {
	e, err := control.Parse(value)
	if err != nil || e.Kind != m.at.kind || m.events.Add(1) != m.at.nth {
		return false
	}
	if m.at.before {
		m.die()
	}
	return !m.at.before
}

func (m *mortal) OpenWriter(ctx context.Context, c commitlog.WriterConfig) (commitlog.Writer, error) {
	w, err := m.Log.OpenWriter(ctx, c)
	return mortalWriter{w, m}, err
}

func (m *mortal) OpenTransactor(ctx context.Context, c commitlog.TransactorConfig) (commitlog.Transactor, error) {
	tx, err := m.Log.OpenTransactor(ctx, c)
	return &mortalTransactor{Transactor: tx, log: m}, err
}

type mortalWriter struct {
	commitlog.Writer
	log *mortal
}

func (w mortalWriter) Append(ctx context.Context, p commitlog.Partition, records []commitlog.Record) (commitlog.Position, error) {
	if p.Topic != "app.control" {
		return w.Writer.Append(ctx, p, records)
	}
	last := w.log.meets(records[0].Value)
	pos, err := w.Writer.Append(ctx, p, records)
	if last {
		w.log.die()
	}
	return pos, err
}

type mortalTransactor struct {
	commitlog.Transactor
	log  *mortal
	last bool // the event is in the open transaction
}

func (t *mortalTransactor) Append(ctx context.Context, p commitlog.Partition, records []commitlog.Record) error {
	if p.Topic == "app.control" {
		for i := range records {
			t.last = t.log.meets(records[i].Value) || t.last
		}
	}
	return t.Transactor.Append(ctx, p, records)
}

func (t *mortalTransactor) Commit(ctx context.Context, offsets ...commitlog.GroupOffsets) ([]commitlog.Position, error) {
	ends, err := t.Transactor.Commit(ctx, offsets...)
	if t.last {
		t.log.die()
	}
	return ends, err
}

// C-15: 200 records with a notice each; a rebuild during which 50 more come in; the process dies at each event of the build in
// turn, before it and after it, and starts again. Then the old edition serves or the new one, its table is exact, each source
// offset has been told of once, and the next rebuild works.
func TestACrashAtAnyEventOfARebuildLosesAndRepeatsNothingC15(t *testing.T) {
	for _, d := range []death{{control.Rebuild, 1, true}, {control.Switch, 1, true}, {control.Stopped, 1, true}, {control.Stopped, 2, true},
		{control.Ready, 1, true}, {control.Ready, 2, true}, {control.Serving, 1, true}} {
		crashDuringRebuild(t, d)
		d.before = false
		crashDuringRebuild(t, d)
	}
}

func crashDuringRebuild(t *testing.T, at death) {
	t.Helper()
	when := at.String()
	b := newBench(t, 2)
	app := counting()
	b.start(app)
	k, l := keyOf(1, 2), keyOf(0, 2)
	b.send(k, 120)
	b.send(l, 80)
	b.settle()
	b.halt()

	dead := make(chan *vfs.Mem, 1)
	disk := b.disk
	m := &mortal{Log: b.log, at: at, die: sync.OnceFunc(func() { dead <- disk.Crash() })}
	b.startOn(m, app)
	b.settle()
	e, err := edition.Open(b.context(), app, m, "counter")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.context())
	done := make(chan error, 1)
	go func() { // received below
		_, err := e.Rebuild(ctx, edition.RebuildConfig{})
		done <- err
	}()
	more := make(chan int, 1)
	go func() { more <- b.sendUntilDead(k, 50) }() // received below
	var kept *vfs.Mem
	select {
	case kept = <-dead:
	case <-b.context().Done():
		t.Fatalf("%s: it did not come to that", when)
	}
	cancel()
	<-done
	extra := <-more
	_ = e.Close() // its log is dead
	b.bury(kept)
	b.start(app)
	b.settle()
	total := b.inputEnd(k)
	if total < 120 || total > 170 || total < 120+extra {
		t.Errorf("%s: the input has %d records of one key; 120 and %d were acknowledged", when, total, extra)
	}
	want := []string{fmt.Sprintf("%s=%d", k, total), l + "=80"}
	slices.Sort(want)
	if got := b.rows(app); !slices.Equal(got, want) {
		t.Errorf("%s: the table is %v, want %v", when, got, want)
	}
	b.onceEach(when, total+80)
	again := b.editions(app, "counter")
	states := b.states(again)
	serving := 0
	for _, s := range states {
		if s == edition.Serving {
			serving++
		}
		if s == edition.Building || s == edition.Ready {
			t.Errorf("%s: after settling the editions are %v", when, states)
		}
	}
	if serving != 1 {
		t.Errorf("%s: the editions are %v, want one that serves", when, states)
	}
	if r := b.rebuild(again, edition.RebuildConfig{}); !r.Equal || !r.Serving || r.Records != int64(total+80) {
		t.Errorf("%s: the next rebuild: %+v", when, r)
	}
	b.settle()
	b.onceEach(when+", after another rebuild", total+80)
	b.halt()
}

// sendUntilDead sends one record after another until the log is gone, and gives how many were acknowledged.
func (b *bench) sendUntilDead(key string, n int) (acknowledged int) {
	w, err := b.log.OpenWriter(context.Background(), commitlog.WriterConfig{})
	if err != nil {
		return 0
	}
	defer w.Close()
	p := commitlog.Partition{Topic: "events", Index: commitlog.Murmur2.Partition([]byte(key), int32(b.partitions))}
	for range n {
		if _, err := w.Append(context.Background(), p, []commitlog.Record{{Key: []byte(key), Value: make([]byte, 8), Timestamp: -1}}); err != nil {
			return acknowledged
		}
		acknowledged++
	}
	return acknowledged
}

// inputEnd is how many records of a key's partition the input has; keys of other partitions are elsewhere.
func (b *bench) inputEnd(key string) int {
	b.t.Helper()
	p := commitlog.Partition{Topic: "events", Index: commitlog.Murmur2.Partition([]byte(key), int32(b.partitions))}
	end, err := b.log.Offsets(b.context(), []commitlog.Partition{p}, commitlog.End, commitlog.ReadCommitted)
	if err != nil {
		b.t.Fatal(err)
	}
	return int(end[0].Offset)
}
