package worker_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// A worker that has lost its membership owns nothing for a while; that is not the same as having handled everything.
func TestSettledWaitsForAWorkerThatHasLostItsMembership(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	keys := keysOf(2)
	var kicked atomic.Bool
	var joins atomic.Int32
	back := make(chan struct{})
	log := &rigged{Log: b.log}
	log.heartbeat = func(context.Context, commitlog.Member) error {
		if joins.Load() == 1 && kicked.Load() {
			return commitlog.ErrNotMember
		}
		return nil
	}
	rejoining := make(chan struct{}, 8)
	log.join = func(ctx context.Context, r commitlog.JoinRequest) error {
		if joins.Add(1) == 1 {
			return nil
		}
		select {
		case rejoining <- struct{}{}:
		default:
		}
		select {
		case <-back:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("rigged: %w", ctx.Err())
		}
	}
	w, _ := b.runOn(log, topology.MustNew("app", countProcessor()), func(c *worker.Config) { oneLane(c); c.SessionTimeout = 300 * time.Millisecond })
	send(b, clicks, keys[0], 1)
	b.settle(w)
	kicked.Store(true)
	within(t, rejoining, "the worker to join again")
	send(b, clicks, keys[0], 1)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := w.Settled(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Settled: %v while nothing was handled", err)
	}
	close(back)
	b.settle(w)
	if got := read(b, topology.MustNew("app", countProcessor()), counts); got[keys[0]] != 2 {
		t.Errorf("got %v, want 2", got)
	}
}

// A worker whose partitions went to another one is ready with those that it has left.
func TestAWorkerIsReadyAfterItHasHandedPartitionsOver(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 4)
	app := topology.MustNew("app", countProcessor())
	one, _ := b.run(app, nil)
	b.waitTasks(one, 4)
	two, stopTwo := b.run(app, func(c *worker.Config) { c.StateDir = "state-2" })
	b.waitTasks(two, 2)
	b.waitTasks(one, 2)
	eventually(t, "both to be ready", func() bool { return one.Status().Ready && two.Status().Ready })
	if n := len(one.Status().Processors[0].Tasks); n != 2 {
		t.Errorf("%d tasks are shown, want the 2 that it has", n)
	}
	if err := stopTwo(); err != nil {
		t.Error(err)
	}
}

// The same after a rebuild: the tasks of the edition that served are gone.
func TestAWorkerIsReadyAfterASwitch(t *testing.T) {
	b := newBench(t)
	app := topology.MustNew("app", countProcessor())
	w, _ := b.run(app, nil)
	send(b, clicks, "a", 1)
	b.settle(w)
	b.rebuild(app, "counter", edition.RebuildConfig{})
	b.settle(w)
	eventually(t, "the worker to be ready", func() bool { return w.Status().Ready })
}

// S-59: what says that a task is parked goes with the first commit after it went on, over a restart too.
func TestAParkedTaskThatARestartMendsIsNotParkedAnyMore(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	w, stop := b.run(poison(), one)
	send(b, clicks, "good", 1)
	send(b, clicks, "error", 1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.Settled(ctx); !errors.Is(err, worker.ErrStopped) {
		t.Fatal(err)
	}
	if err := stop(); err == nil {
		t.Error("Run returned nil though a task stands still")
	}
	parked := func() (parked bool) {
		for _, r := range b.journal("app.counter.journal") {
			e, err := journal.Parse(r.Key, r.Value)
			if err != nil {
				t.Fatal(err)
			}
			parked = (parked || e.Parked != nil) && !e.Resumed
		}
		return parked
	}
	if !parked() {
		t.Fatal("the journal does not say that the task is parked")
	}
	w, _ = b.run(topology.MustNew("app", countProcessor()), one)
	b.settle(w)
	if parked() {
		t.Error("the journal still says that the task is parked, though it has gone on")
	}
}

// journal reads partition 0 of a topic, nil values kept apart from empty ones.
func (b *bench) journal(topic string) (found []commitlog.Record) {
	b.t.Helper()
	for _, r := range b.committedRecords(topic, 1) {
		if len(r.Value) == 0 {
			r.Value = nil
		}
		found = append(found, r)
	}
	return found
}
