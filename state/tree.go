package state

import (
	"bytes"
	"slices"
	"sort"
)

// tree is an ordered map from byte strings that can be copied in one step.
//
// It is a B+ tree whose nodes are copied before a change unless this tree alone has them: clone gives both copies a new
// owner, so each of them copies what it changes from then on, node by node, and neither sees the other's changes. A scan
// takes a clone and so shows one moment, whatever is written meanwhile.
//
// Removing leaves nodes half empty and only drops empty ones: what grows here is filled again by the same keys.
// Keys and values belong to the tree once they are in it and never change. Not safe for concurrent use; clones are
// independent.
type tree[V any] struct {
	root  *node[V]
	count int
	owner *owner
}

// owner tells trees apart. It must have a size, for the addresses of two things without one may be equal.
type owner struct{ _ byte }

// node is a leaf (children nil, keys and values of one length) or an inner node, where keys[i] is not above any key below
// children[i], and above all keys below children[i-1]. keys[0] of an inner node is never compared.
type node[V any] struct {
	owner    *owner
	keys     [][]byte
	values   []V
	children []*node[V]
}

const nodeKeys = 64

func newTree[V any]() *tree[V] { return &tree[V]{owner: new(owner)} }

// clone gives a copy that shares all nodes until one side changes them.
func (t *tree[V]) clone() *tree[V] {
	t.owner = new(owner)
	return &tree[V]{root: t.root, count: t.count, owner: new(owner)}
}

func (t *tree[V]) get(key []byte) (value V, ok bool) {
	n := t.root
	if n == nil {
		return value, false
	}
	for n.children != nil {
		n = n.children[n.child(key)]
	}
	i, found := n.find(key)
	if !found {
		return value, false
	}
	return n.values[i], true
}

// put sets key to value.
func (t *tree[V]) put(key []byte, value V) {
	if t.root == nil {
		t.root = &node[V]{owner: t.owner}
	}
	root, right := t.putBelow(t.root, key, value)
	if right != nil {
		root = &node[V]{
			owner:    t.owner,
			keys:     [][]byte{root.keys[0], right.keys[0]},
			children: []*node[V]{root, right},
		}
	}
	t.root = root
}

// putBelow gives the node that takes n's place and, if n was full, its new right neighbour.
func (t *tree[V]) putBelow(n *node[V], key []byte, value V) (self, right *node[V]) {
	n = t.own(n)
	if n.children == nil {
		i, found := n.find(key)
		if found {
			n.values[i] = value
			return n, nil
		}
		t.count++
		n.keys = slices.Insert(n.keys, i, key)
		n.values = slices.Insert(n.values, i, value)
		return n, t.split(n)
	}
	i := n.child(key)
	child, beside := t.putBelow(n.children[i], key, value)
	n.children[i] = child
	if beside != nil {
		n.keys = slices.Insert(n.keys, i+1, beside.keys[0])
		n.children = slices.Insert(n.children, i+1, beside)
	}
	return n, t.split(n)
}

// split moves the upper half of a node that is too full into a new one, its right neighbour.
func (t *tree[V]) split(n *node[V]) *node[V] {
	if len(n.keys) <= nodeKeys {
		return nil
	}
	half := len(n.keys) / 2
	right := &node[V]{owner: t.owner, keys: slices.Clone(n.keys[half:])}
	if n.children == nil {
		right.values = slices.Clone(n.values[half:])
		clear(n.values[half:])
		n.values = n.values[:half]
	} else {
		right.children = slices.Clone(n.children[half:])
		clear(n.children[half:])
		n.children = n.children[:half]
	}
	clear(n.keys[half:])
	n.keys = n.keys[:half]
	return right
}

// remove takes key out, if it is there.
func (t *tree[V]) remove(key []byte) {
	if _, ok := t.get(key); !ok {
		return
	}
	t.count--
	t.root = t.removeBelow(t.root, key)
	for t.root != nil && len(t.root.children) == 1 {
		t.root = t.root.children[0]
	}
}

// removeBelow gives the node that takes n's place, nil when nothing is left of it. key is there.
func (t *tree[V]) removeBelow(n *node[V], key []byte) *node[V] {
	n = t.own(n)
	if n.children == nil {
		i, _ := n.find(key)
		n.keys = slices.Delete(n.keys, i, i+1)
		n.values = slices.Delete(n.values, i, i+1)
	} else {
		i := n.child(key)
		if child := t.removeBelow(n.children[i], key); child != nil {
			n.children[i] = child
		} else {
			n.keys = slices.Delete(n.keys, i, i+1)
			n.children = slices.Delete(n.children, i, i+1)
		}
	}
	if len(n.keys) == 0 {
		return nil
	}
	return n
}

// own gives n itself, or a copy where another tree may have it.
func (t *tree[V]) own(n *node[V]) *node[V] {
	if n.owner == t.owner {
		return n
	}
	own := &node[V]{owner: t.owner, keys: append(make([][]byte, 0, len(n.keys)+1), n.keys...)}
	if n.children == nil {
		own.values = append(make([]V, 0, len(n.values)+1), n.values...)
	} else {
		own.children = append(make([]*node[V], 0, len(n.children)+1), n.children...)
	}
	return own
}

// find gives the place of key in a leaf.
func (n *node[V]) find(key []byte) (int, bool) {
	return sort.Find(len(n.keys), func(i int) int { return bytes.Compare(key, n.keys[i]) })
}

// child gives the index of the child that key is below.
func (n *node[V]) child(key []byte) int {
	return sort.Search(len(n.keys)-1, func(i int) bool { return bytes.Compare(key, n.keys[i+1]) < 0 })
}

// treeCursor walks a tree that does not change any more.
type treeCursor[V any] struct {
	stack []treePlace[V] // from the root to a leaf; the leaf's place is the entry
	to    []byte
}

type treePlace[V any] struct {
	n *node[V]
	i int
}

// seek gives a cursor before the first key >= from; it ends before to. nil is an open bound.
func (t *tree[V]) seek(from, to []byte) *treeCursor[V] {
	c := &treeCursor[V]{to: to}
	n := t.root
	for n != nil && n.children != nil {
		i := n.child(from)
		c.stack = append(c.stack, treePlace[V]{n, i})
		n = n.children[i]
	}
	if n != nil {
		i, _ := n.find(from)
		c.stack = append(c.stack, treePlace[V]{n, i - 1})
	}
	return c
}

// next moves to the next entry; false at the end.
func (c *treeCursor[V]) next() bool {
	for len(c.stack) > 0 {
		top := &c.stack[len(c.stack)-1]
		top.i++
		switch {
		case top.i >= len(top.n.keys):
			c.stack = c.stack[:len(c.stack)-1]
		case top.n.children != nil:
			c.stack = append(c.stack, treePlace[V]{top.n.children[top.i], -1})
		case c.to != nil && bytes.Compare(top.n.keys[top.i], c.to) >= 0:
			c.stack = c.stack[:0]
		default:
			return true
		}
	}
	return false
}

func (c *treeCursor[V]) entry() (key []byte, value V) {
	top := &c.stack[len(c.stack)-1]
	return top.n.keys[top.i], top.n.values[top.i]
}
