package engine

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	mathrand "math/rand/v2"
	"path"
	"slices"
	"strings"

	"github.com/millrun/millrun/brokerlite/internal/group"
	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/millrun/millrun/internal/vfs"
)

// openFiles bounds the open files of sealed segments of all partitions together.
const openFiles = 256

// Open takes the directory and recovers it.
func Open(dir string, c Config) (*Engine, error) {
	e := &Engine{c: c, dir: dir, files: seglog.NewFiles(openFiles), admin: make(chan struct{}, 1),
		checkpoint: make(chan struct{}, 1), timersKick: make(chan struct{}, 1),
		stop: make(chan struct{}), failed: make(chan struct{}), nextHandle: 1}
	e.admin <- struct{}{}
	e.txns.byID = map[string]*transactional{}
	e.groups.waiting = map[uint64]chan<- groupReply{}
	if err := makeDir(c.FS, dir); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := c.FS.Lock(path.Join(dir, "LOCK"))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, vfs.Locked("data directory %s is in use by another broker: close that one first", dir)
	} else if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	e.lock = lock
	if err := e.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", dir, err), e.release())
	}
	e.loops.Add(2)
	go e.runTimers()      // ended by Close
	go e.runCheckpoints() // ended by Close
	return e, nil
}

// makeDir makes dir and its missing parents, durably.
func makeDir(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); err == nil || !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	if parent := path.Dir(dir); parent != dir {
		if err := makeDir(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return fs.SyncDir(path.Dir(dir))
}

func (e *Engine) open() error {
	for _, d := range []string{metaDir(e.dir), e.topicsDir(), e.walDir()} {
		if err := e.c.FS.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	if err := e.c.FS.SyncDir(e.dir); err != nil {
		return err
	}
	var err error
	e.groups.m, err = group.New(group.Config{
		MinSessionTimeout: e.c.MinSessionTimeout, MaxSessionTimeout: e.c.MaxSessionTimeout,
		InitialRebalanceDelay: e.c.InitialRebalanceDelay, MaxMembers: e.c.MaxGroupMembers,
		Random: mathrand.Uint64,
		Exists: func(topic string, index int32) bool { return e.Catalog().Partition(topic, index) != nil },
	})
	if err != nil {
		return err
	}
	s, err := e.loadSnapshot()
	if err != nil {
		return err
	}
	return e.recover(s)
}

func (e *Engine) walDir() string { return path.Join(e.dir, "wal") }

// loadSnapshot reads the newest snapshot that can be read. A directory that has none but has data is damaged: to start
// empty would look like a broker that lost everything.
func (e *Engine) loadSnapshot() (*meta.Snapshot, error) {
	names, err := Snapshots(e.c.FS, e.dir)
	if err != nil {
		return nil, err
	}
	// What was renamed just before the process died may not be durable yet; from here on it is relied upon.
	if err := e.c.FS.SyncDir(metaDir(e.dir)); err != nil {
		return nil, err
	}
	var faults []error
	for _, name := range names {
		s, err := ReadSnapshot(e.c.FS, path.Join(metaDir(e.dir), name))
		switch {
		case err == nil && e.kept.newer == nil:
			e.kept.newer = s
			continue
		case err == nil:
			e.kept.older = s
			return e.kept.newer, nil
		}
		if !errors.Is(err, meta.ErrDamaged) && e.kept.newer == nil {
			return nil, err // the next attempt may read it: an older one is no better than that
		}
		e.c.Logger.Error("snapshot cannot be read, the start does without", "error", err)
		faults = append(faults, err)
	}
	if e.kept.newer != nil {
		return e.kept.newer, nil
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("no snapshot can be read: %w", errors.Join(faults...))
	}
	for _, d := range []string{e.topicsDir(), e.walDir()} {
		if inside, err := e.c.FS.List(d); err != nil {
			return nil, err
		} else if len(inside) > 0 {
			return nil, fmt.Errorf("%s holds data, but %s has no snapshot: restore it, nothing was changed", d, metaDir(e.dir))
		}
	}
	return e.firstSnapshot()
}

func (e *Engine) firstSnapshot() (*meta.Snapshot, error) {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	s := &meta.Snapshot{Clean: true, ClusterID: base64.RawURLEncoding.EncodeToString(id[:]), NextHandle: 1,
		GroupsState: e.groups.m.AppendSnapshot(nil)}
	e.kept.Lock()
	defer e.kept.Unlock()
	return s, e.store(s)
}

// Snapshots lists the snapshot files of a data directory, newest first.
func Snapshots(fs vfs.FS, dir string) ([]string, error) {
	names, err := fs.List(metaDir(dir))
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasSuffix(n, ".snap") })
	slices.Sort(names)
	slices.Reverse(names)
	return names, nil
}

// ReadSnapshot reads one snapshot file; errors name it.
func ReadSnapshot(fs vfs.FS, name string) (*meta.Snapshot, error) {
	b, err := readAll(fs, name)
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	s, err := meta.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func readAll(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("%s: %d of %d bytes: %w", name, n, len(b), err)
	}
	return b, nil
}

// recover brings the state to the end of the write-ahead log (S-49).
func (e *Engine) recover(s *meta.Snapshot) (err error) {
	r := newReplay(e)
	defer func() {
		if err != nil && e.Catalog() == nil { // release does not know them yet
			err = errors.Join(err, r.close())
		}
	}()
	if err := r.load(s); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	log, report, redone, err := e.openLog(s, r)
	if err != nil {
		return err
	}
	e.log = log
	if log.Full() { // what must wait for room is refused from the start, and the timers look for it
		e.full.Store(true)
		e.takenBack.Store(true)
		e.c.Logger.Error("disk full: new records are refused, reading goes on", "dir", e.dir)
	}
	e.newest.Store(uint64(report.Last))
	unclean := !s.Clean || redone > 0 || report.Cut != nil
	if report.Cut != nil {
		e.c.Logger.Warn("write-ahead log", "cut", report.Cut.String())
	}
	for _, p := range r.parts {
		p.CutBehind()
	}
	if unclean {
		if err := e.raiseEpoch(r); err != nil {
			return err
		}
		e.c.Logger.Info("recovered after an unclean stop", "dir", e.dir, "records", redone)
	}
	r.finish()
	e.reportUnknown(r)
	if err := e.takeReserve(); err != nil {
		e.c.Logger.Warn("no room is kept for transaction markers", "error", err)
	}
	if err := e.payMarkers(r.owed); err != nil {
		return err
	}
	if e.c.NoSync && s.Clean {
		// Without syncs a power cut may lose what was read; the snapshot must not vouch for the next start.
		if err := e.Checkpoint(false); !errors.Is(err, errAhead) {
			return err
		}
	}
	return nil
}

// openLog opens the write-ahead log and redoes what is above the snapshot.
func (e *Engine) openLog(s *meta.Snapshot, r *replay) (log *wal.Log, report wal.Report, redone int, err error) {
	c := wal.Config{FS: e.c.FS, Clock: e.c.Clock, FileBytes: e.c.WALFileBytes, NoSync: e.c.NoSync, OnDurable: e.onDurable, OnFull: e.onFull}
	replay := func(lsn wal.LSN, kind byte, payload []byte) error {
		if uint64(lsn) <= s.LSN {
			return nil
		}
		redone++
		return r.apply(lsn, kind, payload)
	}
	if e.kept.older == nil {
		log, report, err = wal.Open(e.walDir(), c, wal.LSN(s.LSN), replay)
		return log, report, redone, err
	}
	// From the older snapshot on, so that the log keeps what that one needs (S-56).
	log, report, err = wal.Open(e.walDir(), c, wal.LSN(e.kept.older.LSN), replay)
	var damage *wal.Damage
	if errors.As(err, &damage) && redone == 0 {
		// Perhaps only the older snapshot needs what is lost.
		e.c.Logger.Error("write-ahead log is damaged, the start needs the newer part alone", "error", err)
		e.kept.older = nil
		log, report, err = wal.Open(e.walDir(), c, wal.LSN(s.LSN), replay)
		return log, report, redone, err
	}
	if err != nil || uint64(report.Last) >= s.LSN {
		return log, report, redone, err
	}
	// Without syncs a power cut can take the log back behind a snapshot. New records must not get old numbers; the older
	// snapshot can no longer be brought forward.
	e.kept.older = nil
	if err := log.Close(); err != nil {
		return nil, report, redone, err
	}
	cut := report.Cut
	log, report, err = wal.Open(e.walDir(), c, wal.LSN(s.LSN), replay)
	report.Cut = cut
	return log, report, redone, err
}

// raiseEpoch gives every partition a new leader epoch, durable before the first append.
func (e *Engine) raiseEpoch(r *replay) error {
	lsn, err := e.logReserved(meta.TypeEpoch, meta.AppendNumber(nil, 1))
	if err == nil {
		err = e.Wait(context.Background(), lsn)
	}
	if err != nil {
		return fmt.Errorf("raise leader epoch: %w", err)
	}
	for _, p := range r.parts {
		p.RedoEpoch()
	}
	return nil
}

// reportUnknown names directories that the metadata does not know. They are left alone: damaged metadata would else erase
// the disk.
func (e *Engine) reportUnknown(r *replay) {
	names, err := e.c.FS.List(e.topicsDir())
	if err != nil {
		e.c.Logger.Warn("list topics directory", "error", err)
		return
	}
	known := map[string]bool{}
	for p := range maps.Values(r.parts) {
		known[DirName(p.Topic, p.Index, p.Handle)] = true
	}
	for _, n := range names {
		if !known[n] {
			e.c.Logger.Warn("directory belongs to no topic; it is left alone", "directory", path.Join(e.topicsDir(), n))
		}
	}
}

// Stop ends everything that waits. Close does it too; a caller that must see its waiting calls return first calls Stop.
func (e *Engine) Stop() { e.stopOnce.Do(func() { close(e.stop) }) }

// Close writes a snapshot, so that the next start has nothing to redo, and lets go of everything. Called once, when no
// other call is under way.
func (e *Engine) Close() error {
	e.Stop()
	e.loops.Wait()
	var err error
	if e.Err() == nil {
		if err = e.Checkpoint(true); errors.Is(err, errAhead) {
			e.c.Logger.Warn("the next start has to redo everything", "dir", e.dir, "error", err)
			err = nil
		}
	}
	return errors.Join(err, e.release())
}

// release lets go of files and lock.
func (e *Engine) release() error {
	var faults []error
	if e.log != nil {
		if err := e.log.Close(); err != nil && e.Err() == nil {
			faults = append(faults, err)
		}
	}
	if c := e.Catalog(); c != nil {
		for _, p := range c.byHandle {
			faults = append(faults, p.Close())
		}
	}
	return errors.Join(append(faults, e.lock.Close())...)
}
