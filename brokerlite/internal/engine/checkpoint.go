package engine

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/partition"
	"github.com/millrun/millrun/brokerlite/internal/wal"
)

// Checkpoint writes a snapshot and lets the log reuse what the older of the two kept ones no longer needs (S-56). clean
// says that nothing follows: the next start owes no new leader epoch.
func (e *Engine) Checkpoint(clean bool) error {
	e.kept.Lock()
	defer e.kept.Unlock()
	began := e.Now()
	err := e.checkpointed(clean)
	if err != nil {
		e.figures.failed.Add(1)
		return err
	}
	e.figures.checkpoints.Add(e.Now().Sub(began))
	return nil
}

// errAhead says that there can be no snapshot now. A partition is out of service, and what the write-ahead log holds of it
// would be let go: the broker goes on, and the log grows, until the partition can be opened again or its topic is deleted.
var errAhead = errors.New("the write-ahead log alone holds records of a partition that is out of service")

func (e *Engine) noneAhead(parts []*partition.Partition) error {
	for _, p := range parts {
		if p.Ahead() {
			return fmt.Errorf("no snapshot: %w: %s/%d: %w", errAhead, p.Topic, p.Index, p.Fault())
		}
	}
	return nil
}

// checkpointed is Checkpoint without its figures. kept is locked.
func (e *Engine) checkpointed(clean bool) error {
	s, parts, err := e.snapshot()
	if err != nil {
		return err
	}
	if err := e.noneAhead(parts); err != nil {
		return err
	}
	s.Clean = clean
	if err := e.syncSegments(parts); err != nil {
		e.fail(err)
		return e.Err()
	}
	if err := e.c.FS.SyncDir(e.topicsDir()); err != nil {
		e.fail(fmt.Errorf("sync %s: %w", e.topicsDir(), err))
		return e.Err()
	}
	if err := e.store(s); err != nil {
		return err
	}
	if e.kept.older == nil {
		return nil
	}
	if err := e.log.Covered(wal.LSN(e.kept.older.LSN)); err != nil {
		return fmt.Errorf("release write-ahead log: %w", err)
	}
	return e.dropFiles(e.kept.older)
}

// syncsAtOnce is how many segments are synced side by side: a disk takes a third of the time for many at once that it
// takes for one after another, and no less beyond this.
const syncsAtOnce = 16

// syncSegments makes the segments of all partitions durable.
func (e *Engine) syncSegments(parts []*partition.Partition) error {
	var next atomic.Int64
	var workers sync.WaitGroup
	faults := make([]error, min(syncsAtOnce, len(parts)))
	for w := range faults {
		workers.Go(func() { // waited for below
			for i := next.Add(1) - 1; i < int64(len(parts)) && faults[w] == nil; i = next.Add(1) - 1 {
				p := parts[i]
				if err := p.Sync(); err != nil && !errors.Is(p.Fault(), partition.ErrDeleted) {
					faults[w] = fmt.Errorf("sync %s/%d: %w", p.Topic, p.Index, err)
				}
			}
		})
	}
	workers.Wait()
	return errors.Join(faults...)
}

// snapshot copies the state at one moment at which everything queued is durable.
func (e *Engine) snapshot() (*meta.Snapshot, []*partition.Partition, error) {
	e.gate.Lock()
	defer e.gate.Unlock()
	// The wait is for the round under way, which may publish only what was queued before: nobody else is inside.
	err := e.log.Wait(context.Background(), wal.LSN(e.newest.Load()))
	if err != nil && !isFull(err) {
		e.noticed(err)
		return nil, nil, err
	}
	catalog := e.Catalog()
	s := &meta.Snapshot{LSN: uint64(e.log.Durable()), ClusterID: e.clusterID, NextHandle: e.nextHandle, NextPID: e.nextPID.Load()}
	for _, t := range catalog.Topics() {
		s.Topics = append(s.Topics, t.record())
	}
	parts := catalog.partitions()
	limit := e.Now().Add(-e.c.ProducerIDExpiration)
	for _, p := range parts {
		p.Forget(limit)
		s.Partitions = append(s.Partitions, p.Save())
	}
	e.txns.forget(e.Now().Add(-transactionalIDExpiration))
	s.Txns = e.txns.export()
	e.groups.Lock()
	s.GroupsState = e.groups.m.AppendSnapshot(nil)
	e.groups.Unlock()
	return s, parts, nil
}

func (t *txns) export() []meta.Txn {
	var out []meta.Txn
	for _, h := range t.all() {
		h.Lock()
		if h.m.PID >= 0 {
			out = append(out, h.m.Export())
		}
		h.Unlock()
	}
	sortTxns(out)
	return out
}

// dropFiles removes segments below the log start of s, the older kept snapshot: no recovery can ask for them (S-55).
func (e *Engine) dropFiles(s *meta.Snapshot) error {
	catalog := e.Catalog()
	for _, m := range s.Partitions {
		if p := catalog.byHandle[m.Handle]; p != nil {
			if err := p.DropFiles(m.LogStart); err != nil {
				return fmt.Errorf("drop segments of %s/%d: %w", p.Topic, p.Index, err)
			}
		}
	}
	return nil
}

func metaDir(dir string) string { return path.Join(dir, "meta") }

func snapshotName(lsn uint64) string { return fmt.Sprintf("%020d.snap", lsn) }

// store writes a snapshot file: temp, sync, rename, sync of the directory; and removes all but the two newest.
func (e *Engine) store(s *meta.Snapshot) error {
	dir := metaDir(e.dir)
	name := path.Join(dir, snapshotName(s.LSN))
	if err := e.writeFile(name, s.Encode()); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if e.kept.newer == nil || e.kept.newer.LSN != s.LSN {
		e.kept.older = e.kept.newer
	}
	e.kept.newer = s
	names, err := e.c.FS.List(dir)
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	for _, n := range names {
		if n != snapshotName(s.LSN) && (e.kept.older == nil || n != snapshotName(e.kept.older.LSN)) && strings.HasSuffix(n, ".snap") {
			if err := e.c.FS.Remove(path.Join(dir, n)); err != nil {
				return fmt.Errorf("remove old snapshot: %w", err)
			}
		}
	}
	return nil
}

func (e *Engine) writeFile(name string, b []byte) (err error) {
	temp := name + ".tmp"
	f, err := e.c.FS.Create(temp)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(b, 0); err == nil {
		if err = f.Sync(); err != nil {
			e.fail(fmt.Errorf("sync %s: %w", temp, err)) // a failed sync is final (S-57)
		}
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = e.c.FS.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, e.c.FS.Remove(temp))
	}
	if err = e.c.FS.SyncDir(path.Dir(name)); err != nil {
		e.fail(fmt.Errorf("sync %s: %w", path.Dir(name), err))
	}
	return err
}
