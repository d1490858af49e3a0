package worker

import (
	"context"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/control"
)

// build is a rebuild as this worker takes part in it. It belongs to the unit. The steps, each visible in the control topic so
// that any worker can go on with them after a crash:
//
//  1. The serving edition's tasks hold their public inputs, work off their internal ones, and say where they stopped: F.
//     Where nobody runs its code any more (frozen), the unit says it from the committed offsets.
//  2. The next edition's tasks read from the base to F in recorded order, fenced.
//  3. Each is compared with its predecessor and says that it is ready, with what differs.
//  4. When all are ready one event makes the edition serve, or ends the build.
type build struct {
	u       *unit
	to      int
	ed      *edition // nil until the serving edition has stopped
	state   *control.Build
	version int64 // of the processor's control state
	frozen  bool
	tasks   map[int32]*task
	// comparing and asked hold what a task was told to say, that it is ready and that it stopped, with the number of times it had
	// started over by then: a commit that fails takes what it was to say with it, and then it is told again.
	comparing map[*task]int64
	asked     map[*task]int64
	warned    bool        // of records left in internal streams
	overdue   clock.Timer // of SwitchTimeout; nil for a frozen build
	hung      error       // a handler did not return: the build ends with this
}

// controlMoved reads the control topic and acts on what is new.
func (u *unit) controlMoved(ctx context.Context) error {
	st, err := u.control.refresh(ctx)
	if err != nil {
		return err
	}
	u.tellSources()
	p := st.Processor(u.decl.Name)
	switch {
	case p.Serving != u.serving.number:
		return errSwitched
	case p.Build == nil:
		if err := u.endBuild(ctx, p.Version); err != nil {
			return err
		}
		u.release(p.Version) // a task may have read of a build that came and went
		u.removeDropped(p)
		u.settle(u.assignedOnce)
		return nil
	case u.build == nil || u.build.to != p.Build.To:
		if err := u.endBuild(ctx, p.Version); err != nil {
			return err
		}
		u.build = &build{u: u, to: p.Build.To, tasks: map[int32]*task{}, comparing: map[*task]int64{}, asked: map[*task]int64{}}
		if !p.Build.Frozen {
			b := u.build
			b.overdue = u.worker.config.Clock.AfterFunc(u.worker.config.SwitchTimeout, func() { u.tell(switchOverdue{b}) })
		}
		u.log.Info("build begins", "edition", p.Build.To, "from", p.Build.From, "reason", p.Build.Reason)
		u.warnOpen()
	}
	u.settle(false)
	if code := p.Editions[p.Build.To].Code; code != u.decl.Version {
		return fmt.Errorf("processor %s: a program with version %s builds edition %d to take over; this program has version %s and ends, so that nobody handles records behind its back",
			u.decl.Name, code, p.Build.To, u.decl.Version)
	}
	u.build.state, u.build.version, u.build.frozen = p.Build, p.Version, p.Build.Frozen
	return u.buildMoved(ctx)
}

// settle tells those who wait whether the processor runs undisturbed.
func (u *unit) settle(steady bool) {
	if u.steady.Swap(steady) != steady {
		u.worker.changed()
	}
}

// endBuild lets go of a build that was cancelled: its tasks end, the serving ones go on.
func (u *unit) endBuild(ctx context.Context, version int64) error {
	b := u.build
	if b == nil {
		return nil
	}
	b.stop()
	gone := b.revoke(nil)
	u.worker.abandon(gone, handlerGrace)
	u.worker.forgetTasks(gone)
	if b.ed != nil {
		b.ed.close()
	}
	u.build = nil
	u.release(version)
	st, err := u.control.refresh(ctx)
	if err != nil {
		return err
	}
	if err := u.dropBuild(ctx, st.Processor(u.decl.Name).Editions[b.to]); err != nil || !b.frozen {
		return err
	}
	return fmt.Errorf("processor %s: the build of edition %d by version %s ended: %s; the edition that serves was made by another version, which this program does not have",
		u.decl.Name, b.to, u.decl.Version, st.Processor(u.decl.Name).Editions[b.to].Cancelled)
}

// release lets the serving tasks go on that hold for an earlier control state than that of version.
func (u *unit) release(version int64) {
	for _, t := range u.tasks {
		t.box.post(msgRelease{version})
	}
}

// startFrozen begins the rebuild of a program whose Version changed (S-33).
func (u *unit) startFrozen(ctx context.Context, serving *control.Edition) error {
	u.log.Info("the program's version differs from the serving edition's: building the next edition",
		"serving", serving.Number, "serving_version", serving.Code, "version", u.decl.Version)
	st, err := u.control.refresh(ctx)
	if err != nil {
		return err
	}
	to := st.Processor(u.decl.Name).Latest() + 1
	if err := control.CheckBase(ctx, u.worker.logc, u.decl.Name, serving); err != nil {
		return err
	}
	ok, err := u.write(ctx, control.Event{Kind: control.Rebuild, Edition: to, From: serving.Number, Code: u.decl.Version,
		Fingerprint: string(u.fingerprint), Partitions: serving.Partitions, Base: serving.Base, Topics: serving.Topics, Frozen: true, Keep: true,
		ByHand: u.worker.config.SwitchByHand, Reason: fmt.Sprintf("version %s follows %s", u.decl.Version, serving.Code)})
	if err != nil || !ok {
		return err
	}
	_, err = u.write(ctx, control.Event{Kind: control.Switch, Edition: to})
	return err
}

// buildMoved takes the next steps that are possible now. A step of a build that somebody has ended meanwhile may fail, for its
// topics are gone; then the end is what counts.
func (u *unit) buildMoved(ctx context.Context) error {
	b := u.build
	err := u.buildStep(ctx)
	if err == nil || ctx.Err() != nil || b == nil {
		return err
	}
	st, rerr := u.control.refresh(ctx)
	if rerr != nil {
		return err
	}
	if now := st.Processor(u.decl.Name); now.Build == nil || now.Build.To != b.to {
		return u.controlMoved(ctx)
	}
	return err
}

func (u *unit) buildStep(ctx context.Context) error {
	b := u.build
	if b == nil || b.state == nil || !u.assignedOnce {
		return nil // without a place in the group nothing could be committed safely
	}
	if !b.state.Switch { // who asked for the build died before saying so: there is no other way yet to go on
		_, err := u.write(ctx, control.Event{Kind: control.Switch, Edition: b.to})
		return err
	}
	if !b.state.AllStopped(u.partitions) {
		if b.frozen {
			return u.stopFrozen(ctx)
		}
		return u.stopServing(ctx)
	}
	if b.state.AllReady(u.partitions) {
		return u.decide(ctx)
	}
	if err := u.startBuilding(ctx); err != nil {
		return err
	}
	return u.finishBuilding(ctx)
}

// switchOverdue ends a build whose serving edition has not stopped in time.
func (u *unit) switchOverdue(ctx context.Context, b *build) error {
	if u.build != b || b.state == nil || b.state.AllStopped(u.partitions) {
		return nil
	}
	reason := fmt.Sprintf("the serving edition did not stop within %v (Config.SwitchTimeout)", u.worker.config.SwitchTimeout)
	for p, t := range u.tasks {
		if why := t.parkedReason(); why != "" {
			reason += fmt.Sprintf("; partition %d stands at %s", p, why)
		}
	}
	return u.cancel(ctx, b.to, cut(reason, 1024))
}

// stop ends what a build waits for by the clock.
func (b *build) stop() {
	if b != nil && b.overdue != nil {
		b.overdue.Stop()
	}
}

func (e *edition) internalInputs() bool {
	for _, in := range e.inputs {
		if in.stream.Internal {
			return true
		}
	}
	return false
}

// startBuilding starts the following tasks of the partitions that this worker owns.
func (u *unit) startBuilding(ctx context.Context) error {
	b := u.build
	if b.ed == nil {
		st, err := u.control.refresh(ctx)
		if err != nil {
			return err
		}
		p := st.Processor(u.decl.Name)
		next := p.Editions[b.to]
		ed := newEdition(u, b.to, true)
		ed.base = next.Base
		ed.sameCode = next.Code == p.Editions[next.From].Code
		ed.codeSince = p.CodeSince(next.From)
		if err := ed.prepare(ctx, u.partitions); err != nil {
			return err
		}
		if err := ed.start(ctx, u.worker.hard); err != nil {
			return err
		}
		b.ed = ed
		clear(b.asked)
		for _, l := range ed.lanes {
			l.open()
		}
	}
	for p := range u.owned {
		if _, ready := b.state.Ready[p]; ready || b.tasks[p] != nil {
			continue
		}
		fence, err := u.committedOffsets(ctx, u.serving, p)
		if err != nil {
			return err
		}
		kept := fence[:0]
		for _, pos := range fence {
			if pos.Offset >= 0 {
				kept = append(kept, pos)
			}
		}
		u.serving.mu.Lock()
		m := u.serving.mu.member
		u.serving.mu.Unlock()
		b.ed.setFence(m, p, kept)
		t := newTask(b.ed, p, nil)
		t.follow = newFollower(b.ed, u.serving.number, b.state.Stopped[p].Next)
		b.tasks[p] = t
		t.lane.join(t)
		u.worker.addTask(t)
		t.start()
	}
	return nil
}

// finishBuilding compares what has arrived at F with what stands there, and lets it say that it is ready.
func (u *unit) finishBuilding(ctx context.Context) error {
	b := u.build
	if b.hung != nil {
		return u.cancel(ctx, b.to, cut(b.hung.Error(), 512))
	}
	for p, t := range b.tasks {
		if why := t.parkedReason(); why != "" {
			return u.cancel(ctx, b.to, fmt.Sprintf("partition %d of edition %d stopped: %s", p, b.to, why))
		}
	}
	at, err := u.dry(ctx, b.ed, b.state.Stopped)
	if err != nil || at == nil {
		return err
	}
	for p, t := range b.tasks {
		if _, ready := b.state.Ready[p]; ready || !t.standsAt(at[p]) {
			continue
		}
		old := u.tasks[p]
		if !b.frozen && (old == nil || !old.saidStopped()) {
			continue
		}
		if !t.sayOnce(b.comparing) {
			continue
		}
		e := control.Event{Kind: control.Ready, Processor: u.decl.Name, Edition: b.to, Expects: b.version, Partition: p}
		tables := b.ed.tables
		b.ed.barriers.Go(func() { u.compare(b, e, tables, old, t) }) // the edition's close waits; a store that closes ends it
	}
	return nil
}

// decide ends a build that is ready everywhere.
func (u *unit) decide(ctx context.Context) error {
	b := u.build
	if n := b.state.Differ(); n > 0 && !b.state.Keep {
		return u.cancel(ctx, b.to, differences(b.state, n))
	}
	if b.state.ByHand {
		return nil
	}
	ok, err := u.write(ctx, control.Event{Kind: control.Serving, Edition: b.to})
	if ok {
		u.log.Info("edition takes over", "edition", b.to, "from", b.state.From)
	}
	return err
}

// revoke takes the tasks of partitions that are not in owned out of the build; nil: all.
func (b *build) revoke(owned map[int32]bool) (tasks []*task) {
	if b == nil {
		return nil
	}
	for p, t := range b.tasks {
		if !owned[p] {
			tasks = append(tasks, t)
			delete(b.tasks, p)
			delete(b.comparing, t)
		}
	}
	return tasks
}

// reassigned lets the build commit under the new generation.
func (b *build) reassigned(m commitlog.Member) {
	if b.ed == nil {
		return
	}
	b.ed.mu.Lock()
	b.ed.mu.fence = m
	b.ed.mu.Unlock()
	for _, l := range b.ed.lanes {
		l.open()
	}
}
