package clock

import (
	"container/heap"
	"time"
)

// unset is the index of an alarm that is not in the heap.
const unset = -1

// alarm is one Timer of a Virtual. While it is in the heap its channel is empty. All fields that change are guarded by
// the clock's mu.
type alarm struct {
	clock *Virtual
	c     chan time.Time // nil for AfterFunc
	f     func()         // nil for NewTimer

	at    time.Time
	order int64 // of setting
	index int   // in the heap
}

// C gives the channel, nil for AfterFunc.
func (a *alarm) C() <-chan time.Time { return a.c }

// Stop tells whether it kept the alarm from being seen: it was set, or its value had not been received yet.
func (a *alarm) Stop() bool {
	a.clock.mu.Lock()
	defer a.clock.mu.Unlock()
	return a.stop()
}

// Reset sets the alarm anew and tells what Stop would have told.
func (a *alarm) Reset(d time.Duration) bool {
	v := a.clock
	v.mu.Lock()
	defer v.mu.Unlock()
	stopped := a.stop()
	switch {
	case d > 0:
		v.mu.set++
		a.at, a.order = v.mu.now.Add(d), v.mu.set
		heap.Push(&v.mu.alarms, a)
		close(v.mu.grown)
		v.mu.grown = make(chan struct{})
	case a.f != nil:
		go a.f() // as with time.AfterFunc, its owner is who set it
	default:
		a.c <- v.mu.now
	}
	return stopped
}

// stop takes the alarm back and empties its channel. The caller holds the clock's mu.
func (a *alarm) stop() bool {
	if a.index != unset {
		heap.Remove(&a.clock.mu.alarms, a.index)
		return true
	}
	select {
	case <-a.c: // never for AfterFunc, whose channel is nil
		return true
	default:
		return false
	}
}

// alarms is a heap by time and order of setting.
type alarms []*alarm

func (h alarms) Len() int { return len(h) }

func (h alarms) Less(i, j int) bool {
	if c := h[i].at.Compare(h[j].at); c != 0 {
		return c < 0
	}
	return h[i].order < h[j].order
}

func (h alarms) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is for package heap.
func (h *alarms) Push(x any) {
	a := x.(*alarm)
	a.index = len(*h)
	*h = append(*h, a)
}

// Pop is for package heap.
func (h *alarms) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	a.index = unset
	return a
}
