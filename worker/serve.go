package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/worker/internal/member"
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

func (u *unit) newMember(ed *edition) (*member.Member, error) {
	var topics []string
	for _, in := range ed.inputs {
		topics = append(topics, in.part.Topic)
	}
	return member.New(member.Config{
		Groups: u.worker.logc, Clock: u.worker.config.Clock, Group: ed.group, Topics: topics, Partitions: ed.partitions,
		Instance: u.worker.config.Instance, WorkerID: u.worker.id, SessionTimeout: u.worker.config.SessionTimeout,
		UserData: func() member.UserData { return member.UserData{Edition: uint32(ed.number)} },
		Random:   rand.Uint64, Logger: ed.log, Hooks: hooks{u},
	})
}

// hooks lets the membership's goroutine ask the unit's.
type hooks struct{ u *unit }

func (h hooks) ask(ctx context.Context, f func(ctx context.Context) error) error {
	q := hook{run: f, ctx: ctx, done: make(chan error, 1)}
	h.u.tell(q)
	select {
	case err := <-q.done:
		return err
	case <-h.u.ended:
		return nil
	}
}

// Prepare implements member.Hooks: commit, then close the gates (S-6).
func (h hooks) Prepare(ctx context.Context) error { return h.ask(ctx, h.u.closeGates) }

// Assigned implements member.Hooks.
func (h hooks) Assigned(ctx context.Context, a member.Assignment) error {
	return h.ask(ctx, func(ctx context.Context) error { return h.u.assigned(ctx, a) })
}

// Lost implements member.Hooks: nothing of this worker may be committed any more.
func (h hooks) Lost() {
	_ = h.ask(context.Background(), func(context.Context) error { h.u.lost(); return nil }) // losing cannot fail
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

func (u *unit) closeGates(ctx context.Context) error {
	for _, l := range u.lanes() {
		if err := l.prepare(ctx); err != nil {
			return err
		}
	}
	return nil
}

// assigned takes a new generation: tasks that are no longer ours end, those that stay are checked (S-6), new ones start.
func (u *unit) assigned(ctx context.Context, a member.Assignment) error {
	owned := map[int32]bool{}
	for _, p := range a.Partitions {
		owned[p] = true
	}
	u.owned, u.assignedOnce = owned, true
	u.placed.Store(&placement{u.serving, owned})
	u.log.Info("partitions assigned", "group", a.Member.Group, "member", a.Member.ID, "generation", a.Member.Generation,
		"edition", u.serving.number, "partitions", a.Partitions)
	var revoked []*task
	for p, t := range u.tasks {
		if !owned[p] {
			revoked = append(revoked, t)
			delete(u.tasks, p)
		}
	}
	revoked = append(revoked, u.build.revoke(owned)...)
	u.worker.abandon(revoked, handlerGrace)
	u.worker.forgetTasks(revoked)
	u.serving.setMember(a.Member)
	if err := u.checkKept(ctx); err != nil {
		return err
	}
	st, err := u.control.refresh(ctx)
	if err != nil {
		return err
	}
	if p := st.Processor(u.decl.Name); p.Build == nil || !p.Build.Frozen {
		for _, p := range a.Partitions {
			if u.tasks[p] == nil {
				u.startTask(p, nil)
			}
		}
	}
	for _, l := range u.serving.lanes {
		l.open()
	}
	if u.build != nil {
		u.build.reassigned(a.Member)
	}
	u.member.Store(true)
	return u.controlMoved(ctx)
}

func (u *unit) startTask(partition int32, hung *hang) {
	t := newTask(u.serving, partition, hung)
	u.tasks[partition] = t
	t.lane.join(t)
	u.worker.addTask(t)
	t.start()
}

// checkKept compares each kept task's position with the group's: another worker may have had the partition in between.
func (u *unit) checkKept(ctx context.Context) error {
	for _, t := range u.tasks {
		var parts []commitlog.Partition
		for _, in := range u.serving.inputs {
			parts = append(parts, commitlog.Partition{Topic: in.part.Topic, Index: t.partition})
		}
		got, err := u.worker.logc.FetchOffsets(ctx, u.serving.group, parts)
		if err != nil {
			return fmt.Errorf("processor %s: committed offsets: %w", u.decl.Name, err)
		}
		for i, in := range u.serving.inputs {
			t.shared.Lock()
			have, known := t.shared.committed[in.stream.Name]
			t.shared.Unlock()
			if known && got[i].Offset >= 0 && got[i].Offset != have {
				t.box.post(msgReload{cause: fmt.Errorf("the group's offset of %v is %d, this worker's %d: another worker had the partition", parts[i], got[i].Offset, have)})
				break
			}
		}
	}
	return nil
}

// lost drops everything: the group has given this worker's partitions to others.
func (u *unit) lost() {
	u.member.Store(false)
	u.log.Warn("membership lost, its tasks start over when the group assigns them again", "group", u.serving.group,
		"edition", u.serving.number, "tasks", len(u.tasks))
	for _, l := range u.lanes() {
		l.interrupt()
		l.do(func() { l.closed = true })
	}
	var all []*task
	for p, t := range u.tasks {
		all = append(all, t)
		delete(u.tasks, p)
	}
	u.owned, u.assignedOnce = map[int32]bool{}, false
	u.settle(false)
	u.placed.Store(&placement{u.serving, u.owned})
	all = append(all, u.build.revoke(nil)...)
	u.worker.abandon(all, handlerGrace)
	u.worker.forgetTasks(all)
}

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

var errLeft = errors.New("it left")

var errStopping = errors.New("worker: stopping")

// watchControl tells the unit when something was written to the control topic.
func (u *unit) watchControl(ctx context.Context) {
	r, err := u.worker.logc.OpenReader(ctx, commitlog.ReaderConfig{BufferBytes: 1 << 20, BatchBytes: 64 << 10, MaxWait: fetchWait})
	if err != nil {
		u.tell(unitFailed{fmt.Errorf("watch control topic: %w", quietly(ctx, err))})
		return
	}
	defer r.Close()
	p := commitlog.Partition{Topic: u.controlTopic}
	end, err := u.worker.logc.Offsets(ctx, []commitlog.Partition{p}, commitlog.End, commitlog.ReadCommitted)
	if err != nil {
		if ctx.Err() == nil {
			u.tell(unitFailed{fmt.Errorf("watch control topic: %w", err)})
		}
		return
	}
	r.Seek(p, end[0].Offset)
	u.tell(controlMoved{}) // what came before the watch began
	for {
		b, err := r.Poll(ctx, pollWait)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			u.tell(unitFailed{fmt.Errorf("watch control topic: %w", err)})
			return
		case b != nil:
			moved := len(b.Records) > 0
			b.Release()
			if moved {
				u.tell(controlMoved{})
			}
		}
	}
}

// watchWidth looks now and then whether the inputs still have as many partitions as there are tasks (S-68): when one was added,
// keys have moved, and the processor stops.
func (u *unit) watchWidth(ctx context.Context) {
	timer := u.worker.config.Clock.NewTimer(widthEvery)
	defer timer.Stop()
	for {
		select {
		case <-timer.C():
		case <-ctx.Done():
			return
		}
		if err := u.checkWidthNow(ctx); err != nil {
			u.tell(unitFailed{err})
			return
		}
		timer.Reset(widthEvery)
	}
}

// widthEvery is the time between two looks at the width of the inputs.
const widthEvery = 5 * time.Second

// checkWidthNow fails when an input has another number of partitions than this processor has tasks. A log that does not
// answer says nothing about it.
func (u *unit) checkWidthNow(ctx context.Context) error {
	for _, in := range u.decl.Inputs {
		if in.Stream.Internal {
			continue
		}
		t, err := u.worker.topic(ctx, in.Stream.Name)
		if err == nil && t.Partitions != u.partitions {
			return fmt.Errorf("processor %s: its input %s has %d partitions now, the processor has %d tasks: keys have moved; put the number back, or give the processor a new name",
				u.decl.Name, t.Name, t.Partitions, u.partitions)
		}
	}
	return nil
}

// watchCommits tells the unit when tasks have committed, so that a build sees how far they are.
func (u *unit) watchCommits(ctx context.Context) {
	moved := u.worker.news()
	for {
		select {
		case <-moved:
			moved = u.worker.news() // before the unit looks: what changes while it does wakes it again
			u.tell(commitsMoved{})
		case <-ctx.Done():
			return
		}
	}
}

var _ member.Hooks = hooks{}
