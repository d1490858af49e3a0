package state

import (
	"bytes"
	"sync"

	"github.com/syndtr/goleveldb/leveldb"
)

// backend is the ordered map under a Store: levelBackend or memoryBackend. Safe for concurrent use, with one writer at a
// time. After close, calls return ErrClosed.
type backend interface {
	// get gives the value of key. The bytes are the caller's.
	get(key []byte) (value []byte, ok bool, err error)
	// scan gives the entries in [from, to) as of the call; a nil to is open.
	scan(from, to []byte) (cursor, error)
	// write applies a batch, all or nothing.
	write(b *leveldb.Batch) error
	// flush makes all that was written before the call durable.
	flush() error
	close() error
}

// cursor walks entries in order: next, then key and value, which are valid until the next call. close gives the cursor back and
// tells what went wrong.
type cursor interface {
	next() bool
	key() []byte
	value() []byte
	close() error
}

// memoryBackend keeps everything in one tree.
type memoryBackend struct {
	mu struct {
		sync.RWMutex
		tree *tree[[]byte] // nil: closed
	}
}

func newMemoryBackend() *memoryBackend {
	b := &memoryBackend{}
	b.mu.tree = newTree[[]byte]()
	return b
}

func (b *memoryBackend) get(key []byte) ([]byte, bool, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.mu.tree == nil {
		return nil, false, ErrClosed
	}
	value, ok := b.mu.tree.get(key)
	return bytes.Clone(value), ok, nil
}

func (b *memoryBackend) scan(from, to []byte) (cursor, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.tree == nil {
		return nil, ErrClosed
	}
	return &memoryCursor{c: b.mu.tree.clone().seek(from, to)}, nil
}

func (b *memoryBackend) write(batch *leveldb.Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.tree == nil {
		return ErrClosed
	}
	return batch.Replay((*memoryReplay)(b.mu.tree))
}

func (b *memoryBackend) flush() error { return nil }

func (b *memoryBackend) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.tree = nil
	return nil
}

// memoryReplay puts a batch into the tree; key and value get one allocation.
type memoryReplay tree[[]byte]

func (r *memoryReplay) Put(key, value []byte) {
	entry := append(append(make([]byte, 0, len(key)+len(value)), key...), value...)
	(*tree[[]byte])(r).put(entry[:len(key):len(key)], entry[len(key):])
}

func (r *memoryReplay) Delete(key []byte) { (*tree[[]byte])(r).remove(key) }

type memoryCursor struct{ c *treeCursor[[]byte] }

func (c *memoryCursor) next() bool    { return c.c.next() }
func (c *memoryCursor) key() []byte   { k, _ := c.c.entry(); return k }
func (c *memoryCursor) value() []byte { _, v := c.c.entry(); return v }
func (c *memoryCursor) close() error  { return nil }
