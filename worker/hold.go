package worker

import (
	"github.com/millrun/millrun/internal/control"
)

// say makes the next commit carry that this task holds, if it does and has not said so.
func (t *task) say() {
	if t.holding && !t.heldSaid {
		t.touch()
		t.lane.hurry()
	}
}

// hold stops the taking of public records. What the task learned itself of a later control state counts more.
func (t *task) hold(version int64) {
	if t.holding && version <= t.holdVersion {
		return
	}
	t.letGo()
	t.holding, t.holdVersion = true, version
	t.say()
}

// release lets the task go on, unless it knows of a later control state in which it holds.
func (t *task) release(version int64) {
	if !t.holding || version <= t.holdVersion {
		return
	}
	t.letGo()
	for _, in := range t.inputs {
		if len(in.queue) == 0 {
			t.passEmpty(in, in.read) // markers that came while it held
		}
	}
}

// letGo forgets that the task held, and what it said of it.
func (t *task) letGo() {
	t.holding, t.heldSaid, t.drained = false, false, false
	t.shared.Lock()
	t.shared.stopped = false
	t.shared.Unlock()
}

// arrived tells whether a task that follows has taken all there is for it in its public inputs: somebody waits for its commit.
func (t *task) arrived() bool {
	if t.follow == nil {
		return false
	}
	for _, in := range t.inputs {
		if !in.stream.Internal && !in.closed() {
			return false
		}
	}
	return true
}

// holdEvent is what a holding task tells with the commit that is being made: where it stands in its public inputs. Without
// internal inputs it has stopped with that; with them it works those off first.
func (t *task) holdEvent() (control.Event, bool) {
	if !t.holding || t.heldSaid || t.follow != nil {
		return control.Event{}, false
	}
	t.heldSaid = true
	e := control.Event{Kind: control.Stopped, Processor: t.ed.decl.Name, Edition: t.ed.number, Expects: t.holdVersion,
		Partition: t.partition, Next: map[string]int64{}, Time: t.ed.unit.worker.config.Clock.Now().UnixMilli()}
	if t.ed.internalInputs() {
		e.Kind = control.Held
	}
	for _, in := range t.inputs {
		if !in.stream.Internal {
			e.Next[in.stream.Name] = in.next
		}
	}
	return e, true
}

// readHold learns from the control topic whether this task's edition was asked to stop: a task that is taken over in the
// middle of a switch must not pass the point where it said it stopped.
// It tells whether the task has said before that it stopped, which holds once its tables are restored.
func (t *task) readHold(st *control.State) (stopped bool) {
	if t.follow != nil {
		return false
	}
	p := st.Processor(t.ed.decl.Name)
	// An edition that does not serve any more stands too: its unit is about to end it, and until then nothing may pass F.
	t.holding = p.Serving != t.ed.number || p.Build != nil && p.Build.Switch && p.Build.From == t.ed.number
	t.holdVersion = p.Version
	t.heldSaid = false
	if b := p.Build; b != nil && t.holding {
		_, held := b.Held[t.partition]
		_, stopped := b.Stopped[t.partition]
		t.heldSaid = held || stopped // it was said in an earlier life
		return stopped
	}
	return false
}

// standsAt tells whether the task has committed everything below the given positions of its inputs, and its tables hold it.
func (t *task) standsAt(next map[string]int64) bool {
	t.shared.Lock()
	defer t.shared.Unlock()
	if t.shared.store == nil {
		return false
	}
	for stream, at := range next {
		if t.shared.committed[stream] < at {
			return false
		}
	}
	return true
}

// saidStopped tells whether the task has committed that it stopped, and its tables hold all of it.
func (t *task) saidStopped() bool {
	t.shared.Lock()
	defer t.shared.Unlock()
	return t.shared.stopped
}

func (t *task) parkedReason() string {
	t.shared.Lock()
	defer t.shared.Unlock()
	if t.shared.parked == nil {
		return ""
	}
	return t.shared.parked.Record.String() + ": " + t.shared.parked.Reason
}

// sayOnce tells whether the task has to be told to say something: it was not told since it last started over.
func (t *task) sayOnce(told map[*task]int64) bool {
	t.shared.Lock()
	now := t.shared.reloads + 1
	t.shared.Unlock()
	if told[t] == now {
		return false
	}
	told[t] = now
	return true
}
