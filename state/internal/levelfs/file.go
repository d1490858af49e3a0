package levelfs

import (
	"fmt"
	"io"
	"sync"

	"github.com/syndtr/goleveldb/leveldb/storage"

	"github.com/millrun/millrun/internal/vfs"
)

// reader adds to a file the place where the next Read goes on. One goroutine reads and seeks; ReadAt is free for all.
type reader struct {
	vfs.File
	at int64
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadAt(p, r.at)
	r.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil // a full read to the very end; the next one says EOF
	}
	return n, err
}

func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		size, err := r.Size()
		if err != nil {
			return 0, err
		}
		offset += size
	}
	if offset < 0 {
		return 0, fmt.Errorf("levelfs: seek to %d: before the start of the file", offset)
	}
	r.at = offset
	return offset, nil
}

// writer appends to a new file. goleveldb writes from one goroutine at a time; SyncJournals comes from another.
type writer struct {
	s  *Storage
	fd storage.FileDesc
	mu struct {
		sync.Mutex
		f        vfs.File
		at       int64
		unsynced bool  // bytes were written after the last Sync
		ended    bool  // goleveldb has closed it
		closed   bool  // f is closed: ended, and synced or removed
		failed   error // of the first Sync that failed
	}
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.mu.ended:
		return 0, storage.ErrClosed
	case w.mu.failed != nil:
		return 0, w.mu.failed
	}
	n, err := w.mu.f.WriteAt(p, w.mu.at)
	w.mu.at += int64(n)
	w.mu.unsynced = true
	return n, err
}

// Sync makes the file and its entry in the directory durable.
//
// The lock is held over the disk: only goleveldb's next write to the same file waits for it, and it would have to anyway.
func (w *writer) Sync() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.syncLocked()
}

func (w *writer) syncLocked() error {
	if w.mu.failed != nil || w.mu.closed || !w.mu.unsynced {
		return w.mu.failed
	}
	err := w.mu.f.Sync()
	if err == nil {
		err = w.s.fs.SyncDir(w.s.dir)
	}
	w.mu.failed = err
	w.mu.unsynced = err != nil
	return err
}

// Close ends the writing. The file of a journal that was not synced stays open until SyncJournals or Remove: the error of a
// late write comes to those who had the file open then, and to nobody else.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.ended {
		return storage.ErrClosed
	}
	w.mu.ended = true
	if w.fd.Type == storage.TypeJournal && w.mu.unsynced {
		return nil
	}
	w.s.forget(w)
	return w.closeLocked()
}

func (w *writer) closeLocked() error {
	if w.mu.closed {
		return nil
	}
	w.mu.closed = true
	return w.mu.f.Close()
}

// release closes the file for good: it is removed, or the Storage is closed.
func (w *writer) release() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.ended = true
	return w.closeLocked()
}

// settle is Sync for SyncJournals; afterwards a file that has ended is closed.
func (w *writer) settle() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.syncLocked()
	if err == nil && w.mu.ended {
		w.s.forget(w)
		err = w.closeLocked()
	}
	return err
}
