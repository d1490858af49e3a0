package state

import "github.com/millrun/millrun/commitlog"

// Cache is the write-back cache of one task over a Store. One goroutine uses it; the Changes it freezes may be read by
// another one until Thaw or Rollback.
type Cache struct{}

// NewCache makes an empty cache. limitBytes bounds keys and values that are only kept to save a read, not what waits for a
// commit; 0: 16 MiB, negative: no bound.
func NewCache(s *Store, limitBytes int64) *Cache { return &Cache{} }

// Get returns the value of key as the record in the handler sees it. The bytes are valid until the next call.
func (c *Cache) Get(table int, key []byte) (value []byte, ok bool, err error) { return nil, false, nil }

// Put stages a value for the record in the handler. It copies both.
func (c *Cache) Put(table int, key, value []byte) {}

// Delete stages a removal.
func (c *Cache) Delete(table int, key []byte) {}

// Scan is Store.Scan over everything the record sees. yield may call any method that a handler may (Get, Put, Delete, Scan);
// what it puts does not appear in the scan that is running.
func (c *Cache) Scan(table int, from, to []byte, yield func(key, value []byte) bool) error {
	return nil
}

// Accept lets what is staged join the open layer: the handler returned nil.
func (c *Cache) Accept() {}

// Discard drops what is staged: the handler failed.
func (c *Cache) Discard() {}

// Freeze takes the open layer as the changes of a commit; nil when it is empty. What is staged stays staged. At most one
// Changes is frozen at a time.
func (c *Cache) Freeze() *Changes { return nil }

// Thaw says that the frozen changes are in the store. Their memory is used again: the Changes must not be touched any more.
// Without frozen changes it does nothing.
func (c *Cache) Thaw() {}

// Rollback drops everything: staged, open, frozen, and what was kept of the store, which may have changed meanwhile.
func (c *Cache) Rollback() {}

// StagedBytes is the size of what the record has staged; OpenBytes of the open layer. Both count keys, values and 32 bytes
// per change.
func (c *Cache) StagedBytes() int64 { return 0 }

// OpenBytes is the size of the open layer.
func (c *Cache) OpenBytes() int64 { return 0 }

// Changes are the table changes of one commit, one per key. They do not change; its bytes are valid until Thaw or Rollback.
type Changes struct{}

// Len is the number of changes in table.
func (c *Changes) Len(table int) int { return 0 }

// Bytes is the size of all changes, counted as in Cache.OpenBytes.
func (c *Changes) Bytes() int64 { return 0 }

// Records appends the changes of table to dst as changelog records with the given timestamp, in the order in which the keys
// were first written. A nil value is a tombstone. The bytes belong to the Changes.
func (c *Changes) Records(dst []commitlog.Record, table int, timestamp int64) []commitlog.Record {
	return dst
}
