package worker

import (
	"context"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/decl"
)

// CopyStatus is a copy of a table of others: one partition of it for a task, all of them for a worker.
type CopyStatus struct {
	Table string
	Topic string  // that the entries come from
	Next  []int64 // next offset of each partition in the copy
	End   []int64 // its high watermark as last seen
	// Filling says that the owner has another edition that serves, of which this is the copy, and that the one before is read
	// until this one is complete.
	Filling bool
}

func (m *mirror) status() CopyStatus {
	s := CopyStatus{Table: m.decl.Name, Topic: m.source.topic, Filling: !m.inUse.Load()}
	for i := range m.parts {
		s.Next = append(s.Next, m.next[i].Load())
		s.End = append(s.End, max(m.ends[i].Load(), m.next[i].Load()))
	}
	return s
}

// copiesSettled waits until every copy of a table of others is of the topic that serves and holds what is in it now. Copies of
// tasks that have stopped, and of tables that cannot be read, are not waited for.
func (w *Worker) copiesSettled(ctx context.Context) error {
	for _, u := range w.units {
		for _, d := range append(append([]*decl.Table(nil), u.decl.Reads...), u.decl.Globals...) {
			if err := w.copySettled(ctx, u, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Worker) copySettled(ctx context.Context, u *unit, d *decl.Table) error {
	topic, ends, err := w.copyEnds(ctx, u, d)
	if err != nil || topic == "" {
		return err
	}
	there := func(m *mirror) bool {
		if m == nil || m.source.topic != topic {
			return false
		}
		for i, p := range m.parts {
			if int(p.Index) >= len(ends) || m.next[i].Load() < ends[p.Index] {
				return false
			}
		}
		return true
	}
	return w.until(ctx, func() (bool, error) {
		for _, g := range w.allGlobals() {
			if g.is(d) && g.fault() == nil && !there(g.current.Load()) {
				return false, nil
			}
		}
		for _, t := range w.allTasks() {
			if t.ed.unit == u && !t.copyThere(d, there) {
				return false, nil
			}
		}
		return true, nil
	})
}

// copyEnds gives the topic that a table is read from and where its partitions end; "" if there is none.
func (w *Worker) copyEnds(ctx context.Context, u *unit, d *decl.Table) (topic string, ends []int64, err error) {
	var st *control.State
	if !d.Topic {
		if st, err = u.control.refresh(ctx); err != nil {
			return "", nil, err
		}
	}
	topic, ok := w.sourceTopic(st, d)
	if !ok {
		return "", nil, nil
	}
	found, err := w.topic(ctx, topic)
	if err != nil {
		return "", nil, nil // who reads it says so
	}
	parts := make([]commitlog.Partition, found.Partitions)
	for i := range parts {
		parts[i] = commitlog.Partition{Topic: topic, Index: int32(i)}
	}
	got, err := w.logc.Offsets(ctx, parts, commitlog.End, commitlog.ReadCommitted)
	if err != nil {
		return "", nil, fmt.Errorf("worker: ends of %s: %w", topic, err)
	}
	for _, p := range got {
		ends = append(ends, p.Offset)
	}
	return topic, ends, nil
}

// copyThere tells whether the task's copy of a table is there, or is not to be waited for.
func (t *task) copyThere(d *decl.Table, there func(*mirror) bool) bool {
	t.shared.Lock()
	defer t.shared.Unlock()
	if t.shared.parked != nil || t.shared.phase == Stopped || t.shared.phase == Parked {
		return true
	}
	found, read := false, false
	for _, m := range t.shared.copies {
		if m.decl == d {
			found = true
			read = read || there(m) && m.inUse.Load()
		}
	}
	for _, mine := range t.ed.decl.Reads {
		if mine == d {
			return found && read
		}
	}
	return true
}
