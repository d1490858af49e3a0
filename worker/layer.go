package worker

import (
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/state"
)

type counters struct{ records, skipped, letters, fenced, foreign, lost int64 }

// frozen is what a commit writes for one task.
type frozen struct {
	task     *task
	changes  *state.Changes
	out      emits
	position journal.Position
	order    *journal.Order
	events   []control.Event
	parked   *journal.Parked
	unpark   bool
	bytes    int64
	records  int64 // handled since the commit before
	counts   counters
}

// answerFreeze gives the open layer to the lane.
func (t *task) answerFreeze() {
	if !t.dirty || t.frozen != nil {
		t.lane.answer(&frozen{task: t})
		return
	}
	t.commit++
	if e, ok := t.holdEvent(); ok {
		t.events = append(t.events, e)
	}
	f := &frozen{task: t, changes: t.cache.Freeze(), out: t.out.take(), events: t.events,
		parked: t.parkedNew, unpark: t.unparkNew}
	if f.order = t.order.take(t.inputs, t.orders); f.order != nil {
		t.orders++
	}
	f.position = t.position()
	f.counts = t.counts
	f.bytes = t.reported
	t.reported = 0 // it stays charged until the commit is over
	f.records, t.since = t.since, 0
	t.events, t.parkedNew, t.unparkNew, t.dirty = nil, nil, false, false
	t.frozen = f
	t.lane.answer(f)
}

func (t *task) position() journal.Position {
	p := journal.Position{Commit: t.commit, StreamTime: t.streamTime, Orders: t.orders, Copies: t.copies()}
	for _, in := range t.inputs {
		p.Inputs = append(p.Inputs, journal.Input{Stream: in.stream.Name, Next: in.next})
	}
	return p
}

// committed hears that a frozen layer is in the log and in the store.
func (t *task) committed(f *frozen) {
	if f != t.frozen {
		return
	}
	t.frozen = nil
	t.cache.Thaw()
	t.out.recycle(f.out)
	t.uncharge(f.bytes)
	t.publish(f)
	if t.dirty {
		t.lane.kick()
	}
}

// publish shows what was committed to those who wait for it.
func (t *task) publish(f *frozen) {
	s := &t.shared
	s.Lock()
	for _, in := range f.position.Inputs {
		s.committed[in.Stream] = in.Next
	}
	for _, in := range t.inputs {
		s.ends[in.stream.Name] = max(s.ends[in.stream.Name], in.high)
		s.stables[in.stream.Name] = max(s.stables[in.stream.Name], in.stable)
	}
	s.commits, s.time = f.position.Commit, f.position.StreamTime
	c := f.counts
	s.records, s.skipped, s.letters, s.fenced, s.foreign, s.lost = c.records, c.skipped, c.letters, c.fenced, c.foreign, c.lost
	for _, e := range f.events {
		s.stopped = s.stopped || e.Kind == control.Stopped
	}
	if f.parked != nil {
		s.parked = f.parked
	} else if f.unpark {
		s.parked = nil
	}
	s.Unlock()
	t.ed.unit.worker.changed()
}

// applied shows positions as soon as the tables hold them. The lane calls it.
func (t *task) applied(f *frozen) {
	t.shared.Lock()
	for _, in := range f.position.Inputs {
		t.shared.committed[in.Stream] = in.Next
	}
	c := f.counts
	t.shared.records, t.shared.fenced = c.records, c.fenced
	t.shared.Unlock()
}
