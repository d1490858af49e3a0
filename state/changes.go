package state

import (
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/schema"
)

// Changes are the table changes of one commit, one per key. They do not change; their bytes are valid until Thaw or Rollback.
type Changes struct {
	bytes  []byte // keys and values of all tables, one after the other
	size   int64
	tables []tableChanges
	// headers are those that Records has given out. A slice that grows leaves the older ones where they are.
	headers []commitlog.Header
}

type tableChanges struct {
	items   []change
	schemas bool
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
// were first written. A nil value is a tombstone. The schema of a value that has one is its header. Bytes and headers belong
// to the Changes.
func (c *Changes) Records(dst []commitlog.Record, table int, timestamp int64) []commitlog.Record {
	for i := range c.tables[table].items {
		key, value := c.item(table, i)
		r := commitlog.Record{Key: key, Value: value, Timestamp: timestamp}
		if c.tables[table].schemas && value != nil {
			r.Headers, r.Value = c.headersOf(value)
		}
		dst = append(dst, r)
	}
	return dst
}

// headersOf takes an entry apart into what a record has.
func (c *Changes) headersOf(entry []byte) ([]commitlog.Header, []byte) {
	name, value, err := schema.Cut(entry)
	if err != nil {
		panic(fmt.Sprintf("state: a table with schemas was given bytes without: %v", err))
	}
	if name == nil {
		return nil, value
	}
	n := len(c.headers)
	c.headers = append(c.headers, commitlog.Header{Key: schema.Header, Value: name})
	return c.headers[n : n+1 : n+1], value
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
	c.bytes, c.headers = c.bytes[:0], c.headers[:0]
	if cap(c.bytes) > keepBytes {
		c.bytes, c.headers = nil, nil
	}
	for i := range c.tables {
		c.tables[i].items = c.tables[i].items[:0]
	}
}
