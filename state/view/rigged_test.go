package view_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/names"
)

// rigged is a log that counts what is read of changelogs, and can be away, stop giving, or say another leader epoch.
type rigged struct {
	commitlog.Log
	read atomic.Int64 // records of changelogs
	// journal counts what is read of the journal, by partition.
	journal [partitions]atomic.Int64
	away    atomic.Bool
	silent  bool  // its readers do not say that it is away
	limit   int64 // after so many records no batch comes any more; 0: none
	epoch   int32 // of all batches, if it is not 0
}

type riggedReader struct {
	commitlog.Reader
	log *rigged
}

func (l *rigged) OpenReader(ctx context.Context, c commitlog.ReaderConfig) (commitlog.Reader, error) {
	if l.limit > 0 {
		c.BatchBytes = 16 << 10
	}
	r, err := l.Log.OpenReader(ctx, c)
	return &riggedReader{r, l}, err
}

func (l *rigged) gone() error { return fmt.Errorf("%w: connection refused", commitlog.ErrUnavailable) }

func (l *rigged) Offsets(ctx context.Context, p []commitlog.Partition, at commitlog.At, i commitlog.Isolation) ([]commitlog.Position, error) {
	if l.away.Load() {
		return nil, l.gone()
	}
	return l.Log.Offsets(ctx, p, at, i)
}

func (r *riggedReader) Poll(ctx context.Context, wait time.Duration) (*commitlog.Batch, error) {
	switch {
	case r.log.away.Load() && r.log.silent:
		return nil, nil
	case r.log.away.Load():
		return nil, r.log.gone()
	}
	if n := r.log.limit; n > 0 && r.log.read.Load() >= n {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	b, err := r.Reader.Poll(ctx, min(wait, 10*time.Millisecond)) // so that it is soon seen to be away
	switch {
	case b == nil || b.Partition.Topic == names.Control("shop"):
	case b.Partition.Topic == names.Journal("shop", "sum"):
		r.log.journal[b.Partition.Index].Add(int64(len(b.Records)))
	default:
		r.log.read.Add(int64(len(b.Records)))
		if r.log.epoch != 0 {
			b.Epoch = r.log.epoch
		}
	}
	return b, err
}
