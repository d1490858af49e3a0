// Package levelfs lets goleveldb live on a vfs.FS, so that a LevelDB can crash, fill up and lose power in a test.
//
// It keeps goleveldb's file names. What goleveldb asks to sync is synced, and the directory after it, so that a table or a
// manifest that a synced manifest names is there after a power cut. SyncJournals syncs what goleveldb does not: a journal
// that was full and closed before its contents are in a table. A file whose Sync failed once fails for ever: what the disk
// holds of it is unknown.
//
// Limits: one LevelDB per directory; the owner of the directory keeps others out (package state has a lock file), because
// Lock only keeps out a second goleveldb on the same Storage.
package levelfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/syndtr/goleveldb/leveldb/storage"

	"github.com/millrun/millrun/internal/vfs"
)

const current = "CURRENT"

// Storage is a directory seen as goleveldb's storage. Safe for concurrent use.
type Storage struct {
	fs  vfs.FS
	dir string
	mu  struct {
		sync.Mutex
		locked, closed bool
		journals       map[storage.FileDesc]*writer // not closed yet
	}
}

var _ storage.Storage = (*Storage)(nil)

// New gives the storage in dir, which exists. Nothing is touched until goleveldb asks.
func New(fs vfs.FS, dir string) *Storage {
	s := &Storage{fs: fs, dir: dir}
	s.mu.journals = map[storage.FileDesc]*writer{}
	return s
}

// SyncJournals makes all journals durable as they are now. With what goleveldb syncs itself, every batch written before the
// call then survives a power cut: it is in a journal, or in a table that was synced before its journal was removed.
func (s *Storage) SyncJournals() error {
	s.mu.Lock()
	if s.mu.closed {
		s.mu.Unlock()
		return storage.ErrClosed
	}
	journals := slices.Collect(maps.Values(s.mu.journals))
	s.mu.Unlock()
	var first error
	for _, w := range journals {
		if err := w.settle(); err != nil && first == nil {
			first = fmt.Errorf("sync %s: %w", s.path(w.fd.String()), err)
		}
	}
	return first
}

// Lock implements storage.Storage: one user of this Storage at a time.
func (s *Storage) Lock() (storage.Locker, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.mu.closed:
		return nil, storage.ErrClosed
	case s.mu.locked:
		return nil, storage.ErrLocked
	}
	s.mu.locked = true
	return &lock{s: s}, nil
}

type lock struct {
	s    *Storage
	once sync.Once
}

func (l *lock) Unlock() {
	l.once.Do(func() {
		l.s.mu.Lock()
		l.s.mu.locked = false
		l.s.mu.Unlock()
	})
}

// Log drops goleveldb's remarks; what matters comes back as an error.
func (s *Storage) Log(string) {}

// SetMeta makes fd the manifest that counts: a temporary file, synced, takes the place of CURRENT in one step.
func (s *Storage) SetMeta(fd storage.FileDesc) error {
	if err := s.usable(fd); err != nil {
		return err
	}
	temp := fmt.Sprintf("%s.%d", s.path(current), fd.Num)
	f, err := s.fs.Create(temp)
	if err != nil {
		return translate(err)
	}
	_, err = f.WriteAt([]byte(fd.String()+"\n"), 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = s.fs.Rename(temp, s.path(current))
	}
	if err == nil {
		err = s.fs.SyncDir(s.dir)
	}
	return translate(err)
}

// GetMeta reads CURRENT; os.ErrNotExist without one, *storage.ErrCorrupted when it names no manifest.
func (s *Storage) GetMeta() (storage.FileDesc, error) {
	if err := s.usable(storage.FileDesc{Type: storage.TypeManifest}); err != nil {
		return storage.FileDesc{}, err
	}
	f, err := s.fs.Open(s.path(current))
	if err != nil {
		return storage.FileDesc{}, translate(err)
	}
	defer f.Close() // read only: nothing can be lost
	content := make([]byte, 64)
	n, err := f.ReadAt(content, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return storage.FileDesc{}, translate(err)
	}
	name, ended := strings.CutSuffix(string(content[:n]), "\n")
	fd, ok := parseName(name)
	if !ended || !ok || fd.Type != storage.TypeManifest {
		return storage.FileDesc{}, &storage.ErrCorrupted{Err: fmt.Errorf("%s: want the name of a manifest, have %q", s.path(current), content[:n])}
	}
	return fd, nil
}

// List gives the files of the given types.
func (s *Storage) List(types storage.FileType) ([]storage.FileDesc, error) {
	if err := s.usable(storage.FileDesc{Type: storage.TypeManifest}); err != nil {
		return nil, err
	}
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, translate(err)
	}
	var found []storage.FileDesc
	for _, name := range names {
		if fd, ok := parseName(name); ok && fd.Type&types != 0 {
			found = append(found, fd)
		}
	}
	return found, nil
}

// Open opens a file for reading.
func (s *Storage) Open(fd storage.FileDesc) (storage.Reader, error) {
	if err := s.usable(fd); err != nil {
		return nil, err
	}
	f, err := s.fs.Open(s.path(fd.String()))
	if err != nil {
		return nil, translate(err)
	}
	return &reader{File: f}, nil
}

// Create makes a file, or empties it, for writing.
func (s *Storage) Create(fd storage.FileDesc) (storage.Writer, error) {
	if err := s.usable(fd); err != nil {
		return nil, err
	}
	f, err := s.fs.Create(s.path(fd.String()))
	if err != nil {
		return nil, translate(err)
	}
	w := &writer{s: s, fd: fd}
	w.mu.f = f
	w.mu.unsynced = true
	if fd.Type != storage.TypeJournal {
		return w, nil
	}
	s.mu.Lock()
	old := s.mu.journals[fd]
	s.mu.journals[fd] = w
	s.mu.Unlock()
	if old != nil {
		return w, old.release()
	}
	return w, nil
}

// forget takes a journal off the list, unless another file has its name by now.
func (s *Storage) forget(w *writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.journals[w.fd] == w {
		delete(s.mu.journals, w.fd)
	}
}

// Remove removes a file.
func (s *Storage) Remove(fd storage.FileDesc) error {
	if err := s.usable(fd); err != nil {
		return err
	}
	s.mu.Lock()
	w := s.mu.journals[fd]
	delete(s.mu.journals, fd)
	s.mu.Unlock()
	if w != nil {
		_ = w.release() // what could not be written is not wanted any more
	}
	return translate(s.fs.Remove(s.path(fd.String())))
}

// Rename renames a file.
func (s *Storage) Rename(from, to storage.FileDesc) error {
	if err := s.usable(from); err != nil {
		return err
	}
	if !storage.FileDescOk(to) {
		return storage.ErrInvalidFile
	}
	if from == to {
		return nil
	}
	return translate(s.fs.Rename(s.path(from.String()), s.path(to.String())))
}

// Close ends the use of the Storage and closes the journals that were left open.
func (s *Storage) Close() error {
	s.mu.Lock()
	s.mu.closed = true
	journals := s.mu.journals
	s.mu.journals = nil
	s.mu.Unlock()
	var first error
	for _, w := range journals {
		if err := w.release(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (s *Storage) usable(fd storage.FileDesc) error {
	if !storage.FileDescOk(fd) {
		return storage.ErrInvalidFile
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return storage.ErrClosed
	}
	return nil
}

func (s *Storage) path(name string) string { return path.Join(s.dir, name) }

// translate gives goleveldb the error values that it compares without looking through wrappers.
func translate(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return os.ErrNotExist
	}
	return err
}
