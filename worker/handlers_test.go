package worker_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// S-19, S-62: a handler that ends its goroutine, or panics, inside a scan leaves nothing behind: no effect, no broken cache.
func TestAScanThatIsLeftByForceLeavesNothingBehind(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			counts.Put(ctx, key, n)
			for k := range counts.All(ctx) {
				counts.Put(ctx, k+"+", 1)
				counts.Delete(ctx, k)
				switch n {
				case -1:
					runtime.Goexit()
				case -2:
					panic("in the middle of a scan")
				case -3:
					for range counts.All(ctx) {
						runtime.Goexit()
					}
				}
				break
			}
			counts.Put(ctx, key, n)
			counts.Delete(ctx, key+"+")
			return nil
		}), processor.Owns(counts), processor.OnError(processor.ErrorPolicy{Then: processor.Skip})))
	w, _ := b.run(app, one)
	send(b, clicks, "a", 1, -1, 2, -2, 3, -3, 4)
	b.settle(w)
	if got := fmt.Sprint(read(b, app, counts)); got != "map[a:4]" {
		t.Errorf("got %s, want map[a:4]", got)
	}
	if ts := w.Status().Processors[0].Tasks[0]; ts.Skipped != 3 || ts.Records != 4 {
		t.Errorf("%d skipped, %d handled; want 3 and 4", ts.Skipped, ts.Records)
	}
}

// A record's first fault cancels its context and what was derived from it; the next record's context is alive.
func TestAFaultCancelsTheContextOfItsRecordAlone(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	var wrong atomic.Pointer[string]
	say := func(s string) { wrong.CompareAndSwap(nil, &s) }
	var kept context.Context
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			derived, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			if kept != nil && kept.Err() == nil {
				say("the context of the record before lives")
			}
			kept = derived
			if ctx.Err() != nil || derived.Err() != nil {
				say("a fresh context is cancelled")
			}
			if n < 0 {
				elsewhere := processor.NewStream("elsewhere", codec.String, codec.Int64)
				elsewhere.Emit(ctx, key, n)
				if !errors.Is(ctx.Err(), context.Canceled) {
					say("the context lives after a fault")
				}
				select {
				case <-ctx.Done():
				case <-time.After(patience):
					say("Done is open after a fault")
				}
				select {
				case <-derived.Done():
				case <-time.After(patience):
					say("the derived context is open after a fault")
				}
				echo.Emit(ctx, key, n)
				return nil
			}
			short, stop := context.WithTimeout(ctx, time.Millisecond)
			defer stop()
			select {
			case <-short.Done():
			case <-time.After(patience):
				say("WithTimeout does not end")
			}
			if !errors.Is(short.Err(), context.DeadlineExceeded) || ctx.Err() != nil {
				say("a derived deadline is not its own")
			}
			echo.Emit(ctx, key, n)
			return nil
		}), processor.Emits(echo), processor.OnError(processor.ErrorPolicy{Then: processor.Skip})))
	w, _ := b.run(app, one)
	send(b, clicks, "a", 1, -1, 2, -1, 3)
	b.settle(w)
	if s := wrong.Load(); s != nil {
		t.Error(*s)
	}
	if got := len(b.records("echo")); got != 3 {
		t.Errorf("%d records in echo, want 3", got)
	}
}

// S-10: effects above the bound are the record's error, and nothing of them is left.
func TestEffectsAboveTheBoundAreTheRecordsError(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			for i := range n {
				counts.Put(ctx, fmt.Sprint(key, i), i)
				echo.Emit(ctx, strings.Repeat("x", 1000), i)
			}
			return nil
		}), processor.Owns(counts), processor.Emits(echo), processor.OnError(processor.ErrorPolicy{Then: processor.Skip})))
	w, _ := b.run(app, func(c *worker.Config) { one(c); c.MaxRecordEffectsBytes = 100_000 })
	send(b, clicks, "a", 10, 1000, 20)
	b.settle(w)
	if got, n := len(b.records("echo")), len(read(b, app, counts)); got != 30 || n != 20 {
		t.Errorf("%d emits and %d keys, want 30 and 20", got, n)
	}
	if ts := w.Status().Processors[0].Tasks[0]; ts.Skipped != 1 {
		t.Errorf("%d skipped, want 1", ts.Skipped)
	}
}

// S-10: a record that the log refuses later than Emit could know is found, and the policy's answer is given to it alone.
func TestARecordThatTheLogRefusesLaterIsFound(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			have, _ := counts.Get(ctx, key)
			counts.Put(ctx, key, have+1)
			if n == 0 {
				echo.Emit(ctx, strings.Repeat("x", 100_000), 0)
			}
			return nil
		}), processor.Owns(counts), processor.Emits(echo), processor.OnError(processor.ErrorPolicy{Then: processor.Skip})))
	w, _ := b.run(app, one)
	send(b, clicks, "a", 1)
	b.settle(w)
	if err := b.log.SetTopicConfig(context.Background(), "echo", map[string]string{"max.message.bytes": "50000"}); err != nil {
		t.Fatal(err)
	}
	send(b, clicks, "a", 1, 1, 0, 1, 0, 1)
	b.settle(w)
	if got := read(b, app, counts)["a"]; got != 5 {
		t.Errorf("a = %d, want 5", got)
	}
	if ts := w.Status().Processors[0].Tasks[0]; ts.Skipped != 2 {
		t.Errorf("%d skipped, want 2", ts.Skipped)
	}
}

// S-36: a worker that dies before or after any of the records of a rebuild leaves one that the next worker completes.
func TestARebuildIsCompletedWhereverItsWorkerDies(t *testing.T) {
	for _, after := range []bool{false, true} {
		for step, more := 0, true; more && step < 20; step++ {
			t.Run(fmt.Sprintf("step %d, after=%v", step, after), func(t *testing.T) { more = dieInRebuild(t, step, after) })
		}
	}
}

// dieInRebuild kills the worker at a step; false: the rebuild has fewer.
func dieInRebuild(t *testing.T, step int, after bool) bool {
	b := newBench(t)
	b.createTopic("payments", 2)
	b.createTopic("refunds", 2)
	app := historyApp()
	died := fmt.Errorf("rigged: the worker dies: %w", commitlog.ErrNotAuthorized)
	var armed, dead atomic.Bool
	var at atomic.Int32
	log := &rigged{Log: b.log}
	die := func() bool { // tells whether this is the step
		if dead.Load() {
			return true
		}
		if armed.Load() && int(at.Add(1))-1 == step {
			dead.Store(true)
			return true
		}
		return false
	}
	log.append = func(ctx context.Context, p commitlog.Partition, records []commitlog.Record) error {
		if die() {
			if after {
				w, err := b.log.OpenWriter(ctx, commitlog.WriterConfig{})
				if err != nil {
					return err
				}
				defer w.Close()
				_, _ = w.Append(ctx, p, records) // it dies either way
			}
			return died
		}
		return nil
	}
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if tx.wrote("hist.control") && die() || dead.Load() {
			if after {
				_, _ = tx.Transactor.Commit(ctx, offsets...)
			}
			return nil, died
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	log.renew = func(context.Context, *riggedTx) error {
		if dead.Load() {
			return died
		}
		return nil
	}
	two := func(c *worker.Config) { c.Partitions, c.Lanes = 2, 1 }
	w, cancel, ended := b.startOn(log, app, two)
	for i := range 20 {
		send(b, payments, fmt.Sprint("k", i%4), fmt.Sprint("p", i))
		if i%3 == 0 {
			send(b, refunds, fmt.Sprint("k", i%4), fmt.Sprint("r", i))
		}
	}
	b.settle(w)
	before := fmt.Sprint(read(b, app, history))
	armed.Store(true)
	e, err := edition.Open(context.Background(), app, b.log, "history")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctx, giveUp := context.WithTimeout(context.Background(), patience)
	defer giveUp()
	result := make(chan edition.Result, 1)
	go func() { // received below
		r, err := e.Rebuild(ctx, edition.RebuildConfig{})
		if err != nil {
			t.Errorf("rebuild: %v", err)
		}
		result <- r
	}()
	var r edition.Result
	select {
	case r = <-result:
		cancel()
		<-ended
	case err := <-ended:
		if !errors.Is(err, commitlog.ErrNotAuthorized) {
			t.Errorf("the first worker ends with %v", err)
		}
		w, _ := b.run(app, two)
		r = within(t, result, "the result")
		b.settle(w)
	}
	if !r.Serving || !r.Equal {
		t.Errorf("got %+v", r)
	}
	if got := fmt.Sprint(read(b, app, history)); got != before {
		t.Errorf("got\n%s, want\n%s", got, before)
	}
	if got := len(b.records("alerts")); got != 27 {
		t.Errorf("%d alerts, want 27", got)
	}
	return dead.Load()
}
