package vfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// CrashClone gives a new file system that holds what is durable and nothing else: what a power cut at this moment would
// leave at worst. The old one goes on.
func (m *Mem) CrashClone() *Mem { return m.copy((*copier).crashed, never, false) }

// Crash is CrashClone, and from then on every operation on the old file system and on files opened on it fails with
// ErrCrashed.
func (m *Mem) Crash() *Mem { return m.copy((*copier).crashed, never, true) }

// CrashCloneKeeping is CrashClone on a disk that has written some of what nobody asked it to: each page, each file's size
// and the entries of each directory survive unsynced with the given probability. A file may so end in zeros, hold a new
// page behind an old one, or have its name and not its bytes. An equal state and an equal rng give an equal copy.
func (m *Mem) CrashCloneKeeping(rng *rand.Rand, probability float64) *Mem {
	return m.copy((*copier).crashed, func() bool { return rng.Float64() < probability }, false)
}

// Clone gives a new file system that holds everything written, durable or not: what kill -9 of the process at this
// moment would leave. Without a lock, as the kernel drops those of a dead process. The old one goes on.
func (m *Mem) Clone() *Mem { return m.copy((*copier).killed, never, false) }

// Kill is Clone, and from then on every operation on the old file system and on files opened on it fails with
// ErrCrashed.
func (m *Mem) Kill() *Mem { return m.copy((*copier).killed, never, true) }

func never() bool { return false }

// copy makes a new file system from the root on, while no operation is under way. A copy of a crashed file system is
// what it was when it crashed.
func (m *Mem) copy(copyNode func(*copier, *node) *node, keep func() bool, end bool) *Mem {
	m.gate.Lock()
	defer m.gate.Unlock()
	to := &Mem{}
	to.root = copyNode(&copier{to: to, keep: keep, done: map[*node]*node{}}, m.root)
	to.capacity.Store(m.capacity.Load()) // after the pages: what is there may be beyond the limit
	m.dead = m.dead || end
	return to
}

// copier copies nodes; done keeps a node with two names, one of them durable only, one node in the copy.
type copier struct {
	to   *Mem
	keep func() bool // whether a piece that was not synced survives
	done map[*node]*node
}

// crashed copies what a crash leaves of n, as durable and as live state.
func (c *copier) crashed(n *node) *node {
	if to := c.done[n]; to != nil {
		return to
	}
	if !n.dir() {
		to := newFile(c.to)
		c.done[n] = to
		to.mu.pages = n.mu.copyCrashed(c.to.take, c.keep)
		return to
	}
	to := newDir(c.to)
	c.done[n] = to
	entries := n.durable
	if !maps.Equal(n.live, n.durable) && c.keep() {
		entries = n.live
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) { // in order, so that a seed repeats
		to.durable[name] = c.crashed(entries[name])
	}
	to.live = maps.Clone(to.durable)
	return to
}

// killed copies both states of n.
func (c *copier) killed(n *node) *node {
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
		to.durable[name] = c.killed(child)
	}
	for name, child := range n.live {
		to.live[name] = c.killed(child)
	}
	return to
}
