package worker

import (
	"errors"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/state"
	"github.com/millrun/millrun/topology"
)

// foreign is a table of others as a task reads it (S-20): a copy of the task's partition of the topic that serves, which the
// task's reader keeps up between two records. It belongs to the task's goroutine.
type foreign struct {
	decl   *decl.Table
	copy   *mirror // nil: no worker has run the owner yet, so the table is empty
	next   *mirror // of the edition that serves now, while it is filled; nil: none
	failed error   // the table cannot be read; a restart of the task tries again
}

// msgSources says that the control topic has news: the owner of a table may have another edition that serves.
type msgSources struct{}

// openForeign brings the copies up before the task's first record: to the high watermark of their topics, and at least to where
// the task had read them when it last committed. A table that cannot be read parks the task; other errors are faults of
// the disk or the log.
func (t *task) openForeign(st *control.State, pos *journal.Position) error {
	if t.foreign == nil {
		for _, d := range t.ed.decl.Reads {
			t.foreign = append(t.foreign, &foreign{decl: d})
		}
	}
	for _, f := range t.foreign {
		f.failed = nil
		err := t.load(f, st, pos)
		var unreadable *sourceError
		if errors.As(err, &unreadable) {
			f.failed, err = err, nil
			t.parkAfter = firstError(t.parkAfter, f.failed)
		}
		if err != nil {
			return err
		}
		if f.copy != nil {
			f.copy.seek(t.reader)
		}
	}
	return t.awaitGlobals()
}

// load opens a copy of the topic that serves, or goes on with the one there is, and fills it.
func (t *task) load(f *foreign, st *control.State, pos *journal.Position) error {
	t.dropNext(f)
	if f.copy != nil {
		f.copy.drop(t.reader)
	}
	topic, ok := t.ed.unit.worker.sourceTopic(st, f.decl)
	if !ok {
		return nil
	}
	src, err := t.ed.unit.worker.source(t.ctx, topic, f.decl)
	if err != nil {
		return err
	}
	m := f.copy
	if m == nil || m.source.id != src.id {
		if m, err = t.openCopy(f.decl, src); err != nil {
			return err
		}
	}
	if err := t.fill(m, pos); err != nil {
		if m != f.copy {
			err = errors.Join(err, m.store.Close(false))
		}
		return err
	}
	if m != f.copy {
		return t.changeOver(f, m, st)
	}
	return nil
}

// openCopy opens the task's copy of a topic.
func (t *task) openCopy(d *decl.Table, src source) (*mirror, error) {
	e := t.ed
	if src.partitions != e.partitions {
		return nil, &sourceError{d.Name, fmt.Errorf("its topic %s has %d partitions, and processor %s has %d tasks: it needs %d; name the table in ReadsGlobal, or move the input through an internal stream",
			src.topic, src.partitions, e.decl.Name, e.partitions, e.partitions)}
	}
	w := e.unit.worker
	dir := names.CopyDir(w.config.StateDir, w.app.Name(), e.decl.Name, e.number, t.partition, src.topic)
	m, err := w.openMirror(t.ctx, dir, d, src, []int32{t.partition}, e.writeBuffer, e.cacheBytes/4, t.log)
	if err == nil {
		m.cache = state.NewCache(m.store, e.cacheBytes)
	}
	return m, err
}

// fill reads a copy up to the high watermark. That is never before what the position says, unless the log has lost data.
func (t *task) fill(m *mirror, pos *journal.Position) error {
	if err := m.aim(t.ctx); err != nil {
		return err
	}
	if pos != nil {
		for _, c := range pos.Copies {
			if c.Table == m.decl.Name && c.Topic == m.source.id && c.Next > m.target[0] {
				return &sourceError{m.decl.Name, fmt.Errorf("%v ends at %d, and the task had read it up to %d: the log has lost data", m.parts[0], m.target[0], c.Next)}
			}
		}
	}
	if m.complete() {
		return nil
	}
	reader, err := t.ed.unit.worker.logc.OpenReader(t.ctx, commitlog.ReaderConfig{BufferBytes: t.ed.unit.worker.config.FetchBytes})
	if err != nil {
		return fmt.Errorf("%s: open reader: %w", t.name(), err)
	}
	defer reader.Close()
	t.box.setPoke(reader.Wake)
	defer t.box.setPoke(nil)
	m.seek(reader)
	total := m.left()
	for !m.complete() {
		t.progress(total-m.left(), total)
		if t.box.attention.Load() {
			if err := t.interrupted(); err != nil {
				return err
			}
		}
		b, err := reader.Poll(t.ctx, pollWait)
		if err != nil {
			return sourceFault(m.decl, err)
		}
		if b == nil {
			continue
		}
		err = m.apply(0, b)
		b.Release()
		if err != nil {
			return err
		}
	}
	t.progress(total, total)
	return nil
}

// sourceFault makes the fault of one partition a reason to stop those who read it.
func sourceFault(d *decl.Table, err error) error {
	var pe *commitlog.PartitionError
	if errors.As(err, &pe) {
		return &sourceError{d.Name, err}
	}
	return fmt.Errorf("copy of table %s: %w", d.Name, err)
}

// changeOver makes m the copy that the handlers read, between two records; keys that only the one before had are gone with it
// (S-43).
func (t *task) changeOver(f *foreign, m *mirror, st *control.State) error {
	before := f.copy
	f.copy, f.next, f.failed = m, nil, nil
	m.inUse.Store(true)
	t.shareForeign()
	if before != nil {
		before.drop(t.reader)
		if err := before.store.Close(false); err != nil {
			return fmt.Errorf("%s: close the copy of table %s: %w", t.name(), f.decl.Name, err)
		}
		t.log.Info("a table of others is read from its new edition", "table", f.decl.Name, "topic", m.source.topic)
	}
	w := t.ed.unit.worker
	for _, topic := range w.pastTopics(st, f.decl) {
		dir := names.CopyDir(w.config.StateDir, w.app.Name(), t.ed.decl.Name, t.ed.number, t.partition, topic)
		if topic == m.source.topic {
			continue
		}
		if err := w.config.FS.RemoveAll(dir); err != nil {
			return fmt.Errorf("%s: remove an old copy of table %s: %w", t.name(), f.decl.Name, err)
		}
	}
	return nil
}

// dropNext gives up a copy that is being filled.
func (t *task) dropNext(f *foreign) {
	if f.next == nil {
		return
	}
	f.next.drop(t.reader)
	_ = f.next.store.Close(false) // it is filled again from where its last barrier is
	f.next = nil
	t.shareForeign()
}

// sourcesMoved looks whether another edition of an owner serves, and if so begins to fill a copy of it.
func (t *task) sourcesMoved() error {
	if len(t.foreign) == 0 {
		return nil
	}
	st, err := t.ed.unit.control.refresh(t.ctx)
	if err != nil {
		return err
	}
	for _, f := range t.foreign {
		err := t.sourceMoved(f, st)
		var unreadable *sourceError
		if errors.As(err, &unreadable) {
			t.unreadableTable(f, err)
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *task) sourceMoved(f *foreign, st *control.State) error {
	topic, ok := t.ed.unit.worker.sourceTopic(st, f.decl)
	if !ok || f.copy != nil && f.copy.source.topic == topic || f.next != nil && f.next.source.topic == topic {
		return nil
	}
	t.dropNext(f)
	src, err := t.ed.unit.worker.source(t.ctx, topic, f.decl)
	if err != nil {
		return err
	}
	m, err := t.openCopy(f.decl, src)
	if err != nil {
		return err
	}
	if err := m.aim(t.ctx); err != nil {
		return errors.Join(err, m.store.Close(false))
	}
	f.next = m
	t.shareForeign()
	m.seek(t.reader)
	if m.complete() {
		return t.changeOver(f, m, st)
	}
	return nil
}

// followForeign takes a batch of a table of others. It belongs to nothing when the copy was dropped meanwhile.
func (t *task) followForeign(b *commitlog.Batch) error {
	for _, f := range t.foreign {
		for _, m := range []*mirror{f.copy, f.next} {
			if m == nil || m.index(b.Partition) < 0 {
				continue
			}
			if err := m.apply(0, b); err != nil {
				var unreadable *sourceError
				if errors.As(err, &unreadable) {
					m.drop(t.reader)
					t.unreadableTable(f, err)
					return nil
				}
				return fmt.Errorf("%s: %w", t.name(), err)
			}
			t.barrierOf(m)
			if m == f.next && m.complete() {
				st, err := t.ed.unit.control.refresh(t.ctx)
				if err != nil {
					return err
				}
				return t.changeOver(f, m, st)
			}
			if t.ed.unit.worker.settling.Load() > 0 {
				t.ed.unit.worker.changed()
			}
			return nil
		}
	}
	return nil
}

// barrierOf makes a copy durable in the background when it is due.
func (t *task) barrierOf(m *mirror) {
	if !m.store.BarrierDue() || !m.inBarrier.CompareAndSwap(false, true) {
		return
	}
	t.ed.barriers.Go(func() { // the edition's close waits for it
		defer m.inBarrier.Store(false)
		if err := m.store.Barrier(); err != nil && !errors.Is(err, state.ErrClosed) {
			t.box.post(msgFail{fmt.Errorf("%s: barrier of the copy of table %s: %w", t.name(), m.decl.Name, err)})
		}
	})
}

// foreignFault hears that the reader cannot read a partition of a copy. That of an edition that does not serve any more is no
// loss.
func (t *task) foreignFault(p commitlog.Partition, err error) error {
	for _, f := range t.foreign {
		switch {
		case f.next != nil && f.next.index(p) >= 0:
			t.dropNext(f)
		case f.copy == nil || f.copy.index(p) < 0:
			continue
		}
		if merr := t.sourcesMoved(); merr != nil {
			return merr
		}
		m := f.next
		if m == nil {
			m = f.copy
		}
		if m == nil || m.index(p) >= 0 {
			t.dropNext(f)
			t.unreadableTable(f, &sourceError{f.decl.Name, err})
		}
	}
	return nil
}

// unreadableTable parks the task: nothing that its handlers would find is the truth.
func (t *task) unreadableTable(f *foreign, err error) {
	f.failed = err
	t.park(nil, nil, err)
}

// shareForeign shows the copies to Status, to Settled, and to who gives the task up.
func (t *task) shareForeign() {
	var list []*mirror
	for _, f := range t.foreign {
		for _, m := range []*mirror{f.copy, f.next} {
			if m != nil {
				list = append(list, m)
			}
		}
	}
	t.shared.Lock()
	t.shared.copies = list
	t.shared.Unlock()
	t.ed.unit.worker.changed()
}

// closeForeign closes the copies; clean: a barrier is taken first.
func (t *task) closeForeign(clean bool) error {
	t.shared.Lock()
	list := t.shared.copies
	t.shared.copies = nil
	t.shared.Unlock()
	var err error
	for _, m := range list {
		err = firstError(err, m.store.Close(clean))
	}
	if err != nil {
		return fmt.Errorf("%s: close the copies of tables of others: %w", t.name(), err)
	}
	return nil
}

// copies is how far the task has read tables of others, for its position.
func (t *task) copies() []journal.Copy {
	var list []journal.Copy
	for _, f := range t.foreign {
		if f.copy != nil {
			list = append(list, journal.Copy{Table: f.decl.Name, Topic: f.copy.source.id, Next: f.copy.next[0].Load()})
		}
	}
	return list
}

// awaitGlobals waits until the worker's copies of the tables that the processor reads whole are loaded.
func (t *task) awaitGlobals() error {
	for _, d := range t.ed.decl.Globals {
		g := t.global(d)
		for loading := true; loading; {
			select {
			case <-g.ready:
				loading = false
			case <-t.box.wake:
				if err := t.interrupted(); err != nil {
					return err
				}
			case <-t.ctx.Done():
				return t.ctx.Err()
			}
		}
		if err := g.fault(); err != nil {
			t.parkAfter = firstError(t.parkAfter, err)
		}
	}
	return nil
}

// tellSources lets the tasks look whether the owner of a table that they read has another edition that serves.
func (u *unit) tellSources() {
	if len(u.decl.Reads) == 0 {
		return
	}
	for _, t := range u.tasks {
		t.box.post(msgSources{})
	}
	if u.build != nil {
		for _, t := range u.build.tasks {
			t.box.post(msgSources{})
		}
	}
}

// warnOpen says before a build that its comparison will prove nothing where tables of others are read (C-64).
func (u *unit) warnOpen() {
	var tables []string
	for _, d := range append(append([]*decl.Table(nil), u.decl.Reads...), u.decl.Globals...) {
		tables = append(tables, d.Name)
	}
	if len(tables) > 0 {
		u.log.Warn("the build reads tables of others as they are now, not as they were: keys that differ may be theirs", "tables", tables,
			"class", topology.ProofOf(u.decl).String())
	}
}
