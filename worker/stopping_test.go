package worker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// hurried makes the worker's own waits short, so that a test can sit them out.
func hurried(c *worker.Config) {
	oneLane(c)
	c.Clock = hasty{times: 20}
	c.CommitEvery, c.SessionTimeout = 200*time.Millisecond, time.Minute
}

// A stop does not wait for a handler that never returns; what others did is committed.
func TestAStopLeavesAHandlerBehindThatDoesNotReturn(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	keys := keysOf(2)
	entered, gate := make(chan struct{}, 8), make(chan struct{})
	w, cancel, ended := b.startOn(b.log, gatedCount(entered, gate), hurried)
	send(b, clicks, keys[0], 1, -1, 1)
	within(t, entered, "the handler")
	send(b, clicks, keys[1], 1)
	eventually(t, "the other task's commit", func() bool { return committed(w, "clicks", 1) == 1 })
	cancel()
	_ = within(t, ended, "the worker to end")
	close(gate)
	if w.Status().HungHandler == 0 {
		t.Error("the handler that was left behind is not counted")
	}
}

// A stop ends though the log is away: what was not committed is done again later.
func TestAStopEndsWhileACommitHasNoAnswer(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	keys := keysOf(2)
	committing := make(chan struct{}, 8)
	away := func(ctx context.Context) error {
		committing <- struct{}{}
		<-ctx.Done()
		return fmt.Errorf("rigged: %w: %w", commitlog.ErrUnknownOutcome, commitlog.ErrUnavailable)
	}
	log := &rigged{Log: b.log}
	log.commit = func(ctx context.Context, _ *riggedTx, _ []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		return nil, away(ctx)
	}
	log.renew = func(ctx context.Context, _ *riggedTx) error { return away(ctx) }
	app := topology.MustNew("app", countProcessor())
	_, cancel, ended := b.startOn(log, app, hurried)
	send(b, clicks, keys[0], 1)
	within(t, committing, "the commit")
	cancel()
	_ = within(t, ended, "the worker to end")
	w, _ := b.run(app, oneLane)
	b.settle(w)
	b.sequencesOf("echo", 2, func(string) int { return 1 })
}

// The same while the transactional id is taken over at the start, and while offsets are fetched in a restore.
func TestAStopEndsWhileTheLogDoesNotAnswerAtTheStart(t *testing.T) {
	wait := func(asked chan struct{}) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			select {
			case asked <- struct{}{}:
			default:
			}
			<-ctx.Done()
			return fmt.Errorf("rigged: %w: %w", commitlog.ErrUnavailable, ctx.Err())
		}
	}
	for name, rig := range map[string]func(l *rigged, wait func(context.Context) error){
		"open transactor": func(l *rigged, wait func(context.Context) error) {
			l.openTransactor = func(ctx context.Context, _ commitlog.TransactorConfig) error { return wait(ctx) }
		},
		"fetch offsets": func(l *rigged, wait func(context.Context) error) {
			l.fetchOffsets = func(ctx context.Context, _ string, _ []commitlog.Partition) error { return wait(ctx) }
		},
		"join": func(l *rigged, wait func(context.Context) error) {
			l.join = func(ctx context.Context, _ commitlog.JoinRequest) error { return wait(ctx) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.createTopic("clicks", 2)
			asked := make(chan struct{}, 1)
			log := &rigged{Log: b.log}
			rig(log, wait(asked))
			_, cancel, ended := b.startOn(log, topology.MustNew("app", countProcessor()), hurried)
			within(t, asked, "the call")
			cancel()
			if err := within(t, ended, "the worker to end"); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
}

// A stop in backoff ends at once and hands nothing out.
func TestAStopInBackoffEndsAtOnce(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			echo.Emit(ctx, key, n)
			if n < 0 {
				return errors.New("not yet")
			}
			return nil
		}), processor.Emits(echo), processor.OnError(processor.ErrorPolicy{Retries: 1000, Backoff: time.Hour, MaxBackoff: time.Hour})))
	w, cancel, ended := b.startOn(b.log, app, one)
	send(b, clicks, "k", 1, -1, 2)
	eventually(t, "the backoff", func() bool {
		ts := w.Status().Processors[0].Tasks
		return len(ts) == 1 && ts[0].Phase == worker.Backoff
	})
	began := time.Now()
	cancel()
	if err := within(t, ended, "the worker to end"); err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the stop took %v", took)
	}
	if got := len(b.records("echo")); got != 1 {
		t.Errorf("%d records in echo, want what came before the failing one", got)
	}
}

// S-62: a handler that was given up may return; the records behind its own are not handled by what it left.
func TestALateReturnOfAHungHandlerHandlesNothingMore(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	gate := make(chan struct{})
	var hangs, later atomic.Int32
	returned := make(chan struct{})
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			if n > 0 {
				later.Add(1)
				return nil
			}
			if hangs.Add(1) == 1 {
				<-gate
				close(returned)
			}
			return nil
		}), processor.Emits(echo)))
	w, stop := b.run(app, func(c *worker.Config) { one(c); c.MaxHandlerTime = 30 * time.Millisecond })
	send(b, clicks, "k", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.Settled(ctx); !errors.Is(err, worker.ErrStopped) {
		t.Fatal(err)
	}
	close(gate)
	within(t, returned, "the handler to return")
	_ = stop() // names the stopped task; that is another test's
	if n := later.Load(); n != 0 {
		t.Errorf("%d records behind the one that hung were handled", n)
	}
}

// S-62: a handler that returns while its worker is busy is not taken for one that hangs; no other record pays for it.
func TestNoOtherRecordPaysForAHandlerThatReturnedLate(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	keys := keysOf(2)
	entered, gate := make(chan struct{}, 8), make(chan struct{})
	var hold atomic.Bool
	asked, goOn := make(chan struct{}, 8), make(chan struct{})
	var open sync.Once
	release := func() { open.Do(func() { close(goOn) }) }
	defer release()
	log := &rigged{Log: b.log}
	log.fetchOffsets = func(context.Context, string, []commitlog.Partition) error {
		if hold.Load() {
			asked <- struct{}{}
			<-goOn
		}
		return nil
	}
	hangTime := 100 * time.Millisecond
	w, _ := b.runOn(log, gatedCount(entered, gate), func(c *worker.Config) { oneLane(c); c.MaxHandlerTime = hangTime })
	send(b, clicks, keys[0], 1)
	send(b, clicks, keys[1], 1)
	b.settle(w)
	hold.Store(true)
	two, _ := b.run(gatedCount(entered, gate), func(c *worker.Config) { oneLane(c); c.StateDir = "state-2" })
	within(t, asked, "the rebalance to reach the worker") // which is busy from here on
	for range 3 {
		send(b, clicks, keys[0], -1)
	}
	within(t, entered, "the handler")
	eventually(t, "the watchdog to give the handler up", func() bool { return w.Status().HungHandler > 0 })
	close(gate)
	send(b, clicks, keys[0], 1, 1, 1, 1)
	within(t, entered, "the next record")
	within(t, entered, "the one after it")
	hold.Store(false)
	release()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := errors.Join(w.Settled(ctx), two.Settled(ctx)); err != nil && !containsOffset(w, keys[0], 1) {
		t.Errorf("Settled: %v; only the record that hung, clicks at 1, may be stopped at", err)
	}
}

// containsOffset tells whether every stopped task of a worker stands at that offset.
func containsOffset(w *worker.Worker, _ string, offset int64) bool {
	for _, ts := range w.Status().Processors[0].Tasks {
		if ts.Stopped != nil && ts.Stopped.Record.Offset > offset+1 {
			return false
		}
	}
	return true
}

// S-6: a commit that the rebalance cut short is settled before the task goes on.
func TestACommitThatARebalanceCutsShortIsSettled(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	keys := keysOf(2)
	log := &rigged{Log: b.log}
	var slow atomic.Bool
	waiting := make(chan struct{}, 8)
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if slow.Load() {
			waiting <- struct{}{}
			<-ctx.Done()
			slow.Store(false)
			return nil, fmt.Errorf("rigged: %w: %w", commitlog.ErrUnknownOutcome, ctx.Err())
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	var handled atomic.Int32
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			have, _ := counts.Get(ctx, key)
			counts.Put(ctx, key, have+1)
			echo.Emit(ctx, key, have+1)
			handled.Add(1)
			return nil
		}), processor.Owns(counts), processor.Emits(echo)))
	// Commits come so seldom that the one below is made by the rebalance.
	w, _ := b.runOn(log, app, func(c *worker.Config) {
		oneLane(c)
		c.Clock, c.CommitEvery, c.TransactionTimeout = hasty{times: 20}, 5*time.Minute, 15*time.Minute
		c.SessionTimeout = 20 * time.Second
	})
	send(b, clicks, keys[0], 1)
	send(b, clicks, keys[1], 1)
	b.settle(w)
	send(b, clicks, keys[0], 1)
	send(b, clicks, keys[1], 1)
	eventually(t, "the records to be handled", func() bool { return handled.Load() == 4 })
	slow.Store(true)
	two, _ := b.run(app, func(c *worker.Config) { oneLane(c); c.StateDir = "state-2" })
	within(t, waiting, "the commit before the rebalance")
	b.waitTasks(two, 1)
	b.settleAll(w, two)
	b.sequencesOf("echo", 2, func(string) int { return 2 })
}

// A lane that reports to its processor while that one waits for the lane: neither may wait for ever.
func TestALaneThatIsFencedWhileItsProcessorWaitsForItEnds(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	b.createTopic("payments", 2)
	keys := keysOf(2)
	var kicked, refused atomic.Bool
	log := &rigged{Log: b.log}
	log.heartbeat = func(_ context.Context, m commitlog.Member) error {
		if m.Group == "app.counter.e1" && kicked.Load() {
			kicked.Store(false)
			return commitlog.ErrNotMember
		}
		return nil
	}
	committing, fail := make(chan struct{}), make(chan struct{})
	var armed atomic.Bool
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if tx.wrote("echo") && armed.Load() && !refused.Swap(true) {
			close(committing)
			<-fail
			_ = tx.Transactor.Abort(context.WithoutCancel(ctx))
			return nil, fmt.Errorf("rigged: %w", commitlog.ErrNotMember)
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	app := topology.MustNew("app", countProcessor(), processor.New("busy",
		processor.On(payments, func(ctx processor.Context, key, v string) error { alerts.Emit(ctx, key, v); return nil }),
		processor.Emits(alerts)))
	w, _ := b.runOn(log, app, func(c *worker.Config) {
		oneLane(c)
		c.CommitEvery = time.Millisecond
		c.SessionTimeout = 300 * time.Millisecond
	})
	send(b, clicks, keys[0], 1)
	b.settle(w)
	armed.Store(true)
	send(b, clicks, keys[0], 1)
	within(t, committing, "the commit")
	kicked.Store(true)
	eventually(t, "the loss of the membership", func() bool { return !kicked.Load() })
	began := w.Status().Commits
	for i := 0; w.Status().Commits < began+100; i++ { // each is news for every processor
		send(b, payments, keys[i%2], "x")
	}
	close(fail)
	b.settle(w)
	b.sequencesOf("echo", 2, func(string) int { return 2 })
}

// A handler that waits on its context is told of the stop; what it then says is not the record's fault: the next start handles
// it.
func TestAStopCancelsAHandlerAndLeavesItsRecordForTheNextStart(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	entered := make(chan struct{}, 1)
	app := func(wait bool) *topology.Topology {
		return topology.MustNew("app", processor.New("counter",
			processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
				counts.Put(ctx, key, n)
				if wait {
					entered <- struct{}{}
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			}), processor.Owns(counts), processor.OnError(processor.ErrorPolicy{Then: processor.Skip})))
	}
	_, cancel, ended := b.startOn(b.log, app(true), hurried)
	send(b, clicks, "k", 7)
	within(t, entered, "the handler")
	cancel()
	if err := within(t, ended, "the worker to end"); err != nil {
		t.Errorf("Run: %v", err)
	}
	w, _ := b.run(app(false), oneLane)
	b.settle(w)
	if got := read(b, app(false), counts)["k"]; got != 7 {
		t.Errorf("k = %d, want 7: the record was lost with the stop", got)
	}
}
