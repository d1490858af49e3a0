package cases_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// watchedLog gives nothing more to the readers of a topic that have read it up to an offset.
type watchedLog struct {
	commitlog.Log
	topic   string
	at      int64
	reached chan struct{} // closed when one has got there
	once    sync.Once
}

func (l *watchedLog) OpenReader(ctx context.Context, c commitlog.ReaderConfig) (commitlog.Reader, error) {
	r, err := l.Log.OpenReader(ctx, c)
	if err != nil {
		return nil, err
	}
	return &watchedReader{Reader: r, log: l}, nil
}

type watchedReader struct {
	commitlog.Reader
	log  *watchedLog
	mute bool
}

func (r *watchedReader) Poll(ctx context.Context, wait time.Duration) (*commitlog.Batch, error) {
	b, err := r.Reader.Poll(ctx, wait)
	if err != nil || b == nil || b.Partition.Topic != r.log.topic {
		return b, err
	}
	if r.mute {
		b.Release()
		return nil, nil
	}
	if b.Next >= r.log.at {
		r.mute = true
		r.log.once.Do(func() { close(r.log.reached) })
	}
	return b, nil
}

// awaitWritten waits until a partition holds n records, decided or not.
func (b *bench) awaitWritten(p commitlog.Partition, n int64) {
	b.t.Helper()
	r, err := b.log.OpenReader(b.context(), commitlog.ReaderConfig{Isolation: commitlog.ReadUncommitted})
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	r.Seek(p, 0)
	for next := int64(0); next < n; {
		batch, err := r.Poll(b.context(), time.Second)
		if err != nil {
			b.t.Fatal(err)
		}
		if batch != nil {
			next = batch.Next
			batch.Release()
		}
	}
}

// transactor opens a producer of transactions whose batches hold one record each. A batch leaves when the next record comes.
func (b *bench) transactor(t testing.TB, id string, timeout time.Duration) commitlog.Transactor {
	t.Helper()
	tx, err := b.log.OpenTransactor(b.context(), commitlog.TransactorConfig{ID: id, Timeout: timeout, BatchBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Close() })
	return tx
}
