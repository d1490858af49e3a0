package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/state"
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

// stopServing asks the serving tasks to hold, and, when their internal streams have run dry, to say that they stopped.
func (u *unit) stopServing(ctx context.Context) error {
	b := u.build
	for p, t := range u.tasks {
		if _, held := b.state.Held[p]; !held {
			t.box.post(msgHold{b.version})
		}
	}
	if !u.serving.internalInputs() || !b.state.AllHeld(u.partitions) {
		return nil
	}
	if at, err := u.dry(ctx, u.serving, b.state.Held); err != nil || at == nil {
		return err
	}
	for p, t := range u.tasks {
		if _, stopped := b.state.Stopped[p]; !stopped && t.sayOnce(b.asked) {
			t.box.post(msgDrained{control.Event{Kind: control.Stopped, Processor: u.decl.Name, Edition: u.serving.number,
				Expects: b.version, Partition: p, Next: b.state.Held[p].Next}})
		}
	}
	return nil
}

// stopFrozen says for each owned partition where the serving edition stands: nobody runs it any more.
func (u *unit) stopFrozen(ctx context.Context) error {
	b := u.build
	u.warnOfUndrained(ctx)
	for p := range u.owned {
		if _, said := b.state.Stopped[p]; said {
			continue
		}
		next, err := u.frozenAt(ctx, p)
		if err != nil {
			return err
		}
		if _, err := u.write(ctx, control.Event{Kind: control.Stopped, Edition: u.serving.number, Partition: p, Next: next}); err != nil {
			return err
		}
	}
	return nil
}

// warnOfUndrained tells about records in the serving edition's internal streams that its code never handled, because it was
// killed and is gone: what they would have emitted is held back in the next edition, which handles its own copies.
func (u *unit) warnOfUndrained(ctx context.Context) {
	if !u.serving.internalInputs() || u.build.warned {
		return
	}
	u.build.warned = true
	if at, err := u.dry(ctx, u.serving, nil); err == nil && at == nil {
		u.log.Warn("the serving edition was stopped with records left in its internal streams, and the program with its version is gone: what they would have emitted to public streams is not sent; its tables are built whole",
			"edition", u.serving.number)
	}
}

// frozenAt is the committed position of the serving edition in its public inputs, its base where it never committed.
func (u *unit) frozenAt(ctx context.Context, partition int32) (map[string]int64, error) {
	base, err := u.serving.baseOf(ctx, partition)
	if err != nil {
		return nil, err
	}
	offsets, err := u.committedOffsets(ctx, u.serving, partition)
	if err != nil {
		return nil, err
	}
	next := map[string]int64{}
	for i, in := range u.serving.inputs {
		switch {
		case in.stream.Internal:
		case offsets[i].Offset >= 0:
			next[in.stream.Name] = offsets[i].Offset
		default:
			next[in.stream.Name] = base[in.stream.Name]
		}
	}
	return next, nil
}

func (u *unit) committedOffsets(ctx context.Context, ed *edition, partition int32) ([]commitlog.Position, error) {
	var parts []commitlog.Partition
	for _, in := range ed.inputs {
		parts = append(parts, commitlog.Partition{Topic: in.part.Topic, Index: partition})
	}
	got, err := u.worker.logc.FetchOffsets(ctx, ed.group, parts)
	if err != nil {
		return nil, fmt.Errorf("processor %s: committed offsets of %s: %w", u.decl.Name, ed.group, err)
	}
	return got, nil
}

func (e *edition) internalInputs() bool {
	for _, in := range e.inputs {
		if in.stream.Internal {
			return true
		}
	}
	return false
}

// dry tells whether an edition has handled its public inputs up to stops and all that its internal streams hold, in every
// partition, whoever runs it (S-37). It gives the committed position of every input by partition, nil if it is not dry. With
// the sources standing still, this stays true once it is. A task's tables may still lack what the log says is committed.
//
// All committed positions are read before the first end: ends only grow, so when each position had reached an end that was
// read later, nothing was consumed and not committed, or emitted, in between. Partition by partition a record could slip
// through behind the check.
func (u *unit) dry(ctx context.Context, ed *edition, stops map[int32]control.Stop) (map[int32]map[string]int64, error) {
	var internal []commitlog.Position // committed so far
	found := map[int32]map[string]int64{}
	for p := range u.partitions {
		committed, err := u.committedOffsets(ctx, ed, p)
		if err != nil {
			return nil, err
		}
		base, err := ed.baseOf(ctx, p)
		if err != nil {
			return nil, err
		}
		found[p] = map[string]int64{}
		for i, in := range ed.inputs {
			at := committed[i]
			if at.Offset < 0 {
				at.Offset = base[in.stream.Name]
			}
			found[p][in.stream.Name] = at.Offset
			if in.stream.Internal {
				internal = append(internal, at)
			} else if at.Offset < stops[p].Next[in.stream.Name] {
				return nil, nil
			}
		}
	}
	if all, err := u.allAtEnd(ctx, internal); err != nil || !all {
		return nil, err
	}
	return found, nil
}

// allAtEnd tells whether each position is the end of its partition.
func (u *unit) allAtEnd(ctx context.Context, at []commitlog.Position) (bool, error) {
	if len(at) == 0 {
		return true, nil
	}
	parts := make([]commitlog.Partition, len(at))
	for i := range at {
		parts[i] = at[i].Partition
	}
	ends, err := u.worker.logc.Offsets(ctx, parts, commitlog.End, commitlog.ReadUncommitted)
	if err != nil {
		return false, fmt.Errorf("processor %s: ends of internal streams: %w", u.decl.Name, err)
	}
	for i := range at {
		if at[i].Offset < ends[i].Offset {
			return false, nil
		}
	}
	return true, nil
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

// differences kept per task; more are counted.
const keepDifferences = 10

// compare scans both editions of one partition (S-31) and answers with what the task is to say.
func (u *unit) compare(b *build, e control.Event, tables []ownTable, old, next *task) {
	next.shared.Lock()
	e.Records, e.Fenced = next.shared.records, next.shared.fenced
	store := next.shared.store
	next.shared.Unlock()
	var err error
	if old != nil {
		old.shared.Lock()
		before := old.shared.store
		old.shared.Unlock()
		for i, t := range tables {
			var n int64
			if n, err = compareTable(before, store, i, t.decl.Name, &e); err != nil {
				break
			}
			e.Entries += n
		}
	}
	u.tell(compared{b, []control.Event{e}, err})
}

func compareTable(a, b *state.Store, table int, name string, e *control.Event) (int64, error) {
	d, err := b.Digest(table)
	if err != nil {
		return 0, err
	}
	err = state.Diff(a, b, table, func(key, va, vb []byte) bool {
		e.DifferN++
		if len(e.Differ) < keepDifferences {
			e.Differ = append(e.Differ, control.Difference{Table: name, Key: append([]byte(nil), key...), Old: clone(va), New: clone(vb)})
		}
		return true
	})
	return d.Entries, err
}

// clone keeps at most 1 KiB of a value, and nil apart from empty.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b[:min(len(b), 1024)]...)
}

func (u *unit) compared(_ context.Context, m compared) error {
	b := u.build
	if b == nil || b != m.build {
		return nil
	}
	for _, e := range m.events {
		t := b.tasks[e.Partition]
		switch {
		case errors.Is(m.err, state.ErrClosed) || t == nil:
			delete(b.comparing, t) // a task went away under the comparison: again when it is back
		case m.err != nil:
			return fmt.Errorf("processor %s, partition %d: compare editions: %w", u.decl.Name, e.Partition, m.err)
		default:
			t.box.post(msgDrained{e})
		}
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

// differences says that n keys differ, and names the first.
func differences(b *control.Build, n int64) string {
	s := fmt.Sprintf("%d keys differ from edition %d", n, b.From)
	if n == 1 {
		s = fmt.Sprintf("1 key differs from edition %d", b.From)
	}
	if first, ok := b.FirstDifference(); ok {
		s += fmt.Sprintf(", the first %v", first)
	}
	return s
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
