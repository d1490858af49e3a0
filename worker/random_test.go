package worker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// flaky fails one commit in a few, in each of the ways that a log may: refused, or without an answer and then either way.
type flaky struct {
	mu  sync.Mutex
	rnd *rand.Rand
	off atomic.Bool
}

func (f *flaky) commit(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
	f.mu.Lock()
	fate := f.rnd.IntN(20)
	f.mu.Unlock()
	if f.off.Load() {
		fate = -1
	}
	unknown := fmt.Errorf("rigged: %w", commitlog.ErrUnknownOutcome)
	switch fate {
	case 0:
		return tx.refuse(ctx)
	case 1:
		return nil, unknown
	case 2:
		if _, err := tx.Transactor.Commit(ctx, offsets...); err != nil {
			return nil, err
		}
		return nil, unknown
	}
	return tx.Transactor.Commit(ctx, offsets...)
}

// S-3, S-6, S-7: workers come and go at random, by farewell and without, and commits fail in every way; each record counts once.
func TestRandomRebalancesAndFailedCommitsCountEachRecordOnce(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 3))
	b := newBench(t)
	b.createTopic("clicks", 4)
	app := topology.MustNew("app", countProcessor())
	keys := keysOf(4)
	sent := map[string]int{}
	fault := &flaky{rnd: rand.New(rand.NewPCG(seed, 4))}
	var stops [3]func() error
	for range 40 {
		i := rnd.IntN(len(stops))
		switch {
		case stops[i] == nil:
			log := &rigged{Log: b.log, commit: fault.commit}
			_, stops[i] = b.runOn(log, app, func(c *worker.Config) {
				c.StateDir, c.Lanes = fmt.Sprint("state-", i), 2
				c.CommitEvery, c.SessionTimeout = time.Duration(1+rnd.IntN(10))*time.Millisecond, 300*time.Millisecond
			})
		case rnd.IntN(3) == 0:
			if err := stops[i](); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			stops[i] = nil
		}
		for range rnd.IntN(5) {
			k := keys[rnd.IntN(len(keys))]
			n := 1 + rnd.IntN(5)
			send(b, clicks, k, make([]int64, n)...)
			sent[k] += n
		}
	}
	fault.off.Store(true)
	for _, stop := range stops {
		if stop != nil {
			if err := stop(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	}
	w, _ := b.run(app, func(c *worker.Config) { c.StateDir = "state-0" })
	b.waitTasks(w, 4)
	b.settle(w)
	got := read(b, app, counts)
	for k, n := range sent {
		if got[k] != int64(n) {
			t.Errorf("seed %d: %s = %d, want %d", seed, k, got[k], n)
		}
	}
	b.sequencesOf("echo", 4, func(key string) int { return sent[key] })
}

// S-24 to S-26, S-36: rebuild after rebuild while commits fail in every way and a second worker comes and goes.
func TestRebuildsUnderFailedCommitsAreEqualAndEmitNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 5))
	b := newBench(t)
	b.createTopic("payments", 2)
	b.createTopic("refunds", 2)
	app := historyApp()
	fault := &flaky{rnd: rand.New(rand.NewPCG(seed, 6))}
	log := &rigged{Log: b.log, commit: fault.commit}
	change := func(c *worker.Config) { c.Partitions, c.Lanes, c.CommitEvery = 2, 1, 3*time.Millisecond }
	w, _ := b.runOn(log, app, change)
	b.settle(w)
	var stopTwo func() error
	sent := 0
	for n := range 8 {
		for range 15 {
			s := payments
			if rnd.IntN(3) == 0 {
				s = refunds
			}
			send(b, s, fmt.Sprint("k", rnd.IntN(5)), fmt.Sprint(sent))
			sent++
		}
		switch n % 4 {
		case 1:
			_, stopTwo = b.runOn(log, app, func(c *worker.Config) { change(c); c.StateDir = "state-2" })
		case 3:
			if err := stopTwo(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if r := b.rebuild(app, "history", edition.RebuildConfig{}); !r.Serving || !r.Equal {
			for _, d := range r.Differences {
				t.Errorf("%s %s:\nold %s\nnew %s", d.Table, d.Key, d.Old, d.New)
			}
			t.Fatalf("seed %d: %v", seed, r)
		}
	}
	b.settle(w)
	eventually(t, "all alerts", func() bool { return len(b.records("alerts")) >= sent })
	if got := len(b.records("alerts")); got != sent {
		t.Errorf("seed %d: %d alerts, want %d", seed, got, sent)
	}
}

// S-3: a worker that the group has left behind wakes in the middle of its commit; what it did does not count.
func TestAWorkerThatTheGroupLeftBehindCommitsNothing(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	keys := keysOf(2)
	app := topology.MustNew("app", countProcessor())
	var asleep, first atomic.Bool
	committing, wake := make(chan struct{}), make(chan struct{})
	var outcome atomic.Pointer[error]
	log := &rigged{Log: b.log}
	log.heartbeat = func(ctx context.Context, _ commitlog.Member) error {
		if asleep.Load() {
			select {
			case <-wake:
			case <-ctx.Done():
				return fmt.Errorf("rigged: %w: %w", commitlog.ErrUnavailable, ctx.Err())
			}
		}
		return nil
	}
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if tx.wrote("echo") && asleep.Load() && !first.Swap(true) {
			close(committing)
			<-wake
			ends, err := tx.Transactor.Commit(context.WithoutCancel(ctx), offsets...)
			outcome.Store(&err)
			return ends, err
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	short := func(c *worker.Config) { oneLane(c); c.SessionTimeout = 300 * time.Millisecond }
	one, _ := b.runOn(log, app, short)
	send(b, clicks, keys[0], 1)
	b.settle(one)
	asleep.Store(true)
	send(b, clicks, keys[0], 1)
	within(t, committing, "the commit")
	left := b.members("app.counter.e1")
	two, stopTwo := b.run(app, func(c *worker.Config) { short(c); c.StateDir = "state-2" })
	eventually(t, "the group to move on", func() bool {
		now := b.members("app.counter.e1")
		return len(now) == 1 && len(left) == 1 && now[0] != left[0]
	})
	asleep.Store(false)
	close(wake)
	b.settleAll(two, one)
	send(b, clicks, keys[0], 1)
	b.settleAll(two, one)
	if err := outcome.Load(); err == nil || *err == nil {
		t.Error("the commit of a worker that was no member any more was taken")
	}
	if err := stopTwo(); err != nil {
		t.Error(err)
	}
	b.sequencesOf("echo", 2, func(string) int { return 3 })
}

// What an aborted commit counted is not counted again when its records are handled again.
func TestCountersDoNotCountWhatWasAborted(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	log := &rigged{Log: b.log}
	var failures atomic.Int32
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if failures.Add(1) <= 2 {
			return tx.refuse(ctx)
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	w, _ := b.runOn(log, topology.MustNew("app", countProcessor()), one)
	send(b, clicks, "k", 1, 1, 1)
	b.settle(w)
	if ts := w.Status().Processors[0].Tasks[0]; ts.Records != 3 {
		t.Errorf("%d records count as handled, want 3", ts.Records)
	}
}

// members are the members of a stable group; none while it changes.
func (b *bench) members(group string) (ids []string) {
	b.t.Helper()
	g, err := b.log.DescribeGroup(context.Background(), group)
	if err != nil {
		b.t.Fatal(err)
	}
	if g.State == "Stable" {
		for _, m := range g.Members {
			ids = append(ids, m.ID)
		}
	}
	return ids
}
