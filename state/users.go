package state

import (
	"sync"
	"sync/atomic"
)

// users counts the calls inside a backend, so that it is closed under nobody: goleveldb must not be closed while an iterator
// is open. A lock would not do, for a scan calls the user, who may call Get while a Close waits.
type users struct {
	// closing tells scans under way to end with their next entry: one of a large table must not keep a stop waiting.
	closing atomic.Bool
	mu      struct {
		sync.Mutex
		inside int
		closed bool
		idle   chan struct{} // closed by the last to leave; nil: nobody waits
	}
}

// enter begins a call, unless the backend is closed or closing.
func (u *users) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.mu.closed {
		return false
	}
	u.mu.inside++
	return true
}

func (u *users) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mu.inside--
	if u.mu.inside == 0 && u.mu.idle != nil {
		close(u.mu.idle)
		u.mu.idle = nil
	}
}

// close lets nobody in any more and waits until nobody is inside; false if it was closed already.
func (u *users) close() bool {
	u.mu.Lock()
	if u.mu.closed {
		u.mu.Unlock()
		return false
	}
	u.mu.closed = true
	u.closing.Store(true)
	var idle chan struct{}
	if u.mu.inside > 0 {
		idle = make(chan struct{})
		u.mu.idle = idle
	}
	u.mu.Unlock()
	if idle != nil {
		<-idle
	}
	return true
}

// open lets users in again.
func (u *users) open() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closing.Store(false)
	u.mu.closed = false
}
