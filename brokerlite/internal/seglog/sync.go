package seglog

import (
	"errors"
	"fmt"
	"io/fs"
)

// Sync makes durable all that was appended before the call: bytes, then directory entries; and writes sidecars of sealed
// segments. A failed sync is final: the log refuses all further writes. A sidecar that cannot be written is no fault: the
// next Sync tries again, and readers do without. A log that refuses writes for another reason can still be synced: what it
// holds counts.
func (l *Log) Sync() error {
	if err := l.syncBytes(); err != nil {
		return err
	}
	l.writeSidecars()
	return nil
}

// syncBytes syncs files, then the directory, then the entry of the directory.
func (l *Log) syncBytes() error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if err := l.syncable(); err != nil {
		return err
	}
	handles, entries, parent := l.takeDirty()
	var failed error
	for _, h := range handles {
		if failed == nil {
			failed = h.f.Sync()
		}
		failed = errors.Join(failed, h.done())
	}
	if failed == nil && entries {
		failed = l.c.FS.SyncDir(l.dir)
	}
	if failed == nil && parent {
		failed = l.c.FS.SyncDir(l.parentDir())
	}
	if failed != nil {
		l.setDirty(func() { l.mu.unsynced = true })
		return l.fail(fmt.Errorf("sync: %w", failed))
	}
	return nil
}

// syncable says why nothing can be made durable any more.
func (l *Log) syncable() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.mu.closed:
		return errClosed
	case l.mu.unsynced:
		return l.mu.err
	}
	return nil
}

// takeDirty gives what must be synced; each handle is counted for the caller. A partition without files needs nothing:
// Open makes its directory again.
func (l *Log) takeDirty() (handles []*handle, entries, parent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	handles, l.mu.dirty = l.mu.dirty, nil
	a := l.set.Load().active
	if a != nil {
		a.mu.Lock()
		if !a.mu.synced && a.h.use() {
			handles = append(handles, a.h)
		}
		a.mu.synced = true
		a.mu.Unlock()
		parent, l.mu.parent = l.mu.parent, false
	}
	entries, l.mu.entries = l.mu.entries, false
	return handles, entries, parent
}

// writeSidecars gives each sealed segment that has none its index file. The file need not be durable: its checksum tells
// whether it is whole, and without it the index is built anew.
func (l *Log) writeSidecars() {
	l.mu.Lock()
	todo := l.mu.unnamed
	l.mu.unnamed = nil
	l.mu.Unlock()
	for _, s := range todo {
		if !l.has(s) { // dropped or taken back meanwhile
			continue
		}
		switch err := l.writeSidecar(s); {
		case err == nil:
			s.kept.Store(nil)
		case errors.Is(err, fs.ErrNotExist): // dropped just now
		default:
			l.setDirty(func() { l.mu.unnamed = append(l.mu.unnamed, s) })
		}
	}
}

func (l *Log) writeSidecar(s *sealed) error {
	o, err := l.files.acquire(l.c.FS, s)
	if err != nil {
		return err
	}
	x, err := l.sealedIndex(o)
	if err = errors.Join(err, o.h.done()); err != nil {
		return err
	}
	name := indexName(l.dir, s.base)
	f, err := l.c.FS.Create(name + tempSuffix)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(encodeIndex(s.base, x), 0)
	if err = errors.Join(err, f.Close()); err == nil {
		err = l.c.FS.Rename(name+tempSuffix, name)
	}
	if err != nil {
		return errors.Join(err, l.c.FS.Remove(name+tempSuffix))
	}
	if !l.has(s) { // DropBefore or TakeBack came in between
		return l.removeSidecar(s.base)
	}
	return nil
}

func (l *Log) has(s *sealed) bool {
	for _, other := range l.set.Load().sealed {
		if other == s {
			return true
		}
	}
	return false
}
