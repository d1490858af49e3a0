package decl

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/millrun/millrun/commitlog"
)

// ErrStale is reported when a Context is used after its handler returned.
var ErrStale = errors.New("millrun: context used after its handler returned")

// Ops is what a handler can do to the world, in bytes. The runtime implements it once per task; calls come from the
// goroutine that runs the handler. Faults do not come back as errors: Ops calls Run.Fault and answers with nothing.
type Ops interface {
	// Get returns the value of key; the bytes are valid until the next call of Ops.
	Get(t *Table, key []byte) (value []byte, ok bool)
	// Put stages a value; Ops copies key and value. Delete stages a removal.
	Put(t *Table, key, value []byte)
	Delete(t *Table, key []byte)
	// Scan calls yield for the entries whose sort form is in [from, to), in the order of the sort form, until yield returns
	// false; a nil bound is open. It shows the table as of the call. Key (in its log form) and value are valid in the call.
	Scan(t *Table, from, to []byte, yield func(key, value []byte) bool)
	// Emit stages a record; Ops copies all bytes. A nil value is a tombstone.
	Emit(s *Stream, key, value []byte, timestamp int64, headers []commitlog.Header)
}

// Meta describes the record in the handler. Timestamps are ms since 1970, -1 for none.
type Meta struct {
	Timestamp  int64
	StreamTime int64
	Partition  *commitlog.Partition // of the input; never written to
	Offset     int64
	Headers    []commitlog.Header // valid in the call
}

// Run is one task's place in its handlers: a task owns one and reuses it for each record. Begin, End, Fault and the exported
// fields belong to the goroutine that runs the handler. Live, Cancel, Stale and Misuse may be called from any goroutine.
//
// A record is one call. Its number is what a Context carries; End raises the number, so a Context that was kept is told
// apart from a fresh one without a pointer to compare.
type Run struct {
	Ops       Ops    // set once, before the first Begin
	Processor string // for messages
	Meta      Meta
	// Key and Value are scratch buffers for encoding: handles append from [:0] and store the result back.
	Key, Value []byte
	// IDs counts the identifiers given out in this call; Rand is made on first use in a call.
	IDs  int
	Rand *rand.Rand

	call   atomic.Uint64
	fault  error
	misuse atomic.Pointer[error]
	watch  watch
}

// watch is the context side of the call under way. It costs nothing until somebody asks for Done.
type watch struct {
	used atomic.Bool // somebody asked in this call
	mu   struct {
		sync.Mutex
		call   uint64 // the call that the fields below speak of
		done   chan struct{}
		err    error
		after  map[int]func()
		nextID int
	}
	cancelled atomic.Pointer[cancelled]
}

type cancelled struct {
	call uint64
	err  error
}

// Begin starts a call for one record and returns its number.
func (r *Run) Begin(m Meta) uint64 {
	r.Meta = m
	r.fault = nil
	r.IDs = 0
	r.Rand = nil
	return r.call.Load()
}

// End ends the call: contexts of it are stale from here on. It returns the first fault of the call, nil if there was none.
func (r *Run) End() error {
	call := r.call.Add(1) - 1
	if r.watch.used.Load() {
		r.close(call, context.Canceled)
	}
	return r.fault
}

// Call is the number of the call under way.
func (r *Run) Call() uint64 { return r.call.Load() }

// Live tells whether call is the one under way. If not, it records the misuse, which the runtime reads with Misuse.
func (r *Run) Live(call uint64) bool {
	if r.call.Load() == call {
		return true
	}
	r.Stale()
	return false
}

// Stale records that a Context of an ended call was used.
func (r *Run) Stale() {
	err := error(ErrStale)
	r.misuse.CompareAndSwap(nil, &err)
}

// Misuse returns and clears what Stale recorded.
func (r *Run) Misuse() error {
	if r.misuse.Load() == nil {
		return nil
	}
	if p := r.misuse.Swap(nil); p != nil {
		return *p
	}
	return nil
}

// Fault keeps the record's first fault and cancels the context: what the handler does from here on is discarded.
func (r *Run) Fault(err error) {
	if r.fault != nil {
		return
	}
	r.fault = err
	r.Cancel(r.call.Load(), context.Canceled)
}

// Faulted returns the first fault of the call under way.
func (r *Run) Faulted() error { return r.fault }

// Cancel cancels the contexts of call, if it is under way.
func (r *Run) Cancel(call uint64, err error) {
	next := &cancelled{call, err}
	for {
		was := r.watch.cancelled.Load()
		if was != nil && was.call >= call {
			break // the first reason stays; an older call is not of interest any more
		}
		if r.watch.cancelled.CompareAndSwap(was, next) {
			break
		}
	}
	if r.watch.used.Load() {
		r.close(call, err)
	}
}

// Done returns the channel that closes when call ends or is cancelled.
func (r *Run) Done(call uint64) <-chan struct{} {
	r.watch.used.Store(true)
	w := &r.watch.mu
	w.Lock()
	defer w.Unlock()
	if err := r.Err(call); err != nil {
		return closedChan
	}
	r.openLocked(call)
	return w.done
}

// Err is nil while call is under way and not cancelled.
func (r *Run) Err(call uint64) error {
	if r.call.Load() != call {
		return context.Canceled
	}
	if c := r.watch.cancelled.Load(); c != nil && c.call == call {
		return c.err
	}
	return nil
}

// AfterFunc arranges that f runs in its own goroutine when call ends or is cancelled; stop takes it back and tells
// whether it did. Package context uses it, so that a derived context starts no goroutine.
func (r *Run) AfterFunc(call uint64, f func()) (stop func() bool) {
	r.watch.used.Store(true)
	w := &r.watch.mu
	w.Lock()
	defer w.Unlock()
	if r.Err(call) != nil {
		go f() // owned by the caller, as context.AfterFunc says
		return func() bool { return false }
	}
	r.openLocked(call)
	id := w.nextID
	w.nextID++
	w.after[id] = f
	return func() bool {
		w.Lock()
		defer w.Unlock()
		if w.call != call {
			return false
		}
		_, was := w.after[id]
		delete(w.after, id)
		return was
	}
}

func (r *Run) openLocked(call uint64) {
	w := &r.watch.mu
	if w.done != nil && w.call == call {
		return
	}
	w.call, w.done, w.err, w.after = call, make(chan struct{}), nil, map[int]func(){}
}

func (r *Run) close(call uint64, err error) {
	w := &r.watch.mu
	w.Lock()
	defer w.Unlock()
	if w.done == nil || w.call != call {
		return
	}
	close(w.done)
	w.done, w.err = nil, err
	for _, f := range w.after {
		go f() // owned by the caller of AfterFunc
	}
	w.after = nil
	r.watch.used.Store(false)
}

var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()
