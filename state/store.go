package state

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/syndtr/goleveldb/leveldb"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/schema"
)

// ErrClosed is returned by calls after Close.
var ErrClosed = errors.New("state: closed")

// Store is the tables of one task: one LevelDB, or one tree in memory, with all tables by prefix. Get, Scan, Digest, Diff,
// Barrier and the questions are safe for concurrent use, beside one goroutine at a time that calls Apply, Restore, Commit,
// Wipe, Reject or Close.
type Store struct {
	config Config
	tables []table
	lock   io.Closer // of the directory; nil in memory
	users  users     // of backend
	// backend changes only while there are no users.
	backend backend
	batch   leveldb.Batch // what Restore holds, and scratch of Apply
	scratch []byte        // of the writing goroutine

	barrier sync.Mutex // held over the disk, by design: a second barrier wants the first one done
	mu      struct {
		sync.Mutex
		moved      string
		mark, last Mark
		marked     bool   // a mark was written since the store was made; before, the entries count as nothing
		batches    uint64 // written since the store was made
		durable    uint64 // batches that the barrier file covers
		since      int64  // bytes written after the last barrier
		at         time.Time
	}
}

// table is a table at work.
type table struct {
	name         string
	prefix       [prefixBytes]byte
	sort, unsort func(dst, key []byte) []byte // nil: the key itself
	schemas      bool
	same         func(a, b []byte) bool // nil: equal bytes are equal values, and no others
}

// Open opens the store in c.Dir, or makes an empty one. A store that cannot be trusted (it does not open, a checksum is wrong,
// it has another Identity or other tables) is renamed to "aside" in Dir (replacing an older one), logged, and a new one is
// made: Moved tells. A fault of the directory itself (permission, full disk, locked by another owner) is an error.
func Open(c Config) (*Store, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Store{config: c}
	for i, t := range c.Tables {
		one := table{name: t.Name, sort: t.Sort, unsort: t.Unsort, schemas: t.Schemas, same: t.Same}
		appendPrefix(one.prefix[:0], i)
		s.tables = append(s.tables, one)
	}
	s.mu.at = c.Clock.Now()
	if c.Dir == "" {
		s.backend = newMemoryBackend()
		return s, nil
	}
	if err := s.openDir(); err != nil {
		return nil, fmt.Errorf("state: open store %s: %w", c.Dir, err)
	}
	return s, nil
}

// Moved says why Open, or the last Reject, moved contents aside; "" if none were.
func (s *Store) Moved() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.moved
}

// Mark is where replay starts: what is surely in the store. After an unclean stop that is the mark of the last barrier
// (S-13), although newer entries may be there; replaying over them is harmless because entries are whole values. Later
// it is the mark of the last Apply or Commit. The zero Mark: nothing, the store is empty. The slices are the caller's.
func (s *Store) Mark() Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.mark.clone()
}

// Last is the newest mark that a batch found by Open carries; it differs from Mark only after an unclean stop, and until the
// first Apply or Commit. A store whose Last is beyond the end of its log holds what the log does not (S-12).
func (s *Store) Last() Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.last.clone()
}

// Get returns the value of key (in its log form). The bytes are the caller's.
func (s *Store) Get(table int, key []byte) (value []byte, ok bool, err error) {
	return s.get(nil, table, key)
}

// get is Get with a scratch buffer for the key.
func (s *Store) get(scratch []byte, table int, key []byte) (value []byte, ok bool, err error) {
	if !s.users.enter() {
		return nil, false, ErrClosed
	}
	defer s.users.leave()
	t := &s.tables[table]
	stored, ok, err := s.backend.get(t.appendKey(scratch, key))
	if err == nil && ok {
		value, err = t.valueOf(stored)
	}
	if err != nil {
		s.suspect(err)
		return nil, false, fmt.Errorf("state: get from %s: %w", t.name, err)
	}
	return value, ok, nil
}

// Apply writes the changes of a commit and its mark as one atomic batch. changes may be nil. It does not sync.
func (s *Store) Apply(changes *Changes, m Mark) error {
	s.batch.Reset()
	if changes != nil {
		for i := range changes.tables {
			t := &s.tables[i]
			for j := range changes.tables[i].items {
				key, value := changes.item(i, j)
				if t.schemas {
					s.addEntry(t, key, value)
				} else {
					s.add(t, key, nil, value)
				}
			}
		}
	}
	if err := s.write(&m); err != nil {
		return fmt.Errorf("state: apply commit %d: %w", m.Commit, err)
	}
	return nil
}

// Restore takes entries read from a table's changelog: a nil value deletes. They become visible by the next Commit, some
// earlier: whenever Config.RestoreBytes have come together, they are written. It copies what it keeps.
func (s *Store) Restore(table int, records []commitlog.Record) error {
	t := &s.tables[table]
	for i := range records {
		r := &records[i]
		if r.Key == nil {
			return fmt.Errorf("state: restore %s: the record at offset %d has no key", t.name, r.Offset)
		}
		s.add(t, r.Key, schema.Of(r.Headers), r.Value)
		if int64(len(s.batch.Dump())) >= s.config.RestoreBytes {
			if err := s.write(nil); err != nil {
				return fmt.Errorf("state: restore %s: %w", t.name, err)
			}
		}
	}
	return nil
}

// Commit writes what Restore holds, and m, as one atomic batch. It does not sync.
func (s *Store) Commit(m Mark) error {
	if err := s.write(&m); err != nil {
		return fmt.Errorf("state: restore up to commit %d: %w", m.Commit, err)
	}
	return nil
}

// addEntry puts what is an entry of internal/schema already into the batch; nil removes.
func (s *Store) addEntry(t *table, key, entry []byte) {
	s.scratch = t.appendKey(s.scratch[:0], key)
	if entry == nil {
		s.batch.Delete(s.scratch)
		return
	}
	s.batch.Put(s.scratch, entry)
}

// add puts a value and the name of its schema, if it has one, into the batch.
func (s *Store) add(t *table, key, name, value []byte) {
	s.scratch = t.appendKey(s.scratch[:0], key)
	if value == nil {
		s.batch.Delete(s.scratch)
		return
	}
	n := len(s.scratch)
	s.scratch = schema.AppendEntry(s.scratch, name, value)
	s.batch.Put(s.scratch[:n], s.scratch[n:])
}

// write ends the batch with the internal record and writes it. Without a mark the store's own stays: the entries count as
// nothing yet, but the store is not what its barrier says any more.
func (s *Store) write(m *Mark) error {
	if !s.users.enter() {
		return ErrClosed
	}
	defer s.users.leave()
	s.mu.Lock()
	in := inner{batch: s.mu.batches + 1, mark: s.mu.mark}
	s.mu.Unlock()
	if m != nil {
		in.mark = m.clone()
	}
	s.scratch = appendInner(s.scratch[:0], &in)
	s.batch.Put(markKey, s.scratch)
	size := int64(len(s.batch.Dump()))
	err := s.backend.write(&s.batch)
	s.batch.Reset()
	if size > keepBytes {
		s.batch = leveldb.Batch{}
	}
	if cap(s.scratch) > keepBytes {
		s.scratch = nil
	}
	if err != nil {
		s.suspect(err)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.batches = in.batch
	s.mu.since += size
	if m != nil {
		s.mu.mark, s.mu.last, s.mu.marked = in.mark, in.mark, true
	}
	return nil
}

// Wipe empties the store, mark included, for a full restore.
func (s *Store) Wipe() error {
	if err := s.renew(func() error { return s.discard(liveDir, trashDir) }); err != nil {
		return fmt.Errorf("state: wipe store %s: %w", s.config.Dir, err)
	}
	return nil
}

// Reject moves the contents aside, as Open does, and goes on empty: for causes that only the log can show (S-12).
func (s *Store) Reject(reason string) error {
	if err := s.renew(func() error { return s.moveAside(reason) }); err != nil {
		return fmt.Errorf("state: move store %s aside: %w", s.config.Dir, err)
	}
	return nil
}

// renew closes the backend, lets away take the contents away, and goes on with an empty one. After an error the store is closed.
func (s *Store) renew(away func() error) error {
	if !s.users.close() {
		return ErrClosed
	}
	s.barrier.Lock()
	defer s.barrier.Unlock()
	s.batch.Reset()
	// What close reports is about contents that are given up.
	_ = s.backend.close()
	s.backend = newMemoryBackend()
	if s.config.Dir != "" {
		err := away()
		if err == nil {
			err = s.create()
		}
		if err != nil {
			return errors.Join(err, s.lock.Close())
		}
	}
	s.forgetMarks()
	s.users.open()
	return nil
}

func (s *Store) forgetMarks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.mark, s.mu.last, s.mu.marked = Mark{}, Mark{}, false
	s.mu.batches, s.mu.durable, s.mu.since = 0, 0, 0
	s.mu.at = s.config.Clock.Now()
}

// Close closes the store when those who use it are through (so not from within a Scan). A scan under way ends with ErrClosed at
// its next entry. clean: a barrier is taken first, so that
// the next Open has nothing to replay. What Restore holds without Commit is dropped either way. Later calls, the second Close
// included, return ErrClosed.
func (s *Store) Close(clean bool) error {
	var err error
	if clean {
		err = s.Barrier()
		if errors.Is(err, ErrClosed) {
			return err
		}
	}
	if !s.users.close() {
		return ErrClosed
	}
	if cerr := s.backend.close(); err == nil {
		err = cerr
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	if err != nil {
		return fmt.Errorf("state: close store %s: %w", s.config.Dir, err)
	}
	return nil
}

// appendKey appends the key that the backend has for a key in its log form.
func (t *table) appendKey(dst, key []byte) []byte {
	dst = append(dst, t.prefix[:]...)
	if t.sort != nil {
		return t.sort(dst, key)
	}
	return append(dst, key...)
}
