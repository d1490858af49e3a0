package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/state"
)

// lane is the tasks of one processor edition on this worker that share one producer, and so one transaction (S-8). Its
// goroutine, run, owns everything but the channels.
//
// A commit: every task with something to commit answers with its open layer between two records; what the tasks gave goes
// into one transaction (changelogs, outputs, journal, input offsets); once the log says committed, each task's tables get
// it as one batch. A task that is inside a long handler answers later and joins a later commit.
type lane struct {
	ed    *edition
	index int
	log   *slog.Logger
	tx    commitlog.Transactor

	kicks    chan struct{} // something waits for a commit: set the alarm
	hurries  chan struct{} // commit now
	answers  chan *frozen  // without a buffer: what a task gave is the lane's at once, so none is found to be of an earlier round
	requests chan func()
	done     chan struct{}

	tasks map[*task]bool // true: asked, has not answered
	given []*frozen      // answers that wait for the commit
	timer clock.Timer
	armed bool
	// A log that cannot write, a full disk, is tried again after a pause that doubles.
	pause       time.Duration
	pausedUntil time.Time
	storage     int  // commits in a row that the log could not store
	aborts      int  // commits in a row that failed and named nobody
	renewing    bool // the producer has no valid epoch: what is asked for meanwhile must not commit
	closed      bool // the commit gate: no commits while the group changes generation
	pending     bool // a commit was due while the gate was closed
	records     []commitlog.Record
	scratch     []byte

	ctx     context.Context                    // of run
	writing atomic.Pointer[context.CancelFunc] // ends the write under way
}

func newLane(ed *edition, index int) *lane {
	return &lane{ed: ed, index: index, log: ed.log.With("lane", index),
		kicks: make(chan struct{}, 1), hurries: make(chan struct{}, 1), answers: make(chan *frozen), requests: make(chan func()),
		done: make(chan struct{}), tasks: map[*task]bool{}, closed: true}
}

// interrupt gives up the commit under way: its group has moved on, or its worker must end.
func (l *lane) interrupt() {
	if cancel := l.writing.Load(); cancel != nil {
		(*cancel)()
	}
}

// kick says that a task has something to commit; hurry that it should not wait. Neither blocks.
func (l *lane) kick() { signal(l.kicks) }

func (l *lane) hurry() { signal(l.hurries) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// answer gives a task's open layer to the lane.
func (l *lane) answer(f *frozen) {
	select {
	case l.answers <- f:
	case <-l.done:
	}
}

// do runs f on the lane's goroutine and waits for it. It does nothing once the lane has ended.
func (l *lane) do(f func()) {
	ran := make(chan struct{})
	select {
	case l.requests <- func() { f(); close(ran) }:
		<-ran
	case <-l.done:
	}
}

func (l *lane) join(t *task)  { l.do(func() { l.tasks[t] = false }) }
func (l *lane) leave(t *task) { l.do(func() { l.forget(t) }) }

func (l *lane) forget(t *task) {
	delete(l.tasks, t)
	kept := l.given[:0]
	for _, f := range l.given {
		if f.task != t {
			kept = append(kept, f)
		}
	}
	l.given = kept
}

// drop takes back what a task gave that is about to start over: it must not be committed any more.
func (l *lane) drop(t *task) {
	l.do(func() {
		if _, ok := l.tasks[t]; ok {
			l.forget(t)
			l.tasks[t] = false
		}
	})
}

// prepare commits what there is and closes the gate: no transaction spans two generations (S-6).
func (l *lane) prepare(ctx context.Context) error {
	var err error
	l.do(func() {
		l.commit(ctx)
		l.closed = true
	})
	return err
}

// open opens the gate with a new generation in the edition.
func (l *lane) open() {
	l.do(func() {
		l.closed = false
		if l.pending {
			l.pending = false
			l.kick()
		}
	})
}

// run owns the lane until ctx ends. The unit starts it and waits for done.
func (l *lane) run(ctx context.Context) {
	defer close(l.done)
	l.ctx = ctx
	l.timer = l.ed.unit.worker.config.Clock.NewTimer(time.Hour)
	l.timer.Stop()
	defer l.timer.Stop()
	for {
		select {
		case <-l.kicks:
			if !l.armed {
				l.armed = true
				l.timer.Reset(l.ed.unit.worker.config.CommitEvery)
			}
		case <-l.timer.C():
			l.armed = false
			l.commit(ctx)
		case <-l.hurries:
			l.commit(ctx)
		case f := <-l.requests:
			f()
		case f := <-l.answers: // of a round that did not wait for it: it is due
			l.take(f)
			l.hurry()
		case <-ctx.Done():
			return
		}
	}
}

// take keeps an answer for the next commit.
func (l *lane) take(f *frozen) {
	if _, ok := l.tasks[f.task]; !ok {
		return
	}
	l.tasks[f.task] = false
	if f.position.Commit > 0 {
		l.given = append(l.given, f)
	}
}

// commit runs one commit round.
func (l *lane) commit(ctx context.Context) {
	if wait := l.pausedUntil.Sub(l.ed.unit.worker.config.Clock.Now()); wait > 0 && !l.closed {
		l.armed = true
		l.timer.Reset(wait)
		return
	}
	if l.closed || l.renewing {
		l.pending = true
		return
	}
	l.armed = false
	l.timer.Stop()
	l.collect(ctx)
	if l.closed || len(l.given) == 0 {
		l.pending = l.pending || len(l.given) > 0 // the gate was closed meanwhile
		return
	}
	fs := l.given
	l.given = nil
	started := l.ed.unit.worker.config.Clock.Now()
	if l.aborts >= abortsInARow {
		l.oneByOne(ctx, fs)
		return
	}
	ends, err := l.write(ctx, fs)
	if err == nil {
		l.aborts, l.pause, l.storage = 0, 0, 0
		l.apply(fs, ends)
		took := l.ed.unit.worker.config.Clock.Now().Sub(started)
		l.ed.unit.commits.succeeded(took)
		l.ed.unit.worker.committed(took)
		return
	}
	l.failed(fs, err) // not with ctx, which may be the reason
}

// abortsInARow is how many commits of a lane may fail with nobody to blame before its tasks are committed one by one (S-8).
const abortsInARow = 3

// oneByOne commits each task's part in a transaction of its own, so that one whose part the log will not take, for a reason
// that names nobody, stops and does not hold up the others. When all went well the lane commits together again.
func (l *lane) oneByOne(ctx context.Context, fs []*frozen) {
	l.aborts = 0
	for i, f := range fs {
		ends, err := l.write(ctx, fs[i:i+1])
		if err == nil {
			f.task.aborts = 0
			l.apply(fs[i:i+1], ends)
			continue
		}
		l.aborts = abortsInARow // go on like this
		if blames(err) {
			f.task.aborts++
		}
		l.failed(fs[i:i+1], err)
		if l.closed || l.ctx.Err() != nil {
			for _, rest := range fs[i+1:] {
				rest.task.box.post(msgReload{cause: err})
			}
			return
		}
	}
}

// collect asks every task for its open layer and waits for the answers of those that are between two records. One that is
// in a handler answers when it can: the commit does not wait for it longer than patience.
func (l *lane) collect(ctx context.Context) {
	waiting := 0
	for t, asked := range l.tasks {
		if !asked && !l.gave(t) {
			l.tasks[t] = true
			t.box.post(msgFreeze{})
		}
		if l.tasks[t] {
			waiting++
		}
	}
	patience := l.ed.unit.worker.config.Clock.NewTimer(max(l.ed.unit.worker.config.CommitEvery/4, 5*time.Millisecond))
	defer patience.Stop()
	for waiting > 0 {
		select {
		case f := <-l.answers:
			l.take(f)
		case f := <-l.requests:
			f()
		case <-patience.C():
			return
		case <-ctx.Done():
			return
		}
		waiting = 0
		for _, asked := range l.tasks {
			if asked {
				waiting++
			}
		}
	}
}

func (l *lane) gave(t *task) bool {
	for _, f := range l.given {
		if f.task == t {
			return true
		}
	}
	return false
}

// write puts the effects of fs into one transaction. A log that does not answer within the transaction's timeout has aborted
// it by then; interrupt gives up earlier.
func (l *lane) write(ctx context.Context, fs []*frozen) ([]commitlog.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, l.ed.unit.worker.config.TransactionTimeout)
	defer cancel()
	l.writing.Store(&cancel)
	defer l.writing.Store(nil)
	for _, f := range fs {
		if err := l.append(ctx, f); err != nil {
			return nil, err
		}
	}
	return l.tx.Commit(ctx, l.ed.offsets(fs)...)
}

// append sends one task's part: changelogs, outputs, control events, and the journal.
func (l *lane) append(ctx context.Context, f *frozen) error {
	now := l.ed.unit.worker.config.Clock.Now().UnixMilli()
	logs := l.ed.logsOf(f.task.partition)
	if f.changes != nil {
		for i := range l.ed.tables {
			l.records = f.changes.Records(l.records[:0], i, now)
			if len(l.records) == 0 {
				continue
			}
			if err := l.tx.Append(ctx, logs[i+1], l.records); err != nil {
				return fmt.Errorf("changelog of %s: %w", l.ed.tables[i].decl.Name, err)
			}
		}
	}
	for _, list := range f.out.lists {
		if err := l.tx.Append(ctx, list.part, list.records); err != nil {
			return fmt.Errorf("output: %w", err)
		}
	}
	if len(f.events) > 0 {
		var records []commitlog.Record
		for _, e := range f.events {
			records = append(records, commitlog.Record{Key: []byte(e.Processor), Value: control.Append(nil, e), Timestamp: now})
		}
		if err := l.tx.Append(ctx, commitlog.Partition{Topic: l.ed.unit.controlTopic}, records); err != nil {
			return fmt.Errorf("control topic: %w", err)
		}
	}
	if err := l.tx.Append(ctx, logs[0], l.journal(f, now)); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// journal makes the journal records of one commit.
func (l *lane) journal(f *frozen, now int64) []commitlog.Record {
	l.scratch = journal.AppendPosition(l.scratch[:0], &f.position)
	records := []commitlog.Record{{Key: journal.PositionKey(l.ed.number), Value: l.scratch, Timestamp: now}}
	if f.order != nil {
		records = append(records, commitlog.Record{Key: journal.OrderKey(f.order.Number),
			Value: journal.AppendOrder(nil, f.order), Timestamp: now})
	}
	switch {
	case f.parked != nil:
		records = append(records, commitlog.Record{Key: journal.ParkedKey(l.ed.number),
			Value: journal.AppendParked(nil, f.parked), Timestamp: now})
	case f.unpark:
		records = append(records, commitlog.Record{Key: journal.ParkedKey(l.ed.number), Timestamp: now})
	}
	return records
}

// apply puts committed effects into the tables, each task's in one batch with how far it goes.
func (l *lane) apply(fs []*frozen, ends []commitlog.Position) {
	end := make(map[commitlog.Partition]int64, len(ends))
	for _, e := range ends {
		end[e.Partition] = e.Offset
	}
	now := l.ed.unit.worker.config.Clock.Now().UnixMilli()
	for _, f := range fs {
		t := f.task
		m := state.Mark{Commit: f.position.Commit, Position: journal.AppendPosition(nil, &f.position),
			Journal: t.mark.Journal, Changelogs: append([]state.Applied(nil), t.mark.Changelogs...), Time: now}
		for i, p := range l.ed.logsOf(t.partition) {
			next, ok := end[p]
			switch {
			case !ok:
			case i == 0:
				m.Journal.Next = next
			default:
				m.Changelogs[i-1].Next = next
			}
		}
		if err := t.store.Apply(f.changes, m); err != nil {
			if !errors.Is(err, state.ErrClosed) {
				t.box.post(msgFail{fmt.Errorf("%s: write tables (the log has the commit, a restart replays it): %w", t.name(), err)})
			}
			continue
		}
		t.mark = m
		t.applied(f)
		t.box.post(msgCommitted{f})
		if t.store.BarrierDue() {
			l.ed.barrier(t)
		}
	}
}

// failed settles a commit that did not succeed, or may have: a new producer epoch first, then each task reads what is
// committed (S-7). Nothing is retried in the hope that it was not done.
func (l *lane) failed(fs []*frozen, err error) {
	ctx := l.ctx
	if ctx.Err() != nil {
		return
	}
	l.ed.unit.commits.hasFailed(err)
	l.log.Warn("commit failed", "kind", failureKinds[failureKind(err)].name, "error", err)
	if errors.Is(err, commitlog.ErrFenced) {
		l.closed = true
		l.ed.unit.tell(unitFailed{fmt.Errorf("%s lane %d: another worker has this worker's id: %w", l.ed.group, l.index, err)})
		return
	}
	if errors.Is(err, commitlog.ErrNotMember) {
		l.closed = true // until the group has assigned anew, which may be while the epoch is renewed
		l.pending = true
		l.ed.unit.tell(membershipLost{})
	}
	if rerr := l.renew(ctx); rerr != nil {
		l.closed = true
		if ctx.Err() == nil {
			l.ed.unit.tell(unitFailed{fmt.Errorf("%s lane %d: new producer epoch after %v: %w", l.ed.group, l.index, err, rerr)})
		}
		return
	}
	if blames(err) {
		l.aborts = min(l.aborts+1, abortsInARow)
	}
	if errors.Is(err, commitlog.ErrStorage) {
		l.storage++
		l.pause = min(max(2*l.pause, storagePause), 30*storagePause)
		l.pausedUntil = l.ed.unit.worker.config.Clock.Now().Add(l.pause)
	}
	culprits := l.culprits(fs, err)
	for _, f := range fs {
		m := msgReload{cause: err, park: f.task.aborts >= abortsInARow}
		if m.park {
			f.task.aborts = 0 // it gets as many tries again when somebody lets it go on
		}
		if culprits[f.task] {
			m.single = errors.Is(err, commitlog.ErrTooLarge) || errors.Is(err, commitlog.ErrInvalidRecord)
			m.park = m.park || !m.single
		}
		f.task.box.post(m)
	}
}

// blames tells whether the failure of a commit may be the fault of what was in it: not that of a log that is away or cannot write,
// and not the group's.
func blames(err error) bool {
	return !errors.Is(err, commitlog.ErrNotMember) && !errors.Is(err, commitlog.ErrUnavailable) && !errors.Is(err, commitlog.ErrStorage)
}

// storagePause is the first wait after a commit that the log could not store. After storageTries in a row the tasks that wrote
// where the log cannot store stop, as for any other refusal.
const (
	storagePause = time.Second
	storageTries = 3
)

// culprits finds the tasks whose part the log refused: those that wrote to the partition that the error names.
func (l *lane) culprits(fs []*frozen, err error) map[*task]bool {
	var pe *commitlog.PartitionError
	if !errors.As(err, &pe) || errors.Is(err, commitlog.ErrUnavailable) || errors.Is(err, commitlog.ErrStorage) && l.storage < storageTries || errors.Is(err, commitlog.ErrUnknownOutcome) {
		return nil
	}
	found := map[*task]bool{}
	for _, f := range fs {
		for i, p := range l.ed.logsOf(f.task.partition) {
			if p == pe.Partition && (i == 0 || f.changes != nil) {
				found[f.task] = true
			}
		}
		for _, list := range f.out.lists {
			if list.part == pe.Partition {
				found[f.task] = true
			}
		}
	}
	return found
}

// renew takes a new producer epoch, with patience while the log is away. It goes on to serve requests meanwhile.
func (l *lane) renew(ctx context.Context) error {
	l.renewing = true
	defer func() { l.renewing = false }()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		try, cancel := context.WithTimeout(ctx, renewPatience)
		err := l.tx.Renew(try)
		tried := try.Err()
		cancel()
		if err == nil || ctx.Err() != nil || tried == nil && !errors.Is(err, commitlog.ErrUnavailable) {
			return err
		}
		timer := l.ed.unit.worker.config.Clock.NewTimer(wait)
		select {
		case <-timer.C():
		case f := <-l.requests:
			f()
		case f := <-l.answers: // a task must not wait for the log to come back: it may have to end
			l.take(f)
			l.hurry()
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
}

// renewPatience bounds one request for a new epoch.
const renewPatience = 5 * time.Second
