package worker_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// rigged is a log whose calls a test may hold up or fail. A nil field leaves its call alone.
type rigged struct {
	commitlog.Log
	// commit stands in for Transactor.Commit; tx.Transactor.Commit is the real one.
	commit         func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error)
	renew          func(ctx context.Context, tx *riggedTx) error
	openTransactor func(ctx context.Context, c commitlog.TransactorConfig) error // before the real one
	heartbeat      func(ctx context.Context, m commitlog.Member) error
	join           func(ctx context.Context, r commitlog.JoinRequest) error // before the real one
	fetchOffsets   func(ctx context.Context, group string, p []commitlog.Partition) error
	append         func(ctx context.Context, p commitlog.Partition, records []commitlog.Record) error // of writers, before
	batch          func(b *commitlog.Batch)                                                           // each that a reader gives
}

// riggedTx knows which topics its transaction has written to.
type riggedTx struct {
	commitlog.Transactor
	log    *rigged
	id     string
	topics map[commitlog.Partition]bool
}

func (r *rigged) OpenTransactor(ctx context.Context, c commitlog.TransactorConfig) (commitlog.Transactor, error) {
	if r.openTransactor != nil {
		if err := r.openTransactor(ctx, c); err != nil {
			return nil, err
		}
	}
	tx, err := r.Log.OpenTransactor(ctx, c)
	if err != nil {
		return nil, err
	}
	return &riggedTx{tx, r, c.ID, map[commitlog.Partition]bool{}}, nil
}

func (t *riggedTx) Append(ctx context.Context, p commitlog.Partition, records []commitlog.Record) error {
	t.topics[p] = true
	return t.Transactor.Append(ctx, p, records)
}

func (t *riggedTx) Commit(ctx context.Context, offsets ...commitlog.GroupOffsets) ([]commitlog.Position, error) {
	defer clear(t.topics)
	if t.log.commit != nil {
		return t.log.commit(ctx, t, offsets)
	}
	return t.Transactor.Commit(ctx, offsets...)
}

// refuse aborts the transaction and says so, as a log that refuses a commit.
func (t *riggedTx) refuse(ctx context.Context) ([]commitlog.Position, error) {
	if err := t.Transactor.Abort(ctx); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("rigged: %w", commitlog.ErrAborted)
}

func (t *riggedTx) Renew(ctx context.Context) error {
	clear(t.topics)
	if t.log.renew != nil {
		if err := t.log.renew(ctx, t); err != nil {
			return err
		}
	}
	return t.Transactor.Renew(ctx)
}

// wrote tells whether the transaction under way wrote to a topic.
func (t *riggedTx) wrote(topic string) bool {
	for p := range t.topics {
		if p.Topic == topic {
			return true
		}
	}
	return false
}

func (r *rigged) Heartbeat(ctx context.Context, m commitlog.Member) error {
	if r.heartbeat != nil {
		if err := r.heartbeat(ctx, m); err != nil {
			return err
		}
	}
	return r.Log.Heartbeat(ctx, m)
}

func (r *rigged) Join(ctx context.Context, j commitlog.JoinRequest) (commitlog.Joined, error) {
	if r.join != nil {
		if err := r.join(ctx, j); err != nil {
			return commitlog.Joined{}, err
		}
	}
	return r.Log.Join(ctx, j)
}

func (r *rigged) FetchOffsets(ctx context.Context, group string, p []commitlog.Partition) ([]commitlog.Position, error) {
	if r.fetchOffsets != nil {
		if err := r.fetchOffsets(ctx, group, p); err != nil {
			return nil, err
		}
	}
	return r.Log.FetchOffsets(ctx, group, p)
}

func (r *rigged) OpenWriter(ctx context.Context, c commitlog.WriterConfig) (commitlog.Writer, error) {
	w, err := r.Log.OpenWriter(ctx, c)
	if err != nil || r.append == nil {
		return w, err
	}
	return &riggedWriter{w, r}, nil
}

type riggedWriter struct {
	commitlog.Writer
	log *rigged
}

func (w *riggedWriter) Append(ctx context.Context, p commitlog.Partition, records []commitlog.Record) (commitlog.Position, error) {
	if err := w.log.append(ctx, p, records); err != nil {
		return commitlog.Position{}, err
	}
	return w.Writer.Append(ctx, p, records)
}

func (r *rigged) OpenReader(ctx context.Context, c commitlog.ReaderConfig) (commitlog.Reader, error) {
	reader, err := r.Log.OpenReader(ctx, c)
	if err != nil || r.batch == nil {
		return reader, err
	}
	return &riggedReader{reader, r}, nil
}

type riggedReader struct {
	commitlog.Reader
	log *rigged
}

func (r *riggedReader) Poll(ctx context.Context, wait time.Duration) (*commitlog.Batch, error) {
	b, err := r.Reader.Poll(ctx, wait)
	if b != nil {
		r.log.batch(b)
	}
	return b, err
}

// startOn is bench.start on a log of the test's own.
func (b *bench) startOn(log commitlog.Log, app *topology.Topology, change func(*worker.Config)) (w *worker.Worker, cancel func(), ended chan error) {
	b.t.Helper()
	c := worker.Config{StateDir: "state", Partitions: 4, FS: b.disk, CommitEvery: 10 * time.Millisecond, SessionTimeout: 3 * time.Second,
		Logger: slog.New(slog.NewTextHandler(testWriter{b.t}, &slog.HandlerOptions{Level: slog.LevelInfo}))}
	if change != nil {
		change(&c)
	}
	w, err := worker.New(app, log, c)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	go func() { ended <- w.Run(ctx) }() // the test or its cleanup receives
	return w, cancel, ended
}

// runOn is bench.run on a log of the test's own.
func (b *bench) runOn(log commitlog.Log, app *topology.Topology, change func(*worker.Config)) (w *worker.Worker, stop func() error) {
	b.t.Helper()
	w, cancel, ended := b.startOn(log, app, change)
	stop = sync.OnceValue(func() error {
		cancel()
		return within(b.t, ended, "the worker to end")
	})
	b.t.Cleanup(func() { _ = stop() })
	return w, stop
}

const patience = 15 * time.Second

// within receives, or fails the test saying what did not come.
func within[T any](t testing.TB, c <-chan T, what string) (v T) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v = <-c:
	case <-timer.C:
		t.Errorf("waited %v for %s", patience, what)
	}
	return v
}

// eventually looks at a condition until it holds. It is asked again whenever a little time has passed: what it looks at tells nobody.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
		<-time.After(time.Millisecond)
	}
}

// committed is how far a worker has committed a partition of an input; -1: it has no such task.
func committed(w *worker.Worker, stream string, partition int32) int64 {
	for _, p := range w.Status().Processors {
		for _, t := range p.Tasks {
			for _, in := range t.Inputs {
				if t.Partition == partition && in.Stream == stream && t.Phase != worker.Stopped {
					return in.Committed
				}
			}
		}
	}
	return -1
}

// hasty is the machine's clock with waits that are so many times shorter.
type hasty struct{ times time.Duration }

func (h hasty) Now() time.Time { return time.Now() }

func (h hasty) NewTimer(d time.Duration) clock.Timer {
	return hastyTimer{clock.System.NewTimer(d / h.times), h}
}

func (h hasty) AfterFunc(d time.Duration, f func()) clock.Timer {
	return hastyTimer{clock.System.AfterFunc(d/h.times, f), h}
}

type hastyTimer struct {
	clock.Timer
	h hasty
}

func (t hastyTimer) Reset(d time.Duration) bool { return t.Timer.Reset(d / t.h.times) }

// edition2 tells whether a transactional id belongs to an edition's lanes.
func ofEdition(id string, number int) bool { return strings.Contains(id, fmt.Sprintf(".e%d.", number)) }
