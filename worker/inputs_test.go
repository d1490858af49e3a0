package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// openTransaction leaves records of a transaction undecided in partition 0 of a topic.
func (b *bench) openTransaction(topic string, keys ...string) commitlog.Transactor {
	b.t.Helper()
	ctx := context.Background()
	tx, err := b.log.OpenTransactor(ctx, commitlog.TransactorConfig{ID: "foreign", Timeout: time.Minute, BatchBytes: 1})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = tx.Close() })
	for _, k := range keys {
		if err := tx.Append(ctx, commitlog.Partition{Topic: topic}, []commitlog.Record{{Key: []byte(k), Value: []byte("x"), Timestamp: 1}}); err != nil {
			b.t.Fatal(err)
		}
	}
	return tx
}

// S-23: an input that the log has no committed records for is not waited for beyond MaxInputWait, which is 0.
func TestAnInputBehindAForeignTransactionDoesNotHoldUpTheOthers(t *testing.T) {
	b := newBench(t)
	b.createTopic("payments", 1)
	b.createTopic("refunds", 1)
	tx := b.openTransaction("refunds", "a", "b", "c")
	if _, err := tx.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"d", "e"} { // sent at the latest with the one after
		if err := tx.Append(context.Background(), commitlog.Partition{Topic: "refunds"}, []commitlog.Record{{Key: []byte(k), Value: []byte("x"), Timestamp: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	refundsEnd := func(i commitlog.Isolation) int64 {
		end, err := b.log.Offsets(context.Background(), []commitlog.Partition{{Topic: "refunds"}}, commitlog.End, i)
		if err != nil {
			t.Fatal(err)
		}
		return end[0].Offset
	}
	eventually(t, "the open transaction to be in the log", func() bool {
		return refundsEnd(commitlog.ReadUncommitted) > refundsEnd(commitlog.ReadCommitted)
	})
	w, _ := b.run(historyApp(), one)
	send(b, payments, "k", "p1", "p2")
	eventually(t, "the payments", func() bool { return committed(w, "payments", 0) == 2 })
	if err := tx.Abort(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.settle(w)
}

// S-17, S-25: a build whose cut lies behind a marker, with records behind it, reaches the cut.
func TestABuildReachesACutBehindAMarker(t *testing.T) {
	for _, abort := range []bool{false, true} {
		t.Run(fmt.Sprintf("aborted=%v", abort), func(t *testing.T) {
			b := newBench(t)
			b.createTopic("payments", 1)
			b.createTopic("refunds", 1)
			app := historyApp()
			log := &rigged{Log: b.log}
			arrived := false
			log.openTransactor = func(_ context.Context, c commitlog.TransactorConfig) error {
				if ofEdition(c.ID, 2) && !arrived {
					arrived = true
					send(b, payments, "k", "behind", "behind") // the serving edition has stopped
				}
				return nil
			}
			w, _ := b.runOn(log, app, one)
			send(b, payments, "k", "p1")
			tx := b.openTransaction("payments", "k", "k")
			end := tx.Abort
			if !abort {
				end = func(ctx context.Context) error { _, err := tx.Commit(ctx); return err }
			}
			if err := end(context.Background()); err != nil {
				t.Fatal(err)
			}
			b.settle(w)
			r := b.rebuild(app, "history", edition.RebuildConfig{})
			if !r.Serving || !r.Equal {
				t.Errorf("got %+v", r)
			}
			b.settle(w)
			if got := read(b, app, history)["k"]; strings.Count(got, "behind") != 2 {
				t.Errorf("k = %q after the switch", got)
			}
		})
	}
}

// S-23 to S-25: with buffers for one batch, inputs that arrive in any order, commits and restarts in between, a rebuild takes the
// recorded order and needs no more room.
func TestARebuildInTinyBuffersRepeatsARandomOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	b := newBench(t)
	b.createTopic("payments", 1)
	b.createTopic("refunds", 1)
	app := historyApp(processor.OnError(processor.ErrorPolicy{Then: processor.Skip}))
	tiny := func(c *worker.Config) { one(c); c.FetchBytes = 1 }
	w, stop := b.run(app, tiny)
	for i := range 150 {
		s := payments
		if rnd.IntN(3) == 0 {
			s = refunds
		}
		send(b, s, fmt.Sprint("k", rnd.IntN(3)), fmt.Sprint(i))
		switch rnd.IntN(30) {
		case 0:
			b.settle(w)
		case 1:
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			w, stop = b.run(app, tiny)
		case 2:
			b.put("refunds", commitlog.Record{Key: []byte("k0")}) // a tombstone: skipped
		}
	}
	b.settle(w)
	before := fmt.Sprint(read(b, app, history))
	for range 2 {
		if r := b.rebuild(app, "history", edition.RebuildConfig{}); !r.Serving || !r.Equal {
			t.Fatalf("seed %d: %+v", seed, r)
		}
		b.settle(w)
		if after := fmt.Sprint(read(b, app, history)); after != before {
			t.Fatalf("seed %d: got\n%s, want\n%s", seed, after, before)
		}
	}
}

// S-16: a position that the log has deleted stops the task with what it wanted and what there is; SkipLost goes on and counts.
func TestRecordsThatTheLogDeletedStopTheTaskOrAreCounted(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	app := topology.MustNew("app", countProcessor())
	w, stop := b.run(app, one)
	send(b, clicks, "a", 1, 1)
	b.settle(w)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	send(b, clicks, "a", 1, 1, 1, 1)
	if err := b.log.DeleteRecords(context.Background(), []commitlog.Position{{Partition: commitlog.Partition{Topic: "clicks"}, Offset: 5}}); err != nil {
		t.Fatal(err)
	}
	w, stop = b.run(app, one)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := w.Settled(ctx)
	if !errors.Is(err, worker.ErrStopped) || !strings.Contains(err.Error(), "clicks/0") || !strings.Contains(err.Error(), "position 2") || !strings.Contains(err.Error(), "5 to 6") {
		t.Errorf("Settled: %v", err)
	}
	if err := stop(); err == nil {
		t.Error("Run returned nil though a task stands still")
	}
	w, _ = b.run(app, func(c *worker.Config) { one(c); c.SkipLost = true })
	b.settle(w)
	if ts := w.Status().Processors[0].Tasks[0]; ts.Lost != 3 {
		t.Errorf("%d offsets count as lost, want 3", ts.Lost)
	}
	if got := read(b, app, counts)["a"]; got != 3 {
		t.Errorf("a = %d, want 3", got)
	}
}

// S-11: offsets that the group forgot are taken from the journal; offsets that somebody moved stop the processor with both.
func TestGroupOffsetsThatAreLostOrMovedAreNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(ctx context.Context, l commitlog.Log) error
		says   []string
	}{
		"forgotten": {func(ctx context.Context, l commitlog.Log) error { return l.DeleteGroup(ctx, "app.counter.e1") }, nil},
		"moved": {func(ctx context.Context, l commitlog.Log) error {
			return l.CommitOffsets(ctx, commitlog.Member{Group: "app.counter.e1", Generation: -1},
				[]commitlog.Position{{Partition: commitlog.Partition{Topic: "clicks"}, Offset: 10}})
		}, []string{"offset is 10", "journal says 20"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.createTopic("clicks", 1)
			app := topology.MustNew("app", countProcessor())
			w, stop := b.run(app, one)
			send(b, clicks, "a", make([]int64, 20)...)
			b.settle(w)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if err := c.change(context.Background(), b.log); err != nil {
				t.Fatal(err)
			}
			w, stop = b.run(app, one)
			send(b, clicks, "a", 1)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			err := w.Settled(ctx)
			if c.says == nil {
				if got := read(b, app, counts)["a"]; err != nil || got != 21 {
					t.Errorf("a = %d, %v; want 21", got, err)
				}
				return
			}
			for _, s := range c.says {
				if err == nil || !strings.Contains(err.Error(), s) {
					t.Errorf("Settled: %v, want %q", err, s)
				}
			}
			if err := stop(); err == nil {
				t.Error("Run returned nil though somebody moved its offsets")
			}
		})
	}
}

// S-12: a store of another history of the log, which its leader epochs show, is moved aside and built anew.
func TestAStoreOfAnotherHistoryIsBuiltAnew(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	app := topology.MustNew("app", countProcessor())
	epoch := int32(7)
	log := &rigged{Log: b.log}
	log.batch = func(batch *commitlog.Batch) { batch.Epoch = epoch }
	var said bytes.Buffer // read while no worker runs
	start := func(dir string) (*worker.Worker, func() error) {
		return b.runOn(log, app, func(c *worker.Config) {
			one(c)
			c.StateDir, c.Logger = dir, slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn}))
		})
	}
	for i, dir := range []string{"state-2", "state", "state-2", "state"} { // each time the other one's commits are read
		if i == 3 {
			epoch = 3
		}
		w, stop := start(dir)
		send(b, clicks, "a", 1)
		b.settle(w)
		if got := read(b, app, counts)["a"]; got != int64(i+1) {
			t.Fatalf("a = %d, want %d", got, i+1)
		}
		if i == 3 && w.Status().MovedAside != 1 {
			t.Errorf("%d stores were moved aside, want 1", w.Status().MovedAside)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	if got := said.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "moved aside") {
		t.Errorf("the log has the lines:\n%swant one that says what was moved aside", got)
	}
}

// Keys that look like internal ones, empty ones and ones too large for the log are keys like others, or the record's error.
func TestOddKeysAreKeptOrAreTheRecordsError(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	if err := b.log.CreateTopic(ctx, commitlog.TopicSpec{Name: "raw", Partitions: 1, Config: map[string]string{"max.message.bytes": "20000000"}}); err != nil {
		t.Fatal(err)
	}
	raw := processor.NewStream("raw", codec.Bytes, codec.Bytes)
	kept := processor.NewTable("kept", codec.Bytes, codec.Int64)
	app := topology.MustNew("app", processor.New("keeper",
		processor.On(raw, func(ctx processor.Context, key, value []byte) error {
			if string(value) == "delete" {
				kept.Delete(ctx, key)
				return nil
			}
			n, _ := kept.Get(ctx, key)
			kept.Put(ctx, key, n+1)
			return nil
		}), processor.Owns(kept), processor.OnError(processor.ErrorPolicy{Then: processor.Skip})))
	odd := []string{"", "\x00", "\x00\x00", "p/000001", "o/000000000000000001", "s/000001", "\xff\xff", "\x00mark", "m", strings.Repeat("k", 10_000)}
	w, stop := b.run(app, one)
	for range 2 {
		for _, k := range odd {
			b.put("raw", commitlog.Record{Key: []byte(k), Value: []byte("put")})
		}
		b.put("raw", commitlog.Record{Key: []byte("big"), Value: make([]byte, 10<<20)},
			commitlog.Record{Key: []byte(strings.Repeat("K", 2<<20)), Value: []byte("put")},
			commitlog.Record{Key: []byte(strings.Repeat("K", 2<<20)), Value: []byte("delete")})
		b.settle(w)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w, stop = b.run(app, one)
		b.settle(w)
	}
	got := read(b, app, kept)
	for _, k := range append(odd, "big") {
		if got[fmt.Sprint([]byte(k))] != 2 {
			t.Errorf("%.20q = %d, want 2", k, got[fmt.Sprint([]byte(k))])
		}
	}
	if len(got) != len(odd)+1 {
		t.Errorf("%d keys, want %d", len(got), len(odd)+1)
	}
}
