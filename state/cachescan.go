package state

import "bytes"

// Scan is Store.Scan over everything the record sees. yield may call any method that a handler may (Get, Put, Delete, Scan);
// what it puts does not appear in the scan that is running, what it deletes still does (S-19).
//
// It merges the index of changed keys with a walk over the store. A key that is in both is taken from the cache, and both move
// on; a removal moves both on and shows nothing. While a scan runs, staged values are only added to, so each key's value as of
// the call is found by passing over the later operations.
func (c *Cache) Scan(table int, from, to []byte, yield func(key, value []byte) bool) error {
	t := &c.tables[table]
	changed := t.index.ready(&t.entries, c.sortForm(table), c.scans > 0).seek(from, to)
	ops := int32(len(c.ops))
	stored, err := c.store.Cursor(table, from, to)
	if err != nil {
		return err
	}
	c.scans++
	defer func() { // also after a panic of yield; then the fault of the walk is of no interest
		c.scans--
		stored.Close()
	}()
	inCache, inStore := changed.next(), stored.Next()
	for more := true; more && (inCache || inStore); {
		order := -1 // of the stored key against the cached one
		var sortKey []byte
		var i uint32
		if inCache {
			sortKey, i = changed.entry()
			order = 1
			if inStore {
				order = bytes.Compare(stored.key, sortKey)
			}
		}
		if order < 0 {
			more = yield(stored.Key(), stored.value)
			inStore = stored.Next()
			continue
		}
		value, ok, decided := c.asOf(table, i, ops)
		if !decided && order == 0 {
			value, ok = stored.value, true
		}
		if ok {
			more = yield(t.list[i].key(), value)
		}
		if order == 0 {
			inStore = stored.Next()
		}
		inCache = changed.next()
	}
	return stored.Close()
}

// asOf gives the value of an entry when there were only so many operations; not decided: the store has it.
func (c *Cache) asOf(table int, i uint32, ops int32) (value []byte, ok, decided bool) {
	e := &c.tables[table].list[i]
	n := e.staged
	for n > ops {
		n = c.ops[n-1].before
	}
	if n != 0 {
		op := &c.ops[n-1]
		return c.stage[op.from:op.to:op.to], !op.removes, true
	}
	return e.value(), e.flags&present != 0, e.flags&known != 0
}

func (c *Cache) sortForm(table int) func(dst, key []byte) []byte { return c.store.tables[table].sort }
