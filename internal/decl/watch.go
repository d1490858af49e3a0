package decl

import (
	"context"
	"sync"
	"sync/atomic"
)

// watch is the context side of the call under way. It costs one atomic load per record until somebody asks for Done.
//
// What must hold: mu.done is open only while used is true, so that whoever ends or cancels the call sees used and closes the
// channel. Done and AfterFunc set used first and look at the call's state after it; End and Cancel change the state first and
// look at used after it. One of the two always sees the other.
type watch struct {
	used      atomic.Bool
	cancelled atomic.Pointer[cancelled]
	mu        struct {
		sync.Mutex
		call   uint64 // the call that the fields below speak of
		done   chan struct{}
		after  map[int]func()
		nextID int
	}
}

type cancelled struct {
	call uint64
	err  error
}

// Cancel cancels the contexts of call, if it is under way. The first reason stays.
func (r *Run) Cancel(call uint64, err error) {
	next := &cancelled{call, err}
	for {
		was := r.watch.cancelled.Load()
		if was != nil && was.call >= call {
			break // cancelled before, or an older call than the last that was
		}
		if r.watch.cancelled.CompareAndSwap(was, next) {
			break
		}
	}
	if r.watch.used.Load() {
		r.watch.close(call)
	}
}

// Done returns the channel that closes when call ends or is cancelled.
func (r *Run) Done(call uint64) <-chan struct{} {
	w := &r.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Err(call) != nil {
		return closedChan
	}
	w.openLocked(call)
	done := w.mu.done
	if r.Err(call) != nil { // ended since the look above, perhaps before used was set
		w.closeLocked()
	}
	return done
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
	w := &r.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Err(call) != nil {
		go f() // owned by the caller, as context.AfterFunc says
		return func() bool { return false }
	}
	w.openLocked(call)
	id := w.mu.nextID
	w.mu.nextID++
	w.mu.after[id] = f
	if r.Err(call) != nil {
		w.closeLocked()
	}
	return func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.mu.call != call {
			return false
		}
		_, was := w.mu.after[id]
		delete(w.mu.after, id)
		return was
	}
}

func (w *watch) openLocked(call uint64) {
	if w.mu.done == nil || w.mu.call != call {
		w.mu.call, w.mu.done, w.mu.after = call, make(chan struct{}), map[int]func(){}
	}
	w.used.Store(true)
}

func (w *watch) close(call uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.call == call {
		w.closeLocked()
	}
}

func (w *watch) closeLocked() {
	w.used.Store(false)
	if w.mu.done == nil {
		return
	}
	close(w.mu.done)
	w.mu.done = nil
	for _, f := range w.mu.after {
		go f() // owned by the caller of AfterFunc
	}
	w.mu.after = nil
}

var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()
