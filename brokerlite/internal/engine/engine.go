// Package engine is the broker without its protocol: one write-ahead log, the catalog of topics, partitions, the hosts of
// the group and transaction machines, checkpoints and recovery. Package api turns requests into calls of it.
//
// Every change is one record of the write-ahead log, folded by the same code live and in recovery. Whoever queues a
// record holds the gate for reading until the record is folded; a checkpoint holds it for writing, so that a snapshot is
// the state at one position (S-56).
//
// Locks, in the order they may be taken: gate; one transactional id; groups; partitions, by handle; settling; the log.
// None is held over a wait for the disk, but for the gate by what changes the catalog, which is rare, and by a checkpoint
// for one round.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/partition"
	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/millrun/millrun/brokerlite/internal/settings"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/vfs"
)

// Config is what brokerlite.Config says, defaults filled in and checked.
type Config struct {
	FS     vfs.FS
	Clock  clock.Clock
	Logger *slog.Logger

	NoSync          bool
	WALFileBytes    int64
	CheckpointBytes int64
	Topics          settings.Defaults

	MinSessionTimeout, MaxSessionTimeout time.Duration
	MaxGroupMembers                      int
	InitialRebalanceDelay                time.Duration
	ProducerIDExpiration                 time.Duration
	MaxProducersPerPartition             int
}

// ErrClosed says that the engine is closed.
var ErrClosed = errors.New("closed")

// Engine is an open data directory. Safe for concurrent use.
type Engine struct {
	c         Config
	dir       string
	lock      io.Closer
	log       *wal.Log
	files     *seglog.Files
	clusterID string

	gate    sync.RWMutex
	catalog atomic.Pointer[Catalog]
	admin   chan struct{} // a token: changes of the catalog come one after another

	nextHandle meta.Handle // holder of the token
	nextPID    atomic.Int64
	newest     atomic.Uint64 // newest LSN given

	txns    txns
	groups  groups
	settle  settling
	publish struct {
		sync.Mutex
		list, spare []*partition.Partition
	}
	kept struct { // snapshots on disk; the checkpointer's and Close's, one at a time
		sync.Mutex
		older, newer *meta.Snapshot
	}

	figures figures

	full       atomic.Bool               // new work is refused
	reserved   atomic.Bool               // the reserve is on disk
	takenBack  atomic.Bool               // and nothing is queued that the full disk refused: ends of transactions may pass
	checkpoint chan struct{}             // capacity 1: a checkpoint is due
	timersKick chan struct{}             // capacity 1: a deadline may have come nearer
	alarm      atomic.Pointer[time.Time] // when the timers look next; zero: when they are kicked; nil: they are looking

	stop     chan struct{} // closed by Close
	stopOnce sync.Once
	loops    sync.WaitGroup
	failed   chan struct{} // closed by fail
	failure  atomic.Pointer[error]
}

// ClusterID names this broker's cluster, for ever the same.
func (e *Engine) ClusterID() string { return e.clusterID }

// Catalog is the present catalog.
func (e *Engine) Catalog() *Catalog { return e.catalog.Load() }

// Now is the broker's time.
func (e *Engine) Now() time.Time { return e.c.Clock.Now() }

// Clock is the broker's clock.
func (e *Engine) Clock() clock.Clock { return e.c.Clock }

// Failed is closed when Err becomes non-nil.
func (e *Engine) Failed() <-chan struct{} { return e.failed }

// Stopping is closed when Close begins.
func (e *Engine) Stopping() <-chan struct{} { return e.stop }

// Err is the fault that stopped the engine.
func (e *Engine) Err() error {
	if p := e.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// fail stops the engine for good; the first fault stays.
func (e *Engine) fail(err error) {
	if e.failure.CompareAndSwap(nil, &err) {
		e.c.Logger.Error("broker stops", "dir", e.dir, "error", err)
		close(e.failed)
	}
}

// Log appends a record that a full disk may refuse: partition.Host.
func (e *Engine) Log(kind meta.Type, payload ...[]byte) (wal.LSN, error) {
	lsn, err := e.log.Append(byte(kind), payload...)
	return e.queued(lsn, err)
}

// logEnd appends the end of a transaction. While the disk is full it is a reserved record; not before what was refused has
// been taken back, for its markers lie behind.
func (e *Engine) logEnd(kind meta.Type, payload []byte) (wal.LSN, error) {
	if e.takenBack.Load() {
		return e.logReserved(kind, payload)
	}
	return e.Log(kind, payload)
}

// logReserved appends a record that must pass on a full disk.
func (e *Engine) logReserved(kind meta.Type, payload ...[]byte) (wal.LSN, error) {
	lsn, err := e.log.AppendReserved(byte(kind), payload...)
	return e.queued(lsn, err)
}

func (e *Engine) queued(lsn wal.LSN, err error) (wal.LSN, error) {
	if err != nil {
		e.noticed(err)
		return 0, fmt.Errorf("write-ahead log: %w", err)
	}
	for {
		old := e.newest.Load()
		if uint64(lsn) <= old || e.newest.CompareAndSwap(old, uint64(lsn)) {
			return lsn, nil
		}
	}
}

// noticed looks whether an error of the log is its end.
func (e *Engine) noticed(err error) {
	if final := e.log.Err(); final != nil {
		e.fail(fmt.Errorf("write-ahead log: %w", final))
	} else if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		e.c.Logger.Warn("write-ahead log", "error", err)
	}
}

// Wait returns nil when the record lsn and everything before it is durable, the error that says why it never will be, or
// that of ctx, which leaves the outcome open.
func (e *Engine) Wait(ctx context.Context, lsn wal.LSN) error {
	err := e.log.Wait(ctx, lsn)
	if err != nil && ctx.Err() == nil {
		e.noticed(err)
	}
	return err
}

// Admit waits while the queue of the log is full. Called before any lock is taken.
func (e *Engine) Admit(ctx context.Context) error {
	err := e.log.Admit(ctx)
	if err != nil && ctx.Err() == nil {
		e.noticed(err)
	}
	return err
}

// Full says that the disk is full and new work is refused.
func (e *Engine) Full() bool { return e.full.Load() }

// Unpublished takes note of a partition with something to publish: partition.Host.
func (e *Engine) Unpublished(p *partition.Partition) {
	e.publish.Lock()
	e.publish.list = append(e.publish.list, p)
	e.publish.Unlock()
}

// onDurable is called by the log after each round: what became durable takes effect for everyone.
func (e *Engine) onDurable(lsn wal.LSN) {
	e.settled(lsn)
	e.publish.Lock()
	list := e.publish.list
	e.publish.list = e.publish.spare[:0]
	e.publish.Unlock()
	for _, p := range list {
		p.Publish(lsn)
	}
	clear(list)
	e.publish.spare = list // onDurable alone uses it
	if e.log.Bytes() >= e.c.CheckpointBytes {
		signal(e.checkpoint)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
