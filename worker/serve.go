package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// serve runs the tasks of an edition, and those of a build beside it, until ctx ends (nil), another edition serves
// (errSwitched), or something fails.
func (u *unit) serve(ctx context.Context, ed *edition) error {
	u.serving, u.build, u.assignedOnce = ed, nil, false
	u.served = true
	u.owned = map[int32]bool{} // what another edition's group gave means nothing in this one's
	u.placed.Store(&placement{ed, u.owned})
	defer u.settle(false)
	defer u.member.Store(false)
	if err := ed.start(ctx, u.worker.hard); err != nil {
		return err
	}
	defer ed.close()
	m, err := u.newMember(ed)
	if err != nil {
		return err
	}
	membership, leave := context.WithCancel(u.worker.hard)
	watching, unwatch := context.WithCancel(u.worker.hard)
	var helpers sync.WaitGroup
	helpers.Go(func() { u.tell(memberEnded{m.Run(membership)}) }) // waited for below
	helpers.Go(func() { u.watchControl(watching) })
	helpers.Go(func() { u.watchCommits(watching) })
	helpers.Go(func() { u.watchWidth(watching) })
	err = u.loop(ctx, ed)
	if serr := u.stopAll(err != nil && !errors.Is(err, errSwitched)); serr != nil && (err == nil || errors.Is(err, errSwitched)) {
		err = serr
	}
	leave()
	unwatch()
	u.drainInbox(&helpers)
	return err
}

// drainInbox answers what helpers still ask while they end.
func (u *unit) drainInbox(helpers *sync.WaitGroup) {
	gone := make(chan struct{})
	go func() { helpers.Wait(); close(gone) }() // ends with the helpers, which this function waits for
	for {
		select {
		case <-u.inbox.wake:
			u.emptyInbox()
		case <-gone:
			u.emptyInbox()
			return
		}
	}
}

// emptyInbox drops what waits, answering who asks: the next serve must not take it for its own.
func (u *unit) emptyInbox() {
	for {
		m, ok := u.inbox.next()
		if !ok {
			return
		}
		if h, ok := m.(hook); ok {
			h.done <- nil
		}
	}
}

// loop is the unit's one loop.
func (u *unit) loop(ctx context.Context, ed *edition) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-u.inbox.wake:
			if m, ok := u.inbox.next(); ok {
				if err := u.hear(ctx, m); err != nil {
					return err
				}
			}
		}
	}
}

func (u *unit) hear(ctx context.Context, m any) error {
	switch m := m.(type) {
	case hook:
		m.done <- m.run(m.ctx)
	case memberEnded:
		if ctx.Err() == nil {
			return fmt.Errorf("processor %s: membership in group %s ended: %w", u.decl.Name, u.serving.group, firstError(m.err, errLeft))
		}
	case unitFailed:
		return m.err
	case membershipLost: // the heartbeat finds out by itself; the lane's gate is closed until then
	case controlMoved:
		return u.controlMoved(ctx)
	case switchOverdue:
		return u.switchOverdue(ctx, m.build)
	case commitsMoved:
		if u.build != nil {
			return u.buildMoved(ctx)
		}
	case compared:
		return u.compared(ctx, m)
	case taskHung:
		u.replace(m.task, m.call, m.hang)
	case taskEnded:
		return u.taskEnded(ctx, m)
	}
	return nil
}

// taskEnded hears of a task that is over though nobody stopped it.
func (u *unit) taskEnded(ctx context.Context, m taskEnded) error {
	ours := u.tasks[m.task.partition] == m.task || u.build != nil && u.build.tasks[m.task.partition] == m.task
	if u.tasks[m.task.partition] == m.task {
		delete(u.tasks, m.task.partition)
	}
	if m.err == nil || errors.Is(m.err, context.Canceled) {
		return nil
	}
	if !ours { // the partition is another's, or the build is over: what did not work at its end concerns nobody any more
		u.log.Warn("a task that was taken away ended with an error", "task", m.task.name(), "error", m.err)
		return nil
	}
	if u.build != nil && m.task.ed == u.build.ed { // a build that fails leaves what serves alone (S-40)
		u.build.hung = m.err
		return u.buildMoved(ctx)
	}
	return fmt.Errorf("processor %s, partition %d: %w", u.decl.Name, m.task.partition, m.err)
}

func (u *unit) lanes() []*lane {
	lanes := append([]*lane(nil), u.serving.lanes...)
	if u.build != nil && u.build.ed != nil {
		lanes = append(lanes, u.build.ed.lanes...)
	}
	return lanes
}

func (u *unit) startTask(partition int32, hung *hang) {
	t := newTask(u.serving, partition, hung)
	u.tasks[partition] = t
	t.lane.join(t)
	u.worker.addTask(t)
	t.start()
}

var errLeft = errors.New("it left")
