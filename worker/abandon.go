package worker

import (
	"context"
	"errors"
	"time"

	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/state"
)

// replace gives a hung task up and starts another one in its place. The old goroutine may return any time: it finds that it
// was given up and touches nothing.
func (u *unit) replace(t *task, call uint64, h *hang) {
	if u.tasks[t.partition] != t && (u.build == nil || u.build.tasks[t.partition] != t) {
		return
	}
	if h.at = t.hangingAt(); t.run.Call() != call {
		return // it has returned by now
	}
	closed := t.giveUpTask()
	if u.tasks[t.partition] == t {
		if !closed { // a successor could not open the tables: the partition stands until a restart
			t.standHung(h)
			return
		}
		delete(u.tasks, t.partition)
		u.startTask(t.partition, h)
		return
	}
	delete(u.build.tasks, t.partition) // the build stops there
	u.log.Error("a handler hangs in a build", "partition", t.partition, "error", h.err)
	u.build.hung = h.err
}

// standHung shows where a task stands whose handler hangs inside a scan, so that its tables stay open.
func (t *task) standHung(h *hang) {
	p := &journal.Parked{Time: t.ed.unit.worker.config.Clock.Now().UnixMilli(), Record: h.at, Reason: cut(h.err.Error(), 4096)}
	for _, in := range t.ed.inputs {
		if in.part.Topic == h.at.Partition.Topic {
			p.Stream = in.stream.Name
		}
	}
	t.shared.Lock()
	t.shared.parked = p
	t.shared.Unlock()
	t.log.Error("task stopped, its tables stay open: its handler hangs inside a scan", "record", h.at.String(), "error", h.err)
	t.setPhase(Parked)
}

// giveUpTask takes the shared things from a task whose goroutine does not come back. It tells whether the tables are closed now:
// a handler that hangs inside a scan keeps them open until it returns.
func (t *task) giveUpTask() (closed bool) {
	if t.abandoned.Swap(true) {
		return true
	}
	t.cancel()
	t.box.post(msgFail{errGivenUp}) // should its handler return, it must not take another record
	defer close(t.left)
	t.ed.unit.worker.budget.add(-t.charged.Swap(0))
	t.lane.leave(t)
	if closed = t.ed.unit.worker.inTime(t.closeBehind); !closed {
		t.log.Error("a handler that hangs keeps its tables open")
	}
	t.setPhase(Stopped)
	return closed
}

// closeBehind closes the tables of a task that was given up, as far as they are not.
func (t *task) closeBehind() {
	t.shared.Lock()
	store := t.shared.store
	t.shared.Unlock()
	var err error
	if store != nil {
		err = store.Close(false)
	}
	if err = errors.Join(err, t.closeForeign(false)); err != nil && !errors.Is(err, state.ErrClosed) {
		t.log.Warn("close tables of a task that hangs", "error", err)
	}
}

// leaveBehind is the end of a task that was given up and whose handler has returned after all: what only its goroutine may close.
func (t *task) leaveBehind() {
	t.box.setPoke(nil)
	if t.reader != nil {
		t.dropQueues()
		_ = t.reader.Close() // nobody reads from it
	}
	t.unchargeAll()
	t.closeBehind() // it may have opened them since
}

// inTime runs f, which ends as soon as no handler is inside a scan of what it closes, and waits for it, but not for ever. It tells
// whether f has ended.
func (w *Worker) inTime(f func()) bool {
	done := make(chan struct{})
	go func() { // ends with the handler, which nobody can end
		defer close(done)
		f()
	}()
	timer := w.config.Clock.NewTimer(closePatience)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C():
		return false
	}
}

// closePatience is how long closing tables may take while a handler hangs.
const closePatience = time.Second

var errGivenUp = errors.New("given up")

// abandon ends tasks without a commit and waits for them, all together at most patience. One whose handler does not return
// is left to itself: it can touch nothing any more.
func (w *Worker) abandon(tasks []*task, patience time.Duration) {
	for _, t := range tasks {
		t.cancel()
		t.run.Cancel(t.run.Call(), context.Canceled)
		t.box.post(msgFail{context.Canceled})
	}
	grace := w.config.Clock.NewTimer(patience)
	defer grace.Stop()
	over := false
	for _, t := range tasks {
		if !over {
			select {
			case <-t.done:
				continue
			case <-t.left:
				continue
			case <-grace.C():
				over = true
			}
		}
		if !t.busy.Load() && w.awaitQuiet(t) {
			continue
		}
		select {
		case <-t.done:
		default:
			w.hung.Add(1)
			t.log.Error("a handler does not return: its task is left behind")
			t.giveUpTask()
		}
	}
}

// awaitQuiet waits on for a task that is in no handler: it opens or closes its tables, which ends by itself.
func (w *Worker) awaitQuiet(t *task) (ended bool) {
	timer := w.config.Clock.NewTimer(quietPatience)
	defer timer.Stop()
	select {
	case <-t.done:
	case <-t.left:
	case <-timer.C():
		return false
	}
	return true
}

// quietPatience bounds that wait, should a disk not answer.
const quietPatience = time.Minute
