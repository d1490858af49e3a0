package state

import "github.com/millrun/millrun/commitlog"

// Changes are the table changes of one commit, one per key. They do not change; their bytes are valid until Thaw or Rollback.
type Changes struct {
	bytes  []byte // keys and values of all tables, one after the other
	size   int64
	tables []tableChanges
}

type tableChanges struct {
	items []change
}

// change is a key, and a value behind it, in Changes.bytes.
type change struct {
	at         int
	key, value int32 // lengths; value is -1 for a removal
}

// Len is the number of changes in table.
func (c *Changes) Len(table int) int { return len(c.tables[table].items) }

// Bytes is the size of all changes, counted as in Cache.OpenBytes.
func (c *Changes) Bytes() int64 { return c.size }

// Records appends the changes of table to dst as changelog records with the given timestamp, in the order in which the keys
// were first written. A nil value is a tombstone. The bytes belong to the Changes.
func (c *Changes) Records(dst []commitlog.Record, table int, timestamp int64) []commitlog.Record {
	for i := range c.tables[table].items {
		key, value := c.item(table, i)
		dst = append(dst, commitlog.Record{Key: key, Value: value, Timestamp: timestamp})
	}
	return dst
}

// item gives a key in its log form and its value, nil for a removal.
func (c *Changes) item(table, i int) (key, value []byte) {
	it := c.tables[table].items[i]
	end := it.at + int(it.key)
	key = c.bytes[it.at:end:end]
	if it.value >= 0 {
		value = c.bytes[end : end+int(it.value) : end+int(it.value)]
	}
	return key, value
}

func (c *Changes) add(table int, e *entry) {
	it := change{at: len(c.bytes), key: int32(e.keyLen), value: -1}
	if e.flags&present != 0 {
		it.value = int32(len(e.bytes) - int(e.keyLen))
	}
	c.bytes = append(c.bytes, e.bytes...)
	c.size += e.size()
	c.tables[table].items = append(c.tables[table].items, it)
}

// keepBytes is how much memory of a buffer is kept for its next use.
const keepBytes = 8 << 20

func (c *Changes) reset() {
	c.size = 0
	c.bytes = c.bytes[:0]
	if cap(c.bytes) > keepBytes {
		c.bytes = nil
	}
	for i := range c.tables {
		c.tables[i].items = c.tables[i].items[:0]
	}
}
