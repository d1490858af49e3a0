package vfs

import (
	"maps"
	"sync"
)

// node is a file or a directory, whatever names lead to it.
type node struct {
	fs *Mem

	// Entries of a directory, both nil for a file. Guarded by Mem.names.
	live    map[string]*node
	durable map[string]*node

	// Of a file only, guarded by Mem.names.
	locked  bool
	removed bool // has no live name any more: its live pages are given back with the last handle
	handles int

	mu struct {
		sync.RWMutex
		pages
	}
}

func newDir(m *Mem) *node {
	return &node{fs: m, live: map[string]*node{}, durable: map[string]*node{}}
}

func newFile(m *Mem) *node {
	n := &node{fs: m}
	n.mu.take = m.take
	return n
}

func (n *node) dir() bool { return n.live != nil }

// open counts one more handle. The caller holds Mem.names.
func (n *node) open(name string, writable bool) *memFile {
	n.handles++
	return &memFile{node: n, name: name, writable: writable}
}

// close takes one handle back. The caller holds Mem.names.
func (n *node) close() {
	n.handles--
	n.releaseIfGone()
}

// unlink takes a name from a directory. The caller holds Mem.names.
func (n *node) unlink(base string) {
	gone := n.live[base]
	delete(n.live, base)
	if !gone.dir() {
		gone.removed = true
		gone.releaseIfGone()
	}
}

// unlinkTree takes a name and all below it. The caller holds Mem.names.
func (n *node) unlinkTree(base string) {
	child := n.live[base]
	for name := range maps.Clone(child.live) {
		child.unlinkTree(name)
	}
	n.unlink(base)
}

// releaseIfGone gives the pages of a file back that nobody can reach any more. What a durable directory still names
// stays in the durable state.
func (n *node) releaseIfGone() {
	if !n.removed || n.handles > 0 {
		return
	}
	n.mu.Lock()
	n.mu.truncate(0)
	n.mu.Unlock()
}

// syncEntries makes the entries of a directory durable. The caller holds Mem.names.
func (n *node) syncEntries() { n.durable = maps.Clone(n.live) }

// bytes gives a file's size, and 0 for a directory.
func (n *node) bytes() int64 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.mu.size
}
