package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/state"
)

// task is one processor edition on one partition. One goroutine at a time owns everything but the fields that say
// otherwise: main, which takes records, and nobody else. Others talk to it through its mailbox; it talks to its lane
// through freeze answers.
//
// Layers of effects: staged (of the record in the handler), open (of finished records), frozen (of the commit under way).
// A commit takes the open layer between two records, so a handler that takes long holds back its own task's commits and
// nobody else's.
//
// Invariants: the open layer, position and order recorder speak of the same records; at most one frozen layer exists;
// input.next never passes a record whose effects are not staged, open, frozen or committed.
type task struct {
	ed        *edition
	partition int32
	lane      *lane
	log       *slog.Logger
	box       mailbox

	ctx    context.Context // ends when the task is killed, not when it is stopped
	cancel context.CancelFunc
	done   chan struct{} // closed when the task's goroutine is gone and its store closed

	reader  commitlog.Reader
	store   *state.Store
	cache   *state.Cache
	out     outbox
	run     decl.Run
	inputs  []*input
	foreign []*foreign // tables of others, in the order of the declaration
	order   recorder
	follow  *follower // nil: takes inputs by timestamp

	// Position of what is handled; the committed one is in shared.
	mark       state.Mark // what the store holds; the lane's while a commit is under way
	commit     int64      // number of the last frozen or committed commit
	streamTime int64
	orders     int64
	dirty      bool // something joined the open layer, or a position moved, since the last freeze
	frozen     *frozen
	events     []control.Event // to be written with the next commit
	parkedNew  *journal.Parked // to be written with the next commit
	unparkNew  bool

	record      *commitlog.Record // in the handler
	from        *input
	retry       retry
	parked      *journal.Parked
	stopping    bool
	holding     bool  // takes nothing more from its public inputs
	holdVersion int64 // of the control state that asked for it
	heldSaid    bool
	drained     bool
	now         time.Time // of the batch in hand
	reported    int64     // bytes of the open layer that the budget knows

	charged   atomic.Int64  // bytes that the budget counts for this task, open and frozen
	aborts    int           // of commits of its part alone; the lane's
	left      chan struct{} // closed when it was given up
	quit      atomic.Bool   // a stop has cancelled the handler: what it says now is not the record's fault
	where     atomic.Pointer[place]
	busy      atomic.Bool         // may be inside a handler; read by the watchdog
	abandoned atomic.Bool         // the watchdog gave it up: it must touch nothing shared any more
	hung      *hang               // a record that is known to fail: its error without its handler
	single    int64               // so many records are still committed one by one
	since     int64               // records handled since the last freeze
	lastTaken *commitlog.Position // the record handled last, while single > 0
	opened    bool                // taken over: tables and position agree
	parkAfter error               // why the task is to be parked once it is taken over again

	shared struct { // what others may ask
		sync.Mutex
		phase     Phase
		committed map[string]int64 // next offset per stream
		ends      map[string]int64 // high watermark as last seen
		stables   map[string]int64 // last stable offset as last seen
		behind    map[string]*trail
		time      int64 // stream time, -1: none
		restored  int64
		toRestore int64
		parked    *journal.Parked
		commits   int64
		records   int64
		skipped   int64
		letters   int64
		fenced    int64
		foreign   int64
		lost      int64
		retries   int64
		reloads   int64
		stopped   bool         // has committed a Stopped event of the switch under way
		store     *state.Store // nil until it is open; safe for concurrent use, refuses once closed
		copies    []*mirror    // of tables of others; their offsets and stores are for all
	}
	inBarrier atomic.Bool
	counts    counters // owned by the task, published with each freeze
}

// The messages of a task's mailbox.
type (
	msgFreeze    struct{} // answer the lane with a *frozen, or one that holds nothing
	msgCommitted struct{ f *frozen }
	msgReload    struct { // the commit failed: go back to what is committed
		cause  error
		single bool // a record was refused: commit record by record until it shows (S-10)
		park   bool // something of this task was refused: stop it there
	}
	msgStop     struct{}                // finish: take no more records, then end when all is committed
	msgHold     struct{ version int64 } // take no more from public inputs, says the control state of that version
	msgRelease  struct{ version int64 } // of msgHold: nothing is to be held in the control state of that version
	msgDrained  struct{ event control.Event }
	msgPark     struct{ err error } // stop at the present place
	msgContinue struct{}            // try a parked record again
	msgFail     struct{ err error } // end at once, with this error
)

func newTask(ed *edition, partition int32, hung *hang) *task {
	t := &task{ed: ed, partition: partition, done: make(chan struct{}), left: make(chan struct{}), hung: hung}
	t.lane = ed.lanes[int(partition)%len(ed.lanes)]
	t.log = ed.log.With("partition", partition)
	t.ctx, t.cancel = context.WithCancel(ed.unit.worker.hard)
	t.box.init()
	t.run.Ops = t
	t.run.App, t.run.Processor = ed.unit.worker.app.Name(), ed.decl.Name
	t.streamTime = -1
	t.shared.committed = map[string]int64{}
	t.shared.ends = map[string]int64{}
	t.shared.stables, t.shared.behind, t.shared.time = map[string]int64{}, map[string]*trail{}, -1
	t.setPhase(Restoring)
	return t
}

func (t *task) name() string { return fmt.Sprintf("%s/%d", t.ed.group, t.partition) }

func (t *task) setPhase(p Phase) {
	t.shared.Lock()
	t.shared.phase = p
	t.shared.Unlock()
	t.ed.unit.worker.changed()
}

// start runs the task in goroutines of its own; only one of them lives at a time. The unit that calls start waits for
// t.done, or gives the task up.
func (t *task) start() { go t.main(nil) }

// main is the task's life: take the task over (S-4), handle records, and again after a failed commit. resume says that the
// goroutine before was ended by runtime.Goexit in a handler.
func (t *task) main(resume error) {
	ended := false
	defer func() {
		if !ended && !t.abandoned.Load() {
			go t.main(errGoexit) // owned by the unit, as start says
		}
	}()
	err := t.live(resume)
	ended = true
	if errors.Is(err, errStopped) {
		err = nil
	}
	if t.abandoned.Load() {
		t.leaveBehind()
		return
	}
	t.finish(err)
}

func (t *task) live(resume error) error {
	if resume != nil {
		t.run.End()
		t.cache.Discard()
		t.out.discard()
		t.failed(t.from, t.record, resume)
	} else if err := t.open(); err != nil {
		return err
	}
	for {
		err := t.loop()
		reload, again := err.(*reloadError)
		if !again {
			return err
		}
		t.log.Warn("task goes back to what is committed", "error", reload.cause)
		if err := t.reload(reload.msgReload); err != nil {
			return err
		}
	}
}

// reloadError ends the loop to take the task over anew.
type reloadError struct{ msgReload }

func (e *reloadError) Error() string { return "reload: " + e.cause.Error() }

// finish closes what the task owns and tells the unit.
func (t *task) finish(err error) {
	t.box.setPoke(nil)
	clean := err == nil && t.frozen == nil && t.opened
	if t.reader != nil {
		t.dropQueues()
		err = firstError(err, t.reader.Close())
	}
	if t.store != nil {
		if cerr := t.store.Close(clean); cerr != nil && err == nil {
			err = fmt.Errorf("%s: close tables: %w", t.name(), cerr)
		}
	}
	err = firstError(err, t.closeForeign(clean))
	t.unchargeAll()
	t.setPhase(Stopped)
	t.lane.leave(t)
	t.cancel()
	t.ed.unit.tell(taskEnded{t, err})
	close(t.done)
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// loop handles records until the task ends (nil), must reload, or fails for good.
func (t *task) loop() error {
	t.setPhase(t.runningPhase())
	t.box.setPoke(t.reader.Wake)
	if t.box.late || t.stopping { // a task that was to stop when its commit failed stops now
		t.box.attention.Store(true)
	}
	defer t.box.setPoke(nil)
	for {
		if t.box.attention.Load() {
			if end, err := t.attend(); end || err != nil {
				return err
			}
		}
		if t.retry.pending && !t.tryAgain() {
			t.idle(t.retry.timer.C())
			continue
		}
		if t.mayTake() {
			in, bound := t.pick()
			if in != nil {
				t.busy.Store(true)
				t.take(in, bound)
				continue
			}
			t.busy.Store(false)
			if t.dirty && (t.ed.unit.worker.settling.Load() > 0 || t.arrived()) {
				t.lane.hurry()
			}
			if err := t.fetch(); err != nil {
				return err
			}
			t.noticeMisuse()
			continue
		}
		t.busy.Store(false)
		t.idle(nil)
	}
}

// mayTake tells whether records may be handled now: not while parked, stopping, or out of the worker's budget.
func (t *task) mayTake() bool {
	if t.parked != nil || t.stopping {
		return false
	}
	if t.single > 0 && (t.dirty || t.frozen != nil) {
		t.lane.hurry()
		return false
	}
	if t.ed.unit.worker.budget.full() && t.dirty {
		t.lane.hurry()
		return false
	}
	return true
}

// idle waits for a message, for the alarm, or for the end.
func (t *task) idle(alarm <-chan time.Time) {
	select {
	case <-t.box.wake:
	case <-alarm:
	case <-t.ctx.Done():
		t.box.post(msgFail{t.ctx.Err()})
	}
}

// attend works off the mailbox. It returns true when the task is over.
func (t *task) attend() (end bool, err error) {
	t.noticeMisuse()
	messages := t.box.take()
	for i, m := range messages {
		switch m := m.(type) {
		case msgFreeze:
			t.answerFreeze()
		case msgCommitted:
			t.committed(m.f)
		case msgReload:
			if rest := messages[i+1:]; len(rest) > 0 {
				t.box.putBack(rest)
				t.box.attention.Store(true) // a stop among them ends the restore
			}
			return true, &reloadError{m}
		case msgStop:
			t.stopping = true
		case msgHold:
			t.hold(m.version)
		case msgRelease:
			t.release(m.version)
		case msgDrained:
			if !t.drained {
				t.drained = true
				t.events = append(t.events, m.event)
				t.touch()
				t.lane.hurry()
			}
		case msgPark:
			t.park(nil, nil, m.err)
		case msgContinue:
			t.unpark()
		case msgSources:
			if err := t.sourcesMoved(); err != nil {
				return true, err
			}
		case msgFail:
			return true, m.err
		}
	}
	if t.stopping && t.frozen == nil && !t.dirty {
		return true, nil
	}
	if t.stopping && t.dirty {
		t.lane.hurry()
	}
	return false, nil
}

// touch says that the next commit has something to do for this task.
func (t *task) touch() {
	if !t.dirty {
		t.dirty = true
		t.lane.kick()
	}
}
