package state

import (
	"errors"

	"github.com/millrun/millrun/commitlog"
)

// Store is the tables of one task: one LevelDB, or one tree in memory, with all tables by prefix. Safe for concurrent use,
// but Restore, Commit, Wipe, Reject and Close want no other writer beside them.
type Store struct {
	config Config
}

// Open opens the store in c.Dir, or makes an empty one. A store that cannot be trusted (it does not open, a checksum is wrong,
// it has another Identity or other tables) is renamed to Dir + ".aside" (replacing an older one), logged, and a new one is
// made: Moved tells. A fault of the directory itself (permission, full disk, locked by another owner) is an error.
func Open(c Config) (*Store, error) { return nil, errors.New("state: not built") }

// Moved says why Open, or the last Reject, moved an older store aside; "" if none was.
func (s *Store) Moved() string { return "" }

// Mark is where replay starts: what is surely in the store. After an unclean stop that is the mark of the last barrier
// (S-13), although newer entries may be there; replaying over them is harmless because entries are whole values. Later
// it is the mark of the last Apply or Commit. The zero Mark: nothing, the store is empty. The slices are the caller's.
func (s *Store) Mark() Mark { return Mark{} }

// Last is the newest mark that any batch in the store carries; it differs from Mark only after an unclean stop and until
// replay has passed it. A store whose Last is beyond the end of its log holds what the log does not (S-12).
func (s *Store) Last() Mark { return Mark{} }

// Get returns the value of key (in its log form). The bytes are the caller's.
func (s *Store) Get(table int, key []byte) (value []byte, ok bool, err error) { return nil, false, nil }

// Scan calls yield for the entries whose sort form is in [from, to), in that order, until yield returns false; a nil bound is
// open. It shows the table as of the call. key (in its log form) and value are valid in the call of yield.
func (s *Store) Scan(table int, from, to []byte, yield func(key, value []byte) bool) error {
	return nil
}

// Apply writes the changes of a commit and its mark as one atomic batch. changes may be nil. It does not sync.
func (s *Store) Apply(changes *Changes, m Mark) error { return nil }

// Restore takes entries read from a table's changelog: a nil value deletes. They become visible by the next Commit, some
// earlier (a batch is written whenever 4 MiB have come together). It copies what it keeps.
func (s *Store) Restore(table int, records []commitlog.Record) error { return nil }

// Commit writes what Restore holds, and m, as one atomic batch.
func (s *Store) Commit(m Mark) error { return nil }

// Barrier makes everything applied before the call durable, then the mark of it (S-13). It waits for the disk; Get, Scan and
// Apply go on meanwhile (Apply may wait).
func (s *Store) Barrier() error { return nil }

// BarrierDue tells whether 30 s or Config.BarrierBytes have passed since the last barrier and something was written.
func (s *Store) BarrierDue() bool { return false }

// Wipe empties the store, mark included, for a full restore.
func (s *Store) Wipe() error { return nil }

// Reject moves the contents aside, as Open does, and goes on empty: for causes that only the log can show (S-12).
func (s *Store) Reject(reason string) error { return nil }

// Close closes the store. clean: a barrier is taken first, so that the next Open has nothing to replay; what Restore holds
// without Commit is dropped either way. Later calls return ErrClosed.
func (s *Store) Close(clean bool) error { return nil }

// Digest computes the digest of one table by a scan, as of the call (S-31).
func (s *Store) Digest(table int) (Digest, error) { return Digest{}, nil }

// Digest is a fingerprint of a table's entries that does not depend on their order. Compare with ==.
type Digest struct {
	Sum     [16]byte // of the hashes of (table name, key, value)
	Entries int64
}

// Diff walks the same table of two stores in order and calls yield for each key whose values differ, until it returns false;
// a nil value: absent. It shows both as of the call.
func Diff(a, b *Store, table int, yield func(key, va, vb []byte) bool) error { return nil }

// ErrClosed is returned by calls after Close.
var ErrClosed = errors.New("state: closed")
