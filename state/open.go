package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/millrun/millrun/internal/vfs"
)

// What is in Config.Dir. live holds the LevelDB and the barrier file, so that one rename takes a store away whole.
const (
	liveDir     = "live"
	asideDir    = "aside"
	trashDir    = "trash"
	lockFile    = "LOCK"
	barrierFile = "BARRIER"
	suspectFile = "SUSPECT"
)

// openDir opens what is in the directory, or moves it aside and makes it anew.
func (s *Store) openDir() error {
	if err := makeDir(s.config.FS, s.config.Dir); err != nil {
		return err
	}
	lock, err := s.config.FS.Lock(s.path(lockFile))
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	s.lock = lock
	err = s.config.FS.RemoveAll(s.path(trashDir))
	if err == nil {
		err = s.openLive()
	}
	if errors.Is(err, errDamaged) || errors.Is(err, errElsewhere) {
		err = s.moveAside(err.Error())
		if err == nil {
			err = s.create()
		}
	}
	if err != nil {
		return errors.Join(err, lock.Close())
	}
	return nil
}

// openLive opens what is there. An error that wraps errDamaged or errElsewhere says that it must not be used.
func (s *Store) openLive() error {
	b, err := readBarrier(s.config.FS, s.path(liveDir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.createIfNothing()
	case err != nil:
		return err
	}
	if err := s.mustMatch(&b); err != nil {
		return err
	}
	if b.inner.batch == 0 {
		// Nothing in it has a barrier below: start over rather than replay over what nobody knows.
		if err := s.discard(liveDir, trashDir); err != nil {
			return err
		}
		return s.create()
	}
	back, err := openLevel(&s.config, s.path(liveDir), false, false)
	if err != nil {
		return err
	}
	in, err := readInner(back)
	if err == nil && in.batch < b.inner.batch {
		err = fmt.Errorf("%w: the newest batch is %d, the barrier had %d", errDamaged, in.batch, b.inner.batch)
	}
	if err != nil {
		return errors.Join(err, back.close())
	}
	s.backend = back
	s.mu.batches, s.mu.durable = in.batch, b.inner.batch
	s.mu.mark, s.mu.last, s.mu.marked = b.inner.mark, in.mark, true
	return nil
}

// createIfNothing makes a store where the barrier file is missing, unless that is damage: the barrier file of a new store is
// durable before LevelDB writes anything.
func (s *Store) createIfNothing() error {
	names, err := s.config.FS.List(s.path(liveDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range names {
		if name != barrierFile+tempSuffix {
			return fmt.Errorf("%w: there are files, %s one of them, but no barrier file", errDamaged, name)
		}
	}
	return s.create()
}

// errElsewhere marks a store that is whole, and was filled from something else than this one would be.
var errElsewhere = errors.New("state: the store belongs elsewhere")

// mustMatch tells how the store on disk differs from the one wanted.
func (s *Store) mustMatch(b *barrier) error {
	want := s.config.Identity
	switch {
	case b.identity.ClusterID != want.ClusterID:
		return fmt.Errorf("%w: to another log (cluster %s, this is %s)", errElsewhere, b.identity.ClusterID, want.ClusterID)
	case b.identity.Journal != want.Journal:
		return fmt.Errorf("%w: to a journal that was deleted and made anew (topic id %x, now it is %x)", errElsewhere, b.identity.Journal, want.Journal)
	case !slices.Equal(b.identity.Changelogs, want.Changelogs):
		return fmt.Errorf("%w: to changelogs that were deleted and made anew (topic ids %x, now they are %x)", errElsewhere, b.identity.Changelogs, want.Changelogs)
	}
	if names := s.config.tableNames(); !slices.Equal(b.tables, names) {
		return fmt.Errorf("%w: to a processor with the tables %q, here they are %q", errElsewhere, b.tables, names)
	}
	switch _, err := s.config.FS.Stat(path.Join(s.path(liveDir), suspectFile)); {
	case err == nil:
		return fmt.Errorf("%w: damage was found while it was in use", errDamaged)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

// create makes an empty store in live: directory, barrier file, LevelDB, in this order and each durable before the next.
func (s *Store) create() error {
	dir := s.path(liveDir)
	if err := makeDir(s.config.FS, dir); err != nil {
		return err
	}
	b := barrier{identity: s.config.Identity, tables: s.config.tableNames()}
	if err := writeBarrier(s.config.FS, dir, &b); err != nil {
		return err
	}
	back, err := openLevel(&s.config, dir, true, false)
	if err != nil {
		return err
	}
	s.backend = back
	return nil
}

// moveAside puts the contents where a person can look at them and the store never does.
func (s *Store) moveAside(reason string) error {
	if err := s.discard(asideDir, trashDir); err != nil {
		return err
	}
	if err := s.rename(liveDir, asideDir); err != nil {
		return err
	}
	s.mu.Lock()
	s.mu.moved = reason
	s.mu.Unlock()
	s.config.Logger.Warn("store moved aside; it is filled again from its changelogs", "dir", s.config.Dir, "aside", s.path(asideDir), "reason", reason)
	return nil
}

// discard removes a directory of the store. It is renamed first: a crash half way leaves nothing that looks like a store.
func (s *Store) discard(name, by string) error {
	if err := s.config.FS.RemoveAll(s.path(by)); err != nil {
		return err
	}
	if err := s.rename(name, by); err != nil {
		return err
	}
	return s.config.FS.RemoveAll(s.path(by))
}

// rename does nothing when there is no from.
func (s *Store) rename(from, to string) error {
	err := s.config.FS.Rename(s.path(from), s.path(to))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.config.FS.SyncDir(s.config.Dir)
}

// suspect leaves a note for the next Open when err is damage. That the note could not be written changes nothing for the caller,
// who has the error itself; the next Open then finds the damage anew.
func (s *Store) suspect(err error) {
	if !errors.Is(err, errDamaged) || s.config.Dir == "" {
		return
	}
	dir := s.path(liveDir)
	f, cerr := s.config.FS.Create(path.Join(dir, suspectFile))
	if cerr != nil {
		return
	}
	_, _ = f.WriteAt([]byte(err.Error()+"\n"), 0)
	_ = f.Sync()
	_ = f.Close()
	_ = s.config.FS.SyncDir(dir)
}

func (s *Store) path(name string) string { return path.Join(s.config.Dir, name) }

// readInner gives the internal record; a zero one if there is none.
func readInner(b backend) (inner, error) {
	stored, ok, err := b.get(markKey)
	if err != nil || !ok {
		return inner{}, err
	}
	return parseInner(stored)
}

// makeDir makes dir and its missing parents, each durable.
func makeDir(files vfs.FS, dir string) error {
	var missing []string
	for at := dir; ; at = path.Dir(at) {
		if _, err := files.Stat(at); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, at)
		if path.Dir(at) == at {
			break
		}
	}
	if err := files.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, made := range slices.Backward(missing) {
		if err := files.SyncDir(path.Dir(made)); err != nil {
			return err
		}
	}
	return nil
}

// readFile reads a whole small file.
func readFile(files vfs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only: nothing can be lost
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	content := make([]byte, size)
	if _, err := f.ReadAt(content, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return content, nil
}
