package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/state"
)

// global is a worker's copy of all partitions of a table of others, shared by the tasks that read it (S-22). Its goroutine,
// run, owns everything but what other fields say; tasks read the current mirror, whose store is safe for that.
//
// Its offset is in no position: it is a cache of what the topic holds, and two tasks may see different moments.
type global struct {
	w    *Worker
	decl *decl.Table
	log  *slog.Logger

	ready  chan struct{} // closed when the table is loaded, or cannot be
	loaded bool          // ready is closed
	// current is what tasks read; nil: no worker has run the owner yet, so the table is empty.
	current atomic.Pointer[mirror]
	next    *mirror // of the edition that serves now, while it is filled; nil: none
	failed  atomic.Pointer[error]

	control *control.Topic // nil for a topic table
	reader  commitlog.Reader
}

// globals are the worker's copies by table name. They start with the first processor that reads them and end with the worker.
type globals struct {
	sync.Mutex
	list   []*global
	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// startGlobals gives the copies of the tables that a processor reads whole, and starts those that do not run yet.
func (w *Worker) startGlobals(tables []*decl.Table) (list []*global) {
	w.globals.Lock()
	defer w.globals.Unlock()
	for _, d := range tables {
		g := w.globalNamed(d)
		if g == nil {
			g = &global{w: w, decl: d, log: w.config.Logger.With("global", d.Name), ready: make(chan struct{})}
			w.globals.list = append(w.globals.list, g)
			w.globals.wait.Go(func() { g.run(w.globals.ctx) }) // stopGlobals waits for it
		}
		list = append(list, g)
	}
	return list
}

func (w *Worker) globalNamed(d *decl.Table) *global {
	for _, g := range w.globals.list {
		if g.is(d) {
			return g
		}
	}
	return nil
}

// is tells whether the copy is of that table. Handles of several processors may differ.
func (g *global) is(d *decl.Table) bool { return g.decl.Name == d.Name && g.decl.Topic == d.Topic }

// stopGlobals ends them when no task is left.
func (w *Worker) stopGlobals() {
	w.globals.cancel()
	w.globals.wait.Wait()
}

// allGlobals lists what runs.
func (w *Worker) allGlobals() []*global {
	w.globals.Lock()
	defer w.globals.Unlock()
	return append([]*global(nil), w.globals.list...)
}

// run fills the copy and keeps it up until ctx ends. What it cannot read makes the tasks that look into it stop; a restart of
// the worker tries again.
func (g *global) run(ctx context.Context) {
	err := g.follow(ctx)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("global %w", err)
		g.log.Error("a table cannot be read whole: what looks into it stops", "error", err)
		g.failed.Store(&err)
	}
	g.load()
	<-ctx.Done() // tasks may read what there is until they are gone
	for _, m := range []*mirror{g.current.Load(), g.next} {
		if m == nil {
			continue
		}
		g.close(m, true)
	}
}

// close closes a copy that handlers may be inside of. One that hangs in a scan keeps it open until it returns.
func (g *global) close(m *mirror, clean bool) {
	if !g.w.inTime(func() {
		if err := m.store.Close(clean); err != nil {
			g.log.Warn("close the copy of a table", "topic", m.source.topic, "error", err)
		}
	}) {
		g.log.Error("a handler that hangs keeps the copy of a table open", "topic", m.source.topic)
	}
}

// load says that tasks need not wait any more.
func (g *global) load() {
	if !g.loaded {
		g.loaded = true
		close(g.ready)
	}
	g.w.changed()
}

func (g *global) follow(ctx context.Context) error {
	r, err := g.w.logc.OpenReader(ctx, commitlog.ReaderConfig{BufferBytes: g.w.config.FetchBytes})
	if err != nil {
		return fmt.Errorf("table %s: open reader: %w", g.decl.Name, err)
	}
	defer r.Close()
	g.reader = r
	if !g.decl.Topic {
		if g.control, err = control.Open(ctx, g.w.logc, names.Control(g.w.app.Name())); err != nil {
			return err
		}
		defer g.control.Close()
		if err := g.watchControl(ctx); err != nil {
			return err
		}
	}
	if err := g.look(ctx); err != nil {
		return err
	}
	for {
		b, err := r.Poll(ctx, pollWait)
		if err == nil && b != nil {
			err = g.take(ctx, b)
			b.Release()
		}
		var pe *commitlog.PartitionError
		if errors.As(err, &pe) {
			err = g.lost(ctx, pe)
		}
		if err != nil {
			return err
		}
	}
}

// watchControl reads the control topic from its end on: look reads what came before.
func (g *global) watchControl(ctx context.Context) error {
	p := commitlog.Partition{Topic: names.Control(g.w.app.Name())}
	end, err := g.w.logc.Offsets(ctx, []commitlog.Partition{p}, commitlog.End, commitlog.ReadCommitted)
	if err != nil {
		return fmt.Errorf("table %s: watch control topic: %w", g.decl.Name, err)
	}
	g.reader.Seek(p, end[0].Offset)
	return nil
}

// look begins to fill a copy when another topic than before is the one to read.
func (g *global) look(ctx context.Context) error {
	st, err := g.state(ctx)
	if err != nil {
		return err
	}
	topic, ok := g.w.sourceTopic(st, g.decl)
	if !ok {
		g.load()
		return nil
	}
	if m := g.current.Load(); m != nil && m.source.topic == topic || g.next != nil && g.next.source.topic == topic {
		return nil
	}
	if err := g.dropNext(); err != nil {
		return err
	}
	src, err := g.w.source(ctx, topic, g.decl)
	if err != nil {
		return err
	}
	indexes := make([]int32, src.partitions)
	for i := range indexes {
		indexes[i] = int32(i)
	}
	share := min(max(g.w.config.StateMemory/20, 64<<10), 4<<20)
	dir := names.GlobalDir(g.w.config.StateDir, g.w.app.Name(), topic)
	if g.next, err = g.w.openMirror(ctx, dir, g.decl, src, indexes, share, share, g.log); err != nil {
		return err
	}
	if err := g.next.aim(ctx); err != nil {
		return err
	}
	g.next.seek(g.reader)
	return g.swap(st)
}

func (g *global) state(ctx context.Context) (*control.State, error) {
	if g.control == nil {
		return nil, nil
	}
	return g.control.Refresh(ctx)
}

// take applies a batch.
func (g *global) take(ctx context.Context, b *commitlog.Batch) error {
	for _, m := range []*mirror{g.current.Load(), g.next} {
		if m == nil {
			continue
		}
		i := m.index(b.Partition)
		if i < 0 {
			continue
		}
		if err := m.apply(i, b); err != nil {
			return err
		}
		if m.store.BarrierDue() {
			if err := m.store.Barrier(); err != nil {
				return fmt.Errorf("copy of table %s: %w", g.decl.Name, err)
			}
		}
		if g.w.settling.Load() > 0 {
			g.w.changed()
		}
		if m != g.next {
			return nil
		}
		st, err := g.state(ctx)
		if err != nil {
			return err
		}
		return g.swap(st)
	}
	if g.control != nil && len(b.Records) > 0 && b.Partition.Topic == names.Control(g.w.app.Name()) {
		return g.look(ctx)
	}
	return nil
}

// swap lets tasks read the next copy once it is complete: all partitions in one step (S-43).
func (g *global) swap(st *control.State) error {
	if !g.next.complete() {
		return nil
	}
	g.next.inUse.Store(true)
	before := g.current.Swap(g.next)
	topic := g.next.source.topic
	g.next = nil
	g.load()
	if before != nil {
		g.log.Info("the table is read from its new edition", "topic", topic)
		before.drop(g.reader)
		g.close(before, false)
	}
	for _, past := range g.w.pastTopics(st, g.decl) {
		if past == topic {
			continue
		}
		if err := g.w.config.FS.RemoveAll(names.GlobalDir(g.w.config.StateDir, g.w.app.Name(), past)); err != nil {
			return fmt.Errorf("remove an old copy of table %s: %w", g.decl.Name, err)
		}
	}
	return nil
}

// lost hears that a partition cannot be read. That of an edition that does not serve any more is no loss.
func (g *global) lost(ctx context.Context, pe *commitlog.PartitionError) error {
	if g.next != nil && g.next.index(pe.Partition) >= 0 {
		if err := g.dropNext(); err != nil {
			return err
		}
	}
	if err := g.look(ctx); err != nil {
		return err
	}
	m := g.next
	if m == nil {
		m = g.current.Load()
	}
	if m != nil && m.index(pe.Partition) < 0 {
		return nil
	}
	return &sourceError{g.decl.Name, pe}
}

// dropNext gives up a copy that is being filled.
func (g *global) dropNext() error {
	if g.next == nil {
		return nil
	}
	g.next.drop(g.reader)
	err := g.next.store.Close(false)
	g.next = nil
	if err != nil {
		return fmt.Errorf("close the copy of table %s: %w", g.decl.Name, err)
	}
	return nil
}

// fault is why the table cannot be read; nil if it can.
func (g *global) fault() error {
	if err := g.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// get looks into the current copy; tasks call it.
func (g *global) get(key []byte) (value []byte, ok bool, err error) {
	err = g.reading(func(m *mirror) error {
		value, ok, err = m.lookup(key, g.partitioner())
		return err
	})
	return value, ok, err
}

// scan walks through the current copy, all partitions as of the call.
func (g *global) scan(from, to []byte, yield func(key, value []byte) bool) error {
	return g.reading(func(m *mirror) error { return m.scan(from, to, g.partitioner(), yield) })
}

// reading runs f on the current copy, and again if that was replaced before f got hold of it.
func (g *global) reading(f func(*mirror) error) error {
	if err := g.fault(); err != nil {
		return err
	}
	for {
		m := g.current.Load()
		if m == nil {
			return nil
		}
		err := f(m)
		if err == nil || !errors.Is(err, state.ErrClosed) || g.current.Load() == m {
			return err
		}
	}
}

// partitioner is how the writer of the table hashes keys, as far as the program knows.
func (g *global) partitioner() commitlog.Partitioner { return g.w.partitionerOf(g.decl) }
