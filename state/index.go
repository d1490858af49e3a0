package state

// index is the order of the keys that a scan has to look up in the cache: all that are staged, open or frozen, and some that
// were. A table that is never scanned has none, and a Put then costs nothing for it. After the first scan, keys that change
// wait in a queue, and the next scan puts them in: no scan sorts what earlier ones have sorted.
type index struct {
	tree  *tree[uint32] // sort form to entry; nil: never scanned
	queue []uint32
}

// changed notes that an entry is staged, so the next scan has to see it.
func (x *index) changed(t *entries, i uint32) {
	if x.tree == nil {
		return
	}
	e := &t.list[i]
	if e.flags&(queued|indexed) != 0 {
		return
	}
	if len(x.queue) > 2*len(t.list)+firstSlots {
		// Keys come and go, and nobody scans any more.
		x.drop(t)
		return
	}
	e.flags |= queued
	x.queue = append(x.queue, i)
}

// dropped notes that an entry leaves the cache.
func (x *index) dropped(sort func(dst, key []byte) []byte, e *entry) {
	if e.flags&indexed != 0 {
		x.tree.remove(sorted(sort, e.key()))
	}
}

func (x *index) drop(t *entries) {
	for i := range t.list {
		t.list[i].flags &^= queued | indexed
	}
	x.tree, x.queue = nil, nil
}

// ready gives the tree with everything that waits put in. keep: a scan is walking the tree that was given last.
func (x *index) ready(t *entries, sort func(dst, key []byte) []byte, keep bool) *tree[uint32] {
	switch {
	case x.tree == nil:
		x.tree = newTree[uint32]()
		for i := range t.list {
			if e := &t.list[i]; e.staged != 0 || e.flags&(open|frozen) != 0 {
				x.queue = append(x.queue, uint32(i))
				e.flags |= queued
			}
		}
	case keep && len(x.queue) > 0:
		x.tree = x.tree.clone()
	}
	for _, i := range x.queue {
		e := &t.list[i]
		if e.flags&queued == 0 {
			continue // it went, or the key that had its place before was queued too
		}
		e.flags = e.flags&^queued | indexed
		x.tree.put(sorted(sort, e.key()), i)
	}
	x.queue = x.queue[:0]
	return x.tree
}

// sorted gives the sort form of a key whose bytes never change.
func sorted(sort func(dst, key []byte) []byte, key []byte) []byte {
	if sort == nil {
		return key
	}
	return sort(nil, key)
}
