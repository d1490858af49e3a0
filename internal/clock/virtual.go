package clock

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Virtual is a Clock that moves only when Advance or AdvanceTo tell it to. Safe for concurrent use.
//
// On the way to its new time it stops at each alarm due by then, in order of time and, at one time, of setting. There it
// sends on the alarm's channel, or calls its function in a goroutine of its own and waits for it to return before time
// goes on. So when Advance returns all functions due have run, alarms they set within the span included. The price: a
// function given to AfterFunc must not call Advance, and the caller of Advance must hold nothing such a function waits
// for. A receiver on a channel is not waited for: nobody can tell when it has done its work.
type Virtual struct {
	advancing sync.Mutex // held by the one Advance under way

	mu struct {
		sync.Mutex
		now    time.Time
		alarms alarms
		set    int64         // counts settings, to order alarms of one time
		grown  chan struct{} // closed and replaced when an alarm is set
	}
}

// NewVirtual makes a clock that stands at start.
func NewVirtual(start time.Time) *Virtual {
	v := &Virtual{}
	v.mu.now = start
	v.mu.grown = make(chan struct{})
	return v
}

// Now gives the time the clock stands at.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mu.now
}

// NewTimer gives a timer that sends when the clock has moved by d; d <= 0 fires at once.
func (v *Virtual) NewTimer(d time.Duration) Timer {
	a := &alarm{clock: v, c: make(chan time.Time, 1), index: unset}
	a.Reset(d)
	return a
}

// AfterFunc calls f in its own goroutine when the clock has moved by d; for d <= 0 at once, and then nobody waits for it.
func (v *Virtual) AfterFunc(d time.Duration, f func()) Timer {
	a := &alarm{clock: v, f: f, index: unset}
	a.Reset(d)
	return a
}

// Advance moves the clock by d; a negative d moves it by nothing.
func (v *Virtual) Advance(d time.Duration) {
	v.advancing.Lock()
	defer v.advancing.Unlock()
	v.advanceTo(v.Now().Add(max(d, 0)))
}

// AdvanceTo moves the clock to t. A t that has passed moves it by nothing.
func (v *Virtual) AdvanceTo(t time.Time) {
	v.advancing.Lock()
	defer v.advancing.Unlock()
	v.advanceTo(t)
}

// Next tells when the earliest alarm is due, and false if none is set.
func (v *Virtual) Next() (time.Time, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.mu.alarms) == 0 {
		return time.Time{}, false
	}
	return v.mu.alarms[0].at, true
}

// Pending tells how many alarms are set.
func (v *Virtual) Pending() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.mu.alarms)
}

// AwaitPending waits until at least n alarms are set, so that a test advances only when the loop it drives has set its
// own. It ends with the context's error.
func (v *Virtual) AwaitPending(ctx context.Context, n int) error {
	for {
		v.mu.Lock()
		enough, grown := len(v.mu.alarms) >= n, v.mu.grown
		v.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// advanceTo fires what is due by t. The caller holds advancing.
func (v *Virtual) advanceTo(t time.Time) {
	for {
		f, due := v.fireNext(t)
		if !due {
			return
		}
		if f != nil {
			done := make(chan struct{})
			go func() { // ends with f; this loop waits for it
				defer close(done) // also when f ends its goroutine
				f()
			}()
			<-done
		}
	}
}

// fireNext moves to the earliest alarm due by t and fires it; a function is left to the caller. With none due it moves
// to t and gives false.
func (v *Virtual) fireNext(t time.Time) (f func(), due bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.mu.alarms) == 0 || v.mu.alarms[0].at.After(t) {
		if t.After(v.mu.now) {
			v.mu.now = t
		}
		return nil, false
	}
	a := heap.Pop(&v.mu.alarms).(*alarm)
	if a.at.After(v.mu.now) {
		v.mu.now = a.at
	}
	if a.f == nil {
		a.c <- v.mu.now // room for one, and empty while the alarm is set
	}
	return a.f, true
}
