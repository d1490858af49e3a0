package worker

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/state"
)

// open takes the task over, in the order of S-4. The unit has joined the group before; the lane's transactor is open, so what
// this worker's predecessor left undecided is decided; stable offsets come first, then the unit reads the control topic,
// then the ends of journal and changelogs, then what is committed below them.
func (t *task) open() error {
	store, err := state.Open(t.ed.storeConfig(t.partition, t.log))
	if err != nil {
		return fmt.Errorf("%s: open tables: %w", t.name(), err)
	}
	t.store = store
	t.shared.Lock()
	t.shared.store = store
	t.shared.Unlock()
	if store.Moved() != "" { // the store has said why
		t.ed.unit.worker.moved.Add(1)
	}
	t.cache = state.NewCache(store, t.ed.cacheBytes)
	t.reader, err = t.ed.unit.worker.logc.OpenReader(t.ctx, commitlog.ReaderConfig{BufferBytes: t.ed.unit.worker.config.FetchBytes, MaxWait: fetchWait})
	if err != nil {
		return fmt.Errorf("%s: open reader: %w", t.name(), err)
	}
	for i := range t.ed.inputs {
		in := t.ed.inputs[i]
		in.part = commitlog.Partition{Topic: in.part.Topic, Index: t.partition}
		t.inputs = append(t.inputs, &in)
	}
	return t.takeOver()
}

// reload goes back to what is committed after a failed commit (S-6, S-7): nothing in memory is believed.
func (t *task) reload(m msgReload) error {
	t.setPhase(Restoring)
	t.lane.drop(t)
	t.recount()
	t.singleOut(m)
	t.dropQueues()
	t.cache.Rollback()
	t.out.clear()
	t.frozen, t.dirty, t.events, t.parkedNew, t.unparkNew = nil, false, nil, nil, false
	t.giveUp()
	t.parked, t.heldSaid, t.drained = nil, false, false
	t.unchargeAll()
	for _, in := range t.inputs {
		t.reader.Drop(in.part)
	}
	return t.takeOver()
}

// recount goes back to the counters of what is committed: what was handled since is handled again.
func (t *task) recount() {
	s := &t.shared
	s.Lock()
	defer s.Unlock()
	t.counts = counters{s.records, s.skipped, s.letters, s.fenced, s.foreign, s.lost}
	s.reloads++
}

// singleOut prepares to find the record that the log refused (S-10): the records of the failed commit are committed one by
// one; when a commit of one record is refused, that record fails with what the log said.
func (t *task) singleOut(m msgReload) {
	handled := t.since
	if t.frozen != nil {
		handled += t.frozen.records
	}
	t.since, t.hung = 0, nil
	switch {
	case !m.single:
		t.single = 0
	case handled > 1 || t.lastTaken == nil:
		t.single = handled + 1
	default:
		t.single = 2 // the record itself, and a commit before the next one
		t.hung = &hang{at: *t.lastTaken, err: &decl.PermanentError{Err: m.cause}}
	}
	t.parkAfter = nil
	if m.park {
		t.parkAfter = m.cause
	}
}

func (t *task) takeOver() error {
	t.opened = false
	stable, err := t.stableOffsets()
	if err != nil {
		return err
	}
	st, err := t.ed.unit.control.refresh(t.ctx)
	if err != nil {
		return err
	}
	stopped := t.readHold(st)
	pos, err := t.restore()
	if err != nil {
		return err
	}
	if err := t.openForeign(st, pos); err != nil {
		return err
	}
	if err := t.place(pos, stable); err != nil {
		return err
	}
	if t.follow != nil {
		if err := t.follow.begin(t); err != nil {
			return err
		}
	}
	t.order.begin(t.inputs)
	t.order.recording = t.follow == nil
	for _, in := range t.inputs {
		if in.high, err = t.offset(in.part, commitlog.End); err != nil {
			return err
		}
		if in.stable, err = t.stableEnd(in.part); err != nil {
			return err
		}
		t.reader.Seek(in.part, in.next)
	}
	t.now = t.ed.unit.worker.config.Clock.Now()
	t.opened = true
	t.shared.Lock()
	t.shared.stopped = stopped
	t.shared.Unlock()
	t.unparkNew = true // whatever the journal says of an earlier life: the next commit takes it back, unless it parks again
	if t.commit > 0 && t.follow == nil {
		t.touch() // soon: who reads the journal would else still take it for parked
		t.lane.hurry()
	}
	if t.parkAfter != nil {
		t.park(nil, nil, t.parkAfter)
		t.parkAfter = nil
	}
	t.say()
	return nil
}

// stableOffsets are the group's committed offsets by input, -1 where none.
func (t *task) stableOffsets() ([]int64, error) {
	parts := make([]commitlog.Partition, len(t.inputs))
	for i, in := range t.inputs {
		parts[i] = in.part
	}
	got, err := t.ed.unit.worker.logc.FetchOffsets(t.ctx, t.ed.group, parts)
	if err != nil {
		return nil, fmt.Errorf("%s: committed offsets: %w", t.name(), err)
	}
	offsets := make([]int64, len(parts))
	for i := range got {
		offsets[i] = got[i].Offset
	}
	return offsets, nil
}

// restore brings the tables to the high watermark of their changelogs and finds the journal's position, nil if it has none.
func (t *task) restore() (*journal.Position, error) {
	logs := t.ed.logsOf(t.partition) // the journal first, then the changelogs in table order
	w := t.ed.unit.worker
	ends, err := w.logc.Offsets(t.ctx, logs, commitlog.End, commitlog.ReadUncommitted)
	if err != nil {
		return nil, fmt.Errorf("%s: ends of journal and changelogs: %w", t.name(), err)
	}
	starts, err := w.logc.Offsets(t.ctx, logs, commitlog.Start, commitlog.ReadUncommitted)
	if err != nil {
		return nil, fmt.Errorf("%s: starts of journal and changelogs: %w", t.name(), err)
	}
	if err := t.distrust(starts, ends); err != nil {
		return nil, err
	}
	r := restoring{task: t, logs: logs, ends: ends, mark: t.store.Mark()}
	if r.mark.Changelogs == nil {
		r.mark.Changelogs = make([]state.Applied, len(logs)-1)
	}
	if len(r.mark.Position) > 0 {
		p, err := journal.ParsePosition(r.mark.Position)
		if err != nil {
			return nil, fmt.Errorf("%s: position in the store: %w", t.name(), err)
		}
		r.position = &p
	}
	var other *otherHistory
	switch err := r.run(t.ctx, starts); {
	case errors.As(err, &other):
		if err := t.reject(other.reason); err != nil {
			return nil, err
		}
		return t.restore() // of an empty store: it cannot happen again
	case err != nil:
		return nil, err
	}
	return r.position, nil
}

// distrust rejects a store that does not match its logs (S-12): it holds what the log does not have, or what the log forgot.
func (t *task) distrust(starts, ends []commitlog.Position) error {
	logs := state.Extents(starts, ends)
	reason := t.store.Unfit(&logs[0], logs[1:], t.ed.deleteRetention)
	if reason == "" {
		return nil
	}
	return t.reject(reason)
}

// reject moves the tables aside, which the store logs, and goes on with empty ones.
func (t *task) reject(reason string) error {
	t.ed.unit.worker.moved.Add(1)
	if err := t.store.Reject(reason); err != nil {
		return fmt.Errorf("%s: move tables aside (%s): %w", t.name(), reason, err)
	}
	t.cache.Rollback()
	return nil
}

// restoreLog logs that a restore begins; what it gives logs its end. One that has nothing to read is not worth a line of an
// operator's log.
func (t *task) restoreLog(offsets int64) (ended func()) {
	level := slog.LevelInfo
	if offsets == 0 {
		level = slog.LevelDebug
	}
	c := t.ed.unit.worker.config.Clock
	began := c.Now()
	t.log.Log(t.ctx, level, "restore begins", "offsets", offsets)
	return func() {
		took := c.Now().Sub(began)
		rate := int64(float64(offsets) / max(took, time.Microsecond).Seconds())
		t.log.Log(t.ctx, level, "restored", "offsets", offsets, "duration", took, "offsets_per_second", rate)
	}
}

func (t *task) progress(done, total int64) {
	t.shared.Lock()
	t.shared.restored, t.shared.toRestore = done, total
	t.shared.Unlock()
}

// interrupted looks at messages that come during a restore: a stop or a failure ends it; the rest waits.
func (t *task) interrupted() error {
	var later []any
	var err error
	for _, m := range t.box.take() {
		switch m := m.(type) {
		case msgStop:
			err = errStopped
		case msgFail:
			err = m.err
		case msgFreeze:
			t.lane.answer(&frozen{task: t})
		default:
			later = append(later, m)
		}
	}
	t.box.putBack(later)
	return err
}

var errStopped = errors.New("stopped during restore")

// place decides where the task goes on (S-11): where the journal and the group agree, at the base on a first start.
func (t *task) place(pos *journal.Position, stable []int64) error {
	if pos == nil {
		pos = &journal.Position{StreamTime: -1}
	}
	t.commit, t.streamTime, t.orders = pos.Commit, pos.StreamTime, pos.Orders
	base, err := t.ed.baseOf(t.ctx, t.partition)
	if err != nil {
		return err
	}
	for i, in := range t.inputs {
		journaled := pos.Next(in.stream.Name)
		switch {
		case journaled >= 0 && stable[i] >= 0 && journaled != stable[i]:
			return fmt.Errorf("%s: input %v: the group's committed offset is %d, the journal says %d: somebody moved the group's offsets; put them back, or rebuild the processor as a new edition",
				t.name(), in.part, stable[i], journaled)
		case journaled >= 0:
			in.next = journaled
		case stable[i] >= 0 && pos.Commit > 0:
			in.next = stable[i]
		case stable[i] >= 0:
			return fmt.Errorf("%s: input %v: the group has the committed offset %d, but the journal knows no position: the journal topic %s lost data or was made anew",
				t.name(), in.part, stable[i], t.ed.journal)
		default:
			in.next = base[in.stream.Name]
		}
		in.read, in.limit, in.checks, in.seen = in.next, -1, 0, 0
	}
	t.shared.Lock()
	for _, in := range t.inputs {
		t.shared.committed[in.stream.Name] = in.next
	}
	t.shared.commits, t.shared.time = t.commit, t.streamTime
	t.shared.parked = nil
	t.shared.Unlock()
	return nil
}
