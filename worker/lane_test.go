package worker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// gatedCount counts, and its handler waits at a record of value -1 until the gate opens.
func gatedCount(entered chan<- struct{}, gate <-chan struct{}, edges ...processor.Edge) *topology.Topology {
	return topology.MustNew("app", processor.New("counter", append([]processor.Edge{
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			have, _ := counts.Get(ctx, key)
			if n == -1 {
				entered <- struct{}{}
				<-gate
			}
			counts.Put(ctx, key, have+1)
			echo.Emit(ctx, key, have+1)
			return nil
		}), processor.Owns(counts), processor.Emits(echo)}, edges...)...))
}

func oneLane(c *worker.Config) { c.Partitions, c.Lanes = 2, 1 }

// S-7: the news of a failed commit reaches a task that is in a handler together with the question of the next commit. It must
// answer that one too, or it is never asked again.
func TestATaskInAHandlerWhileItsCommitFailsStillCommits(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	keys := keysOf(2)
	entered, gate := make(chan struct{}, 8), make(chan struct{})
	committing, fail := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	log := &rigged{Log: b.log}
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if tx.wrote("echo") && !first.Swap(true) {
			close(committing)
			<-fail
			return tx.refuse(ctx)
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	w, _ := b.runOn(log, gatedCount(entered, gate), oneLane)
	send(b, clicks, keys[0], 1)
	within(t, committing, "the first commit")
	send(b, clicks, keys[0], -1)
	within(t, entered, "the handler")
	close(fail)
	send(b, clicks, keys[1], 1) // its commit asks the task in the handler too
	eventually(t, "the other task's commit", func() bool { return committed(w, "clicks", 1) == 1 })
	close(gate)
	b.settle(w)
	if got := read(b, gatedCount(nil, nil), counts); got[keys[0]] != 2 || got[keys[1]] != 1 {
		t.Errorf("got %v, want 2 and 1", got)
	}
	b.sequencesOf("echo", 2, func(key string) int { return map[string]int{keys[0]: 2, keys[1]: 1}[key] })
}

// sequencesOf is sequences for a topic of n partitions; the topic has the width that the worker made it with.
func (b *bench) sequencesOf(topic string, n int, want func(key string) int) {
	b.t.Helper()
	got := map[string]int64{}
	for _, r := range b.committedRecords(topic, int32(n)) {
		v := int64(0)
		for _, c := range r.Value {
			v = v<<8 | int64(c)
		}
		key := string(r.Key)
		if v != got[key]+1 {
			b.t.Errorf("%s: output %d follows %d", key, v, got[key])
		}
		got[key] = v
	}
	for key, v := range got {
		if v != int64(want(key)) {
			b.t.Errorf("%s ends at %d, want %d", key, v, want(key))
		}
	}
}

// committedRecords gives what read_committed sees of a topic, partition by partition.
func (b *bench) committedRecords(topic string, partitions int32) (found []commitlog.Record) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := b.log.OpenReader(ctx, commitlog.ReaderConfig{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	for i := range partitions {
		p := commitlog.Partition{Topic: topic, Index: i}
		end, err := b.log.Offsets(ctx, []commitlog.Partition{p}, commitlog.End, commitlog.ReadCommitted)
		if err != nil {
			b.t.Fatal(err)
		}
		r.Seek(p, 0)
		for next := int64(0); next < end[0].Offset; {
			batch, err := r.Poll(ctx, time.Second)
			if err != nil {
				b.t.Fatal(err)
			}
			if batch == nil {
				continue
			}
			for _, rec := range batch.Records {
				found = append(found, commitlog.Record{Key: append([]byte(nil), rec.Key...), Value: append([]byte(nil), rec.Value...), Offset: rec.Offset})
			}
			next = batch.Next
			batch.Release()
		}
		r.Drop(p)
	}
	return found
}

// S-6: a rebalance finds a task in a long handler whose last commit it has not heard of yet. What it does then must not go out
// twice.
func TestARebalanceAroundALongHandlerRepeatsNothing(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	keys := keysOf(2)
	entered, gate := make(chan struct{}, 8), make(chan struct{})
	committing, goOn := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	log := &rigged{Log: b.log}
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if tx.wrote("echo") && !first.Swap(true) {
			close(committing)
			<-goOn
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	w, _ := b.runOn(log, gatedCount(entered, gate), oneLane)
	send(b, clicks, keys[0], 1)
	within(t, committing, "the first commit")
	send(b, clicks, keys[0], -1)
	within(t, entered, "the handler")
	close(goOn)
	send(b, clicks, keys[1], 1) // its commit asks the task in the handler too
	eventually(t, "the other task's commit", func() bool { return committed(w, "clicks", 1) == 1 })
	two, _ := b.run(gatedCount(entered, gate), func(c *worker.Config) { oneLane(c); c.StateDir = "state-2" })
	eventually(t, "the rebalance", func() bool { return committed(two, "clicks", 1) == 1 || committed(two, "clicks", 0) == 1 })
	close(gate)
	b.settleAll(w, two)
	send(b, clicks, keys[0], 1)
	b.settleAll(w, two)
	if got := read(b, gatedCount(nil, nil), counts); got[keys[0]] != 3 || got[keys[1]] != 1 {
		t.Errorf("got %v, want 3 and 1", got)
	}
	b.sequencesOf("echo", 2, func(key string) int { return map[string]int{keys[0]: 3, keys[1]: 1}[key] })
}

// S-66: what a failed commit held does not count as uncommitted for ever.
func TestAFailedCommitGivesItsBytesBackToTheBudget(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	big := processor.NewTable("big", codec.String, codec.String)
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			big.Put(ctx, key, strings.Repeat("x", 600<<10))
			return nil
		}), processor.Owns(big)))
	log := &rigged{Log: b.log}
	var failures atomic.Int32
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if failures.Add(1) <= 5 {
			return tx.refuse(ctx)
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	w, _ := b.runOn(log, app, one)
	send(b, clicks, "k", 1)
	b.settle(w)
	if got := w.Status().Buffered; got != 0 {
		t.Errorf("%d bytes count as uncommitted, want 0", got)
	}
}

// S-7: whichever way an unanswered EndTxn went, its records count once.
func TestAnUnansweredCommitCountsOnceEitherWay(t *testing.T) {
	for _, took := range []bool{true, false} {
		t.Run(fmt.Sprintf("took effect=%v", took), func(t *testing.T) {
			b := newBench(t)
			b.createTopic("clicks", 2)
			keys := keysOf(2)
			log := &rigged{Log: b.log}
			var n atomic.Int32
			log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
				if n.Add(1)%3 != 0 {
					return tx.Transactor.Commit(ctx, offsets...)
				}
				if took {
					if _, err := tx.Transactor.Commit(ctx, offsets...); err != nil {
						return nil, err
					}
				} // else it stays open until Renew decides it
				return nil, fmt.Errorf("rigged: %w", commitlog.ErrUnknownOutcome)
			}
			w, _ := b.runOn(log, topology.MustNew("app", countProcessor()), oneLane)
			for range 20 {
				send(b, clicks, keys[0], 1, 1, 1)
				send(b, clicks, keys[1], 1, 1)
				b.settle(w)
			}
			b.sequencesOf("echo", 2, func(key string) int { return map[string]int{keys[0]: 60, keys[1]: 40}[key] })
		})
	}
}

// A log that is away for a while holds nothing up for good, whichever call meets it.
func TestALogThatIsAwayForAWhileIsWaitedFor(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	keys := keysOf(2)
	log := &rigged{Log: b.log}
	var commits, renewals atomic.Int32
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if n := commits.Add(1); n == 2 || n == 5 {
			return nil, fmt.Errorf("rigged: %w: %w", commitlog.ErrUnknownOutcome, commitlog.ErrUnavailable)
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	log.renew = func(context.Context, *riggedTx) error {
		if renewals.Add(1)%3 != 0 {
			return fmt.Errorf("rigged: %w", commitlog.ErrUnavailable)
		}
		return nil
	}
	w, _ := b.runOn(log, topology.MustNew("app", countProcessor()), oneLane)
	for range 8 {
		send(b, clicks, keys[0], 1)
		b.settle(w)
	}
	b.sequencesOf("echo", 2, func(string) int { return 8 })
	if renewals.Load() < 6 {
		t.Errorf("%d renewals: the log was never away", renewals.Load())
	}
}

// S-8: an abort that names nobody is traced to its task, and the lane's others go on.
func TestOneTaskWhoseCommitsAbortWithoutACauseDoesNotHoldUpTheOthers(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	keys := keysOf(2)
	log := &rigged{Log: b.log}
	sick := commitlog.Partition{Topic: "app.counter.counts.e1", Index: 0}
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if tx.topics[sick] {
			return tx.refuse(ctx)
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	w, _ := b.runOn(log, topology.MustNew("app", countProcessor()), oneLane)
	send(b, clicks, keys[0], 1)
	for i := range int64(5) {
		send(b, clicks, keys[1], 1)
		eventually(t, "the healthy task's commit", func() bool { return committed(w, "clicks", 1) == i+1 })
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.Settled(ctx); !errors.Is(err, worker.ErrStopped) {
		t.Errorf("Settled: %v, want the place of the task whose commits are refused", err)
	}
}
