package state

import (
	"fmt"
	"path"
	"time"

	"github.com/millrun/millrun/internal/vfs"
)

// barrierEvery is how old a barrier may get while there is something to make durable (S-13).
const barrierEvery = 30 * time.Second

const tempSuffix = ".tmp"

// Barrier makes everything applied before the call durable, then the mark of it (S-13): the next Open trusts the store up to
// there. It waits for the disk; Get and Scan go on meanwhile, Apply waits for the part that concerns its file. After an error
// the old barrier counts. It does nothing in memory, and nothing before the first mark: entries without one are no base.
func (s *Store) Barrier() error {
	s.barrier.Lock()
	defer s.barrier.Unlock()
	if !s.users.enter() {
		return ErrClosed
	}
	defer s.users.leave()
	s.mu.Lock()
	in := inner{batch: s.mu.batches, mark: s.mu.mark}
	since, needed := s.mu.since, s.config.Dir != "" && s.mu.marked && in.batch != s.mu.durable
	s.mu.Unlock()
	if needed {
		err := s.backend.flush()
		if err == nil {
			b := barrier{identity: s.config.Identity, tables: s.config.tableNames(), inner: in}
			err = writeBarrier(s.config.FS, s.path(liveDir), &b)
		}
		if err != nil {
			return fmt.Errorf("state: barrier of store %s: %w", s.config.Dir, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if needed {
		s.mu.durable = in.batch
	}
	s.mu.since -= since
	s.mu.at = s.config.Clock.Now()
	return nil
}

// BarrierDue tells whether 30 s or Config.BarrierBytes have passed since the last barrier and something was written.
func (s *Store) BarrierDue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config.Dir == "" || !s.mu.marked || s.mu.batches == s.mu.durable {
		return false
	}
	return s.mu.since >= s.config.BarrierBytes || s.config.Clock.Now().Sub(s.mu.at) >= barrierEvery
}

// writeBarrier replaces the barrier file in one step: a temporary file, synced, takes its name, and the directory is synced.
func writeBarrier(files vfs.FS, dir string, b *barrier) error {
	name := path.Join(dir, barrierFile)
	f, err := files.Create(name + tempSuffix)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(appendBarrier(nil, b), 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = files.Rename(name+tempSuffix, name)
	}
	if err == nil {
		err = files.SyncDir(dir)
	}
	return err
}

// readBarrier reads the barrier file in dir; fs.ErrNotExist without one, damage as such.
func readBarrier(files vfs.FS, dir string) (barrier, error) {
	content, err := readFile(files, path.Join(dir, barrierFile))
	if err != nil {
		return barrier{}, err
	}
	return parseBarrier(content)
}
