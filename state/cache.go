package state

import (
	"bytes"
	"fmt"
	"hash/maphash"

	"github.com/millrun/millrun/internal/invariant"
)

// Cache is the write-back cache of one task over a Store. One goroutine uses it; the Changes it freezes may be read by
// another one until Thaw or Rollback.
//
// What a record writes is staged in a log of operations; Accept moves each key's last one into its entry. An entry holds
// the newest accepted value, whether that is open, frozen or in the store: a commit is an all or nothing of the log, so an
// older layer is never looked at again except by dropping everything. Freeze copies what is open, so that the entry may be
// overwritten at once while the commit is in flight.
type Cache struct {
	store  *Store
	limit  int64 // of kept
	kept   int64 // bytes of all entries
	tables []cacheTable

	ops   []op   // of the record in the handler, oldest first
	stage []byte // values of ops

	openBytes int64
	frozen    *Changes // in flight
	spare     *Changes // for the next Freeze
	scans     int      // running; while there are any, no staged value is overwritten and no entry is dropped

	last struct { // the entry used last: a Put after a Get needs no search
		table int
		entry uint32
		ok    bool
	}
	hand struct { // of the clock that chooses what to drop
		table int
		entry uint32
	}
	scratch []byte // for keys on their way to the store
}

// cacheTable is one table in the cache.
type cacheTable struct {
	entries
	open, frozen []uint32 // entries of the layer, in the order of their first change
	index        index
}

// op is one staged write. Its value is stage[from:to].
type op struct {
	table   int32
	entry   uint32
	before  int32 // 1 + index of the operation it replaces; 0: none
	removes bool
	from    int
	to      int
}

const defaultCacheBytes = 16 << 20

// NewCache makes an empty cache. limitBytes bounds keys and values that are only kept to save a read, not what waits for a
// commit; 0: 16 MiB, negative: no bound. At the limit, what was not used for the longest time goes, roughly.
func NewCache(s *Store, limitBytes int64) *Cache {
	if limitBytes == 0 {
		limitBytes = defaultCacheBytes
	}
	c := &Cache{store: s, limit: limitBytes, tables: make([]cacheTable, len(s.tables)), scratch: make([]byte, 0, 256)}
	seed := maphash.MakeSeed()
	for i := range c.tables {
		c.tables[i].seed = seed
	}
	return c
}

// Get returns the value of key as the record in the handler sees it. The bytes are valid until the next call, and must not be
// written to.
func (c *Cache) Get(table int, key []byte) (value []byte, ok bool, err error) {
	t := &c.tables[table]
	i, hash, found := c.find(table, key)
	if !found {
		c.evict()
		i = t.insert(key, hash)
		c.kept += t.list[i].size()
		c.remember(table, i)
	}
	e := &t.list[i]
	e.flags |= recent
	if e.staged != 0 {
		op := &c.ops[e.staged-1]
		return c.stage[op.from:op.to:op.to], !op.removes, nil
	}
	if e.flags&known == 0 {
		value, ok, err := c.store.get(c.scratch[:0], table, key)
		if err != nil {
			return nil, false, err
		}
		c.setValue(e, value, ok)
	}
	return e.value(), e.flags&present != 0, nil
}

// Forget makes the next Get of key ask the store, which somebody else has written to. It is for tables that the cache's owner
// never writes: a change of its own would be lost.
func (c *Cache) Forget(table int, key []byte) {
	t := &c.tables[table]
	if i, _, ok := t.find(key); ok {
		e := &t.list[i]
		invariant.Check(e.staged == 0 && e.flags&(open|frozen) == 0, "state: Forget of a key with changes")
		e.flags &^= known | present
	}
}

// Put stages a value for the record in the handler. It copies both. A nil value is an empty one.
func (c *Cache) Put(table int, key, value []byte) { c.write(table, key, value, false) }

// Delete stages a removal.
func (c *Cache) Delete(table int, key []byte) { c.write(table, key, nil, true) }

func (c *Cache) write(table int, key, value []byte, removes bool) {
	t := &c.tables[table]
	i, hash, found := c.find(table, key)
	if !found {
		i = t.insert(key, hash)
		c.kept += t.list[i].size()
		c.remember(table, i)
	}
	e := &t.list[i]
	e.flags |= recent
	if e.staged != 0 && c.scans == 0 {
		if op := &c.ops[e.staged-1]; op.to-op.from >= len(value) {
			op.removes = removes
			op.to = op.from + copy(c.stage[op.from:], value)
			return
		}
	}
	from := len(c.stage)
	c.stage = append(c.stage, value...)
	c.ops = append(c.ops, op{table: int32(table), entry: i, before: e.staged, removes: removes, from: from, to: len(c.stage)})
	e.staged = int32(len(c.ops))
	t.index.changed(&t.entries, i)
}

// find looks at the entry used last, then searches.
func (c *Cache) find(table int, key []byte) (i uint32, hash uint64, ok bool) {
	t := &c.tables[table]
	if c.last.ok && c.last.table == table {
		if e := &t.list[c.last.entry]; e.flags&live != 0 && bytes.Equal(e.bytes[:e.keyLen], key) {
			return c.last.entry, 0, true
		}
	}
	if i, hash, ok = t.find(key); ok {
		c.remember(table, i)
	}
	return i, hash, ok
}

func (c *Cache) remember(table int, i uint32) {
	c.last.table, c.last.entry, c.last.ok = table, i, true
}

// setValue replaces the value of an entry and keeps count.
func (c *Cache) setValue(e *entry, value []byte, ok bool) {
	before := len(e.bytes)
	e.set(value, ok)
	c.kept += int64(len(e.bytes) - before)
}

// Accept lets what is staged join the open layer: the handler returned nil.
func (c *Cache) Accept() {
	for n := range c.ops {
		op := &c.ops[n]
		t := &c.tables[op.table]
		e := &t.list[op.entry]
		if e.staged != int32(n+1) {
			continue // a later one replaced it
		}
		e.staged = 0
		if e.flags&open != 0 {
			c.openBytes -= e.size()
		} else {
			e.flags |= open
			t.open = append(t.open, op.entry)
		}
		c.setValue(e, c.stage[op.from:op.to], !op.removes)
		c.openBytes += e.size()
	}
	c.clearStage()
	c.evict()
}

// Discard drops what is staged: the handler failed.
func (c *Cache) Discard() {
	for n := range c.ops {
		op := &c.ops[n]
		c.tables[op.table].list[op.entry].staged = 0
	}
	c.clearStage()
	c.evict()
}

func (c *Cache) clearStage() {
	invariant.Check(c.scans == 0, "state: a record ended inside a scan")
	c.ops = c.ops[:0]
	c.stage = c.stage[:0]
	if cap(c.stage) > keepBytes {
		c.ops, c.stage = nil, nil
	}
}

// Freeze takes the open layer as the changes of a commit; nil when it is empty. What is staged stays staged. At most one
// Changes is frozen at a time: call Thaw or Rollback first.
func (c *Cache) Freeze() *Changes {
	if c.frozen != nil {
		panic("state: Freeze while changes are frozen")
	}
	changed := false
	for i := range c.tables {
		changed = changed || len(c.tables[i].open) > 0
	}
	if !changed {
		return nil
	}
	ch := c.spare
	if ch == nil {
		ch = &Changes{tables: make([]tableChanges, len(c.tables))}
		for i := range ch.tables {
			ch.tables[i].schemas = c.store.tables[i].schemas
		}
	}
	for n := range c.tables {
		t := &c.tables[n]
		for _, i := range t.open {
			e := &t.list[i]
			e.flags = e.flags&^open | frozen
			ch.add(n, e)
		}
		t.open, t.frozen = t.frozen[:0], t.open
	}
	c.openBytes = 0
	c.frozen, c.spare = ch, nil
	return ch
}

// Thaw says that the frozen changes are in the store. Their memory is used again: the Changes must not be touched any more.
// Without frozen changes it does nothing.
func (c *Cache) Thaw() {
	if c.frozen == nil {
		return
	}
	for n := range c.tables {
		t := &c.tables[n]
		for _, i := range t.frozen {
			t.list[i].flags &^= frozen
		}
		t.frozen = t.frozen[:0]
	}
	c.frozen.reset()
	c.frozen, c.spare = nil, c.frozen
	c.shrink()
}

// Rollback drops everything: staged, open, frozen, and what was kept of the store, which may have changed meanwhile.
func (c *Cache) Rollback() {
	for i := range c.tables {
		c.tables[i] = cacheTable{entries: entries{seed: c.tables[i].seed}}
	}
	c.ops, c.stage = c.ops[:0], c.stage[:0]
	c.openBytes, c.kept = 0, 0
	c.frozen = nil // not kept as spare: who reads it may not be done
	c.last.ok = false
	c.hand.table, c.hand.entry = 0, 0
}

// StagedBytes is the size of what the record in the handler has written: values, and 32 bytes for each write.
func (c *Cache) StagedBytes() int64 { return int64(len(c.stage)) + int64(len(c.ops))*entryBytes }

// OpenBytes is the size of the open layer: keys, values, and 32 bytes for each key.
func (c *Cache) OpenBytes() int64 { return c.openBytes }

// String describes the cache for a log line.
func (c *Cache) String() string {
	keys := 0
	for i := range c.tables {
		keys += c.tables[i].used
	}
	return fmt.Sprintf("%d keys, %d bytes, %d of them open", keys, c.kept, c.openBytes)
}
