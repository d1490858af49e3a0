package worker

import (
	"sync"
	"sync/atomic"
)

// mailbox carries messages to a task without a channel on the record path: the task looks at one flag per record.
type mailbox struct {
	attention atomic.Bool
	wake      chan struct{} // capacity 1: a waiting task selects on it
	late      bool          // messages were put back; the owner looks again before it waits
	mu        struct {
		sync.Mutex
		queue []any
		poke  func() // wakes a task that waits in its reader; set while it may
	}
}

func (m *mailbox) init() { m.wake = make(chan struct{}, 1) }

// setPoke says how to wake a task that waits elsewhere.
func (m *mailbox) setPoke(poke func()) {
	m.mu.Lock()
	m.mu.poke = poke
	m.mu.Unlock()
}

// post queues a message; it never waits. Queues stay short: a sender has at most one question open with a task.
func (m *mailbox) post(msg any) {
	m.mu.Lock()
	m.mu.queue = append(m.mu.queue, msg)
	m.attention.Store(true) // with the lock: who sets a poke behind this one sees it
	poke := m.mu.poke
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
	if poke != nil {
		poke()
	}
}

// putBack puts messages in front of those that came since; the owner looks again before it waits.
func (m *mailbox) putBack(list []any) {
	if len(list) == 0 {
		return
	}
	m.mu.Lock()
	m.mu.queue = append(list, m.mu.queue...)
	m.mu.Unlock()
	m.late = true
}

// take empties the box.
func (m *mailbox) take() []any {
	m.attention.Store(false)
	m.late = false
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.mu.queue
	m.mu.queue = nil
	return q
}
