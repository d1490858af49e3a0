package state

import (
	"errors"
	"fmt"
	"os"

	"github.com/syndtr/goleveldb/leveldb"
	lderrors "github.com/syndtr/goleveldb/leveldb/errors"
	"github.com/syndtr/goleveldb/leveldb/filter"
	"github.com/syndtr/goleveldb/leveldb/iterator"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/util"

	"github.com/millrun/millrun/state/internal/levelfs"
)

// levelBackend keeps everything in one LevelDB.
type levelBackend struct {
	db      *leveldb.DB
	storage *levelfs.Storage
}

// openLevel opens the LevelDB in dir, which exists; fresh allows an empty directory, where a new one is made. Damage is an
// error that wraps errDamaged.
func openLevel(c *Config, dir string, fresh, readOnly bool) (*levelBackend, error) {
	storage := levelfs.New(c.FS, dir)
	cache := int(c.BlockCache)
	if cache < 0 {
		cache = -1
	}
	db, err := leveldb.Open(storage, &opt.Options{
		ErrorIfMissing:         !fresh,
		ReadOnly:               readOnly,
		WriteBuffer:            int(c.WriteBuffer),
		BlockCacheCapacity:     cache,
		OpenFilesCacheCapacity: c.OpenFiles,
		Filter:                 filter.NewBloomFilter(10),
		// A read must not start a compaction: reads are the hot path, and write load alone says how much there is to compact.
		DisableSeeksCompaction: true,
		// goleveldb writes large batches through a transaction, and when one cannot be opened (full disk) it keeps its write lock
		// for ever: then Close hangs.
		DisableLargeBatchTransaction: true,
	})
	if err != nil {
		_ = storage.Close() // err says what failed first
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w: there is no LevelDB in %s", errDamaged, dir)
		}
		return nil, levelError(err)
	}
	return &levelBackend{db: db, storage: storage}, nil
}

// levelError tells damage and use after close from the faults of a disk.
func levelError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, leveldb.ErrClosed):
		return ErrClosed
	case lderrors.IsCorrupted(err):
		return fmt.Errorf("%w: leveldb: %w", errDamaged, err)
	default:
		return fmt.Errorf("state: leveldb: %w", err)
	}
}

func (b *levelBackend) get(key []byte) ([]byte, bool, error) {
	value, err := b.db.Get(key, nil)
	if errors.Is(err, leveldb.ErrNotFound) {
		return nil, false, nil
	}
	return value, err == nil, levelError(err)
}

func (b *levelBackend) scan(from, to []byte) (cursor, error) {
	return &levelCursor{b.db.NewIterator(&util.Range{Start: from, Limit: to}, nil)}, nil
}

// write does not sync: after a power cut the store goes back to its barrier, and replay brings the rest (S-13).
func (b *levelBackend) write(batch *leveldb.Batch) error {
	return levelError(b.db.Write(batch, nil))
}

// flush syncs the journals. A synced write would not do: goleveldb closes a full journal without syncing it, so a later synced
// batch can survive an earlier lost one (S-13). Opening a transaction, which writes the memory table into a synced table, would
// do too, but costs a table file each time and keeps goleveldb's write lock for ever when the disk is full.
func (b *levelBackend) flush() error {
	if err := b.storage.SyncJournals(); err != nil {
		return fmt.Errorf("state: leveldb: %w", err)
	}
	return nil
}

func (b *levelBackend) close() error {
	err := levelError(b.db.Close())
	if serr := b.storage.Close(); err == nil && serr != nil {
		err = fmt.Errorf("state: leveldb: %w", serr)
	}
	return err
}

type levelCursor struct{ it iterator.Iterator }

func (c *levelCursor) next() bool    { return c.it.Next() }
func (c *levelCursor) key() []byte   { return c.it.Key() }
func (c *levelCursor) value() []byte { return c.it.Value() }

func (c *levelCursor) close() error {
	c.it.Release()
	return levelError(c.it.Error())
}
