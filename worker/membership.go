package worker

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/worker/internal/member"
)

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

var _ member.Hooks = hooks{}
