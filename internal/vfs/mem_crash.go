package vfs

import "maps"

// CrashClone gives a new file system that holds what is durable and nothing else: what a power cut at this moment would
// leave. The old one goes on.
func (m *Mem) CrashClone() *Mem { return m.copy((*copier).durableNode, false) }

// Crash is CrashClone, and from then on every operation on the old file system and on files opened on it fails with
// ErrCrashed.
func (m *Mem) Crash() *Mem { return m.copy((*copier).durableNode, true) }

// Clone gives a new file system that holds everything written, durable or not: what kill -9 of the process at this
// moment would leave. Without a lock, as the kernel drops those of a dead process. The old one goes on.
func (m *Mem) Clone() *Mem { return m.copy((*copier).wholeNode, false) }

// Kill is Clone, and from then on every operation on the old file system and on files opened on it fails with
// ErrCrashed.
func (m *Mem) Kill() *Mem { return m.copy((*copier).wholeNode, true) }

// copy makes a new file system from the root on, while no operation is under way. A copy of a crashed file system is
// what it was when it crashed.
func (m *Mem) copy(copyNode func(*copier, *node) *node, end bool) *Mem {
	m.gate.Lock()
	defer m.gate.Unlock()
	to := &Mem{}
	to.root = copyNode(&copier{to: to, done: map[*node]*node{}}, m.root)
	to.capacity.Store(m.capacity.Load()) // after the pages: what is there may be beyond the limit
	m.dead = m.dead || end
	return to
}

// copier copies nodes; done keeps a node with two names, one of them durable only, one node in the copy.
type copier struct {
	to   *Mem
	done map[*node]*node
}

// durableNode copies what is durable of n, as durable and as live state.
func (c *copier) durableNode(n *node) *node {
	if to := c.done[n]; to != nil {
		return to
	}
	if !n.dir() {
		to := newFile(c.to)
		c.done[n] = to
		to.mu.pages = n.mu.copyDurable(c.to.take)
		return to
	}
	to := newDir(c.to)
	c.done[n] = to
	for name, child := range n.durable {
		to.durable[name] = c.durableNode(child)
	}
	to.live = maps.Clone(to.durable)
	return to
}

// wholeNode copies both states of n.
func (c *copier) wholeNode(n *node) *node {
	if to := c.done[n]; to != nil {
		return to
	}
	if !n.dir() {
		to := newFile(c.to)
		c.done[n] = to
		to.mu.pages = n.mu.copyBoth(c.to.take)
		to.removed = n.removed
		to.releaseIfGone() // its handles were of the dead process
		return to
	}
	to := newDir(c.to)
	c.done[n] = to
	for name, child := range n.durable {
		to.durable[name] = c.wholeNode(child)
	}
	for name, child := range n.live {
		to.live[name] = c.wholeNode(child)
	}
	return to
}
