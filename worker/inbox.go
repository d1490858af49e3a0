package worker

import "sync"

// inbox is a unit's queue of messages. Putting never waits, because those who put, lanes and tasks, may be what the unit is
// waiting for. It stays short: news that only say "look again" are kept once, and of the rest each sender has one under way.
type inbox struct {
	wake chan struct{} // capacity 1: something was put
	mu   struct {
		sync.Mutex
		list []any
	}
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

func (b *inbox) put(m any) {
	b.mu.Lock()
	if !b.pendingLocked(m) {
		b.mu.list = append(b.mu.list, m)
	}
	b.mu.Unlock()
	signal(b.wake)
}

// pendingLocked tells whether the same news waits already.
func (b *inbox) pendingLocked(m any) bool {
	switch m.(type) {
	case commitsMoved, controlMoved:
		for _, waiting := range b.mu.list {
			if waiting == m {
				return true
			}
		}
	}
	return false
}

// next takes the oldest message; false: none waits, and wake tells when one does.
func (b *inbox) next() (any, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mu.list) == 0 {
		return nil, false
	}
	m := b.mu.list[0]
	b.mu.list = b.mu.list[1:]
	if len(b.mu.list) > 0 {
		signal(b.wake)
	}
	return m, true
}
