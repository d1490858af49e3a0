package worker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stopGrace is how long a handler may go on after a stop was asked for before its context is cancelled. Its record is then left
// for the next start.
const stopGrace = time.Second

// handlerGrace is how long a cancelled handler has to return before its task is given up.
const handlerGrace = 5 * time.Second

// stopAll ends all tasks: by a last commit, or at once when failed is set.
func (u *unit) stopAll(failed bool) error {
	var err error
	var all []*task
	for p, t := range u.tasks {
		all = append(all, t)
		delete(u.tasks, p)
	}
	all = append(all, u.build.revoke(nil)...)
	if failed {
		u.stopLanes()
		u.worker.abandon(all, handlerGrace)
	} else {
		for _, t := range all {
			t.box.post(msgStop{})
		}
		err = u.waitStopped(all)
	}
	u.build.stop()
	if u.build != nil && u.build.ed != nil {
		u.build.ed.close()
	}
	u.build = nil
	return err
}

// waitStopped waits for tasks that finish by themselves, answering those who ask meanwhile. When the log fails, or handlers
// do not return, they are abandoned.
func (u *unit) waitStopped(tasks []*task) error {
	patience := u.worker.config.Clock.NewTimer(handlerGrace + 2*u.worker.config.CommitEvery)
	defer patience.Stop()
	nudge := u.worker.config.Clock.NewTimer(stopGrace)
	defer nudge.Stop()
	var faults []error
	hear := func() {
		for m, ok := u.inbox.next(); ok; m, ok = u.inbox.next() {
			switch m := m.(type) {
			case hook:
				m.done <- errStopping
			case taskEnded:
				if m.err != nil && !errors.Is(m.err, context.Canceled) {
					faults = append(faults, fmt.Errorf("processor %s, partition %d: %w", u.decl.Name, m.task.partition, m.err))
				}
			case unitFailed, memberEnded, membershipLost:
				u.stopLanes()
				u.worker.abandon(tasks, handlerGrace)
			}
		}
	}
	for _, t := range tasks {
		for waiting := true; waiting; {
			select {
			case <-t.done:
				waiting = false
			case <-t.left:
				waiting = false
				faults = append(faults, fmt.Errorf("processor %s, partition %d: a handler did not return and was left behind; its record is handled again at the next start",
					u.decl.Name, t.partition))
			case <-u.inbox.wake:
				hear()
			case <-nudge.C():
				for _, t := range tasks {
					t.quit.Store(true)
					t.run.Cancel(t.run.Call(), context.Canceled)
				}
			case <-patience.C():
				u.log.Warn("the last commit takes too long: stopping without it")
				u.stopLanes()
				u.worker.abandon(tasks, stopGrace) // their contexts were cancelled long ago
			}
		}
	}
	hear()
	return errors.Join(faults...)
}

// stopLanes ends the lanes before their tasks: nothing is to be committed any more.
func (u *unit) stopLanes() {
	u.serving.stop()
	if u.build != nil && u.build.ed != nil {
		u.build.ed.stop()
	}
}

var errStopping = errors.New("worker: stopping")
