package engine

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/partition"
	"github.com/millrun/millrun/internal/clock"
)

// figures are what the engine counts of its own work.
type figures struct {
	checkpoints clock.Durations // that succeeded
	failed      atomic.Int64    // checkpoints that did not
}

// Stats are figures of one moment.
type Stats struct {
	Syncs              clock.Spread // of the write-ahead log
	WALBytes           int64        // that no snapshot covers
	Checkpoints        clock.Spread
	CheckpointFailures int64
	Topics, Partitions int
	Faulty             int // partitions
	OpenTransactions   int
	OldestTransaction  time.Duration // its age; 0: none is open
}

// Stats looks at everything once. It waits for nothing but the locks of the transactional ids.
func (e *Engine) Stats() Stats {
	s := Stats{Syncs: e.log.Syncs(), WALBytes: e.log.Bytes(), Checkpoints: e.figures.checkpoints.Spread(),
		CheckpointFailures: e.figures.failed.Load()}
	catalog := e.Catalog()
	s.Topics, s.Partitions = len(catalog.byName), len(catalog.byHandle)
	for _, p := range catalog.byHandle {
		if err := p.Fault(); err != nil && !errors.Is(err, partition.ErrDeleted) {
			s.Faulty++
		}
	}
	now := e.Now()
	for _, h := range e.txns.all() {
		h.Lock()
		if h.m.Open {
			s.OpenTransactions++
			s.OldestTransaction = max(s.OldestTransaction, now.Sub(h.m.Began()))
		}
		h.Unlock()
	}
	return s
}

// NoSync says that acknowledgements do not wait for the disk.
func (e *Engine) NoSync() bool { return e.c.NoSync }
