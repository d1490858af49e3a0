package cases_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// events and counts are what the count processor of many cards uses.
var (
	events = processor.NewStream("events", codec.String, codec.Int64)
	counts = processor.NewTable("counts", codec.String, codec.Int64)
	totals = processor.NewStream("totals", codec.String, codec.Int64)
)

// counting counts the records of each key.
func counting(edges ...processor.Edge) *topology.Topology {
	return topology.MustNew("app", processor.New("counter", append([]processor.Edge{
		processor.On(events, func(ctx processor.Context, key string, _ int64) error {
			n, _ := counts.Get(ctx, key)
			counts.Put(ctx, key, n+1)
			return nil
		}), processor.Owns(counts)}, edges...)...))
}

// sameRecord gives n equal raw records.
func sameRecord(n int, key string) []commitlog.Record {
	return slices.Repeat([]commitlog.Record{{Key: []byte(key), Value: make([]byte, 8)}}, n)
}

// C-07: state that did not change for 10,000 records and at least 20 commits is there after kill, restart and wipe, and the
// committed offset moves through the quiet stretch. Compaction of the changelog in between waits for a broker that compacts.
func TestAQuietStretchKeepsStateAndOffsetsC07(t *testing.T) {
	seen := processor.NewTable("seen", codec.String, codec.String)
	app := topology.MustNew("app", processor.New("quiet", processor.On(orders, func(ctx processor.Context, key, what string) error {
		switch what {
		case "first":
			seen.Put(ctx, "k", fmt.Sprintf("seen at %d", ctx.Position().Offset))
		case "tell":
			s, _ := seen.Get(ctx, "k")
			said.Emit(ctx, key, s)
		}
		return nil
	}), processor.Owns(seen), processor.Emits(said)))
	b := newBench(t, 1)
	b.start(app)
	send(b, orders, "k", "first")
	b.settle()
	before := b.worker.Status().Commits
	for range 20 {
		send(b, orders, "k", make([]string, 500)...)
		b.settle()
	}
	if n := b.worker.Status().Commits - before; n < 20 {
		t.Errorf("%d commits in the quiet stretch, want at least 20", n)
	}
	if got := b.committed("app", "quiet", 1, "orders", 0); got != 10_001 {
		t.Errorf("committed offset %d, want 10001", got)
	}
	for i, end := range []func(){b.kill, b.halt, func() { b.halt(); b.wipe() }, func() { b.kill(); b.wipe() }} {
		end()
		b.start(app)
		send(b, orders, "k", "tell")
		b.settle()
		if got := b.answers(); len(got) != i+1 || got[i] != "seen at 0" {
			t.Errorf("after end %d: %q, want another \"seen at 0\"", i, got)
		}
		if got := b.committed("app", "quiet", 1, "orders", 0); got != int64(10_002+i) {
			t.Errorf("after end %d: committed offset %d, want %d", i, got, 10_002+i)
		}
	}
}

// C-08: a count over two inputs, one of them made by another processor, is right after each kind of stop, and a rebuild of
// either changes nothing: what the first one emitted is not emitted again.
func TestACountOverADerivedInputIsStableC08(t *testing.T) {
	x := processor.NewStream("x", codec.String, codec.Int64)
	both := processor.NewTable("both", codec.String, codec.Int64)
	add := func(ctx processor.Context, key string, _ int64) error {
		n, _ := both.Get(ctx, key)
		both.Put(ctx, key, n+1)
		return nil
	}
	app := topology.MustNew("app",
		processor.New("p1", processor.On(events, func(ctx processor.Context, key string, _ int64) error {
			n, _ := counts.Get(ctx, key)
			counts.Put(ctx, key, n+1)
			x.Emit(ctx, key, n+1)
			return nil
		}), processor.Owns(counts), processor.Emits(x)),
		processor.New("p2", processor.On(events, add), processor.On(x, add), processor.Owns(both)))
	b := newBench(t, 1)
	b.start(app)
	want := int64(1000)
	check := func(when string) {
		t.Helper()
		b.settle()
		if one, two := value(b, app, counts, "k"), value(b, app, both, "k"); one != want || two != 2*want {
			t.Errorf("%s: p1 has %d and p2 %d, want %d and %d", when, one, two, want, 2*want)
		}
	}
	send(b, events, "k", make([]int64, 1000)...)
	check("at first")
	b.halt()
	b.start(app)
	check("after a restart")
	for i := range 3 {
		b.kill()
		b.start(app)
		check(fmt.Sprintf("after kill %d", i))
	}
	b.halt()
	if err := b.disk.RemoveAll("state/app/p2.e1"); err != nil {
		t.Fatal(err)
	}
	b.start(app)
	check("after a wipe of p2")
	for _, name := range []string{"p2", "p1"} {
		if r := b.rebuild(app, name); !r.Serving || !r.Equal {
			t.Errorf("rebuild of %s: %v", name, r)
		}
		check("after the rebuild of " + name)
	}
	want++
	send(b, events, "k", 0)
	check("after one more")
	for i, r := range b.records("x") {
		if n, err := codec.Int64.Decode(r.Value); err != nil || n != int64(i+1) {
			t.Fatalf("x has %d at place %d, %v", n, i, err)
		}
	}
}

// C-29: a changelog that ends with a marker, or with an aborted transaction, or holds nothing else, is restored to its end.
// What a broker removes by compaction waits for a broker that compacts.
func TestAChangelogThatEndsWithMarkersIsRestoredC29(t *testing.T) {
	b := newBench(t, 1)
	app := counting()
	const changelog = "app.counter.counts.e1"
	b.start(app)
	abort := func() {
		t.Helper()
		tx, err := b.log.OpenTransactor(b.context(), commitlog.TransactorConfig{ID: "somebody"})
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Close()
		if err := tx.Append(b.context(), commitlog.Partition{Topic: changelog}, sameRecord(5, "ghost")); err != nil {
			t.Fatal(err)
		}
		if err := tx.Abort(b.context()); err != nil {
			t.Fatal(err)
		}
	}
	restored := func(when string, want int64) {
		t.Helper()
		b.start(app)
		b.settle()
		if s := b.worker.Status().Processors[0].Tasks[0]; s.Restored != s.ToRestore || s.Phase != worker.Running {
			t.Errorf("%s: %s, restored %d of %d", when, s.Phase, s.Restored, s.ToRestore)
		}
		if got := value(b, app, counts, "k"); got != want {
			t.Errorf("%s: k = %d, want %d", when, got, want)
		}
		b.halt()
	}
	b.settle() // the topics exist
	abort()
	b.halt()
	b.wipe()
	restored("nothing but an aborted transaction", 0)
	b.start(app)
	send(b, events, "k", make([]int64, 90)...)
	b.settle()
	b.halt()
	restored("as it stopped", 90)
	b.wipe()
	restored("a marker at the end", 90)
	abort()
	restored("an aborted transaction at the end", 90)
	b.wipe()
	restored("an aborted transaction at the end, wiped", 90)
}

// C-32: a restore that is stopped or killed on its way does not count as done: the next one ends with all keys, as a rebuild
// compares. 15,000 keys instead of the card's 300,000.
func TestAnInterruptedRestoreIsNotTakenForCompleteC32(t *testing.T) {
	const keys = 15_000
	b := newBench(t, 1)
	app := counting()
	b.create("events", 1)
	b.start(app)
	batch := make([]commitlog.Record, 0, 1000)
	for i := range keys {
		batch = append(batch, commitlog.Record{Key: fmt.Appendf(nil, "key-%06d", i), Value: make([]byte, 8)})
		if len(batch) == cap(batch) {
			b.put("events", 0, batch...)
			batch = batch[:0]
		}
	}
	b.settle()
	b.halt()
	edition := 1
	for _, percent := range []int64{10, 50, 90} {
		for how, end := range map[string]func(){"stop": b.halt, "kill": b.kill} {
			changelog := fmt.Sprint("app.counter.counts.e", edition)
			reached := make(chan struct{})
			watched := &watchedLog{topic: changelog, reached: reached,
				at: b.offset(changelog, 0, commitlog.End, commitlog.ReadUncommitted) * percent / 100}
			b.wrap = func(l commitlog.Log) commitlog.Log { watched.Log = l; return watched }
			b.wipe()
			b.start(app)
			select {
			case <-reached:
			case <-b.context().Done():
				t.Fatal("the restore does not get there")
			}
			end()
			b.wrap = nil
			b.start(app)
			b.settle()
			r := b.rebuild(app, "counter")
			if !r.Equal || r.Entries != keys {
				t.Errorf("%s at %d %%: after the second start %v, want %d entries and equal", how, percent, r, keys)
			}
			edition = r.Edition
			b.settle()
			b.halt()
		}
	}
}

// C-34: StartAt says where the input begins, never where a changelog does. The rebuild begins at the recorded base (S-16),
// which is the end of the input at the first start.
func TestStartAtTheEndIsAboutTheInputAloneC34(t *testing.T) {
	b := newBench(t, 1)
	app := counting(processor.StartAt(processor.End))
	b.create("events", 1)
	b.put("events", 0, sameRecord(5, "old")...)
	b.start(app)
	b.settle()
	for i := range 1000 {
		b.put("events", 0, sameRecord(1, fmt.Sprint("key-", i))...)
	}
	b.settle()
	if got := rows(b, app, counts); len(got) != 1000 || slices.Contains(got, "old=5") {
		t.Errorf("%d rows, want the 1000 keys behind the end at the first start", len(got))
	}
	b.halt()
	b.wipe()
	b.start(app)
	b.put("events", 0, sameRecord(1, "key-7")...)
	b.settle()
	if got := value(b, app, counts, "key-7"); got != 2 {
		t.Errorf("key-7 = %d after the wipe, want 2", got)
	}
	if r := b.rebuild(app, "counter"); !r.Equal || !r.Serving || r.Records != 1001 || r.Entries != 1000 {
		t.Errorf("rebuild: %v", r)
	}
}

// C-38: restarts after one record, after none, and with 1,000 sent while stopped.
func TestRestartsNeitherSkipNorRepeatC38(t *testing.T) {
	b := newBench(t, 1)
	app := counting()
	for range 3 {
		b.start(app)
		send(b, events, "m", 0)
		b.settle()
		b.halt()
	}
	for range 3 {
		b.start(app)
		b.settle()
		b.halt()
	}
	send(b, events, "m", make([]int64, 1000)...)
	b.start(app)
	b.settle()
	if got := value(b, app, counts, "m"); got != 1003 {
		t.Errorf("m = %d, want 1003", got)
	}
}

// C-40: nothing is handled past a transaction that is open, and all of both is once it is decided. A's last record reaches
// the log behind B's, which it is handled behind then.
func TestNothingIsHandledPastAnOpenTransactionC40(t *testing.T) {
	app := topology.MustNew("app", processor.New("echo", processor.On(orders, func(ctx processor.Context, key, what string) error {
		said.Emit(ctx, key, what)
		return nil
	}), processor.Emits(said)))
	for _, commits := range []bool{true, false} {
		b := newBench(t, 1)
		b.create("orders", 1)
		b.start(app)
		b.settle()
		p := commitlog.Partition{Topic: "orders"}
		write := func(tx commitlog.Transactor, values ...string) {
			t.Helper()
			for _, v := range values {
				if err := tx.Append(b.context(), p, []commitlog.Record{{Key: []byte("k"), Value: []byte(v), Timestamp: -1}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		first, second := b.transactor(t, "a", time.Minute), b.transactor(t, "b", time.Minute)
		write(first, "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "a10")
		b.awaitWritten(p, 10)
		write(second, "b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9")
		if _, err := second.Commit(b.context()); err != nil {
			t.Fatal(err)
		}
		if stable, high := b.offset("orders", 0, commitlog.End, commitlog.ReadCommitted),
			b.offset("orders", 0, commitlog.End, commitlog.ReadUncommitted); stable != 0 || high != 21 {
			t.Fatalf("stable offset %d, end %d; want 0 and 21: ten of A, ten of B and a marker", stable, high)
		}
		if got := b.answers(); len(got) != 0 {
			t.Errorf("handled before A is decided: %v", got)
		}
		want := "b0 b1 b2 b3 b4 b5 b6 b7 b8 b9"
		if commits {
			want = "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 " + want + " a10"
			if _, err := first.Commit(b.context()); err != nil {
				t.Fatal(err)
			}
		} else if err := first.Abort(b.context()); err != nil {
			t.Fatal(err)
		}
		b.settle()
		if got := strings.Join(b.answers(), " "); got != want {
			t.Errorf("A commits %v: handled %s, want %s", commits, got, want)
		}
	}
}

// C-20: a kill during the back-off of record 0; it is tried again, and all ten records take effect once and in order. The
// back-off of the first life has no end, so that the kill falls into it.
func TestAKillDuringABackOffLosesNothingC20(t *testing.T) {
	failed := make(chan struct{}, 1)
	attempts := map[int64]int{}
	app := func(backoff time.Duration) *topology.Topology {
		return topology.MustNew("app", processor.New("trier", processor.On(events, func(ctx processor.Context, key string, n int64) error {
			attempts[n]++
			totals.Emit(ctx, key, n)
			if n < 2 && attempts[n] < 3 {
				select {
				case failed <- struct{}{}:
				default:
				}
				return errors.New("not yet")
			}
			return nil
		}), processor.Emits(totals), processor.OnError(processor.ErrorPolicy{Retries: 2, Backoff: backoff, MaxBackoff: backoff})))
	}
	b := newBench(t, 1)
	b.create("events", 1)
	send(b, events, "k", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	b.start(app(time.Hour))
	select {
	case <-failed:
	case <-b.context().Done():
		t.Fatal("record 0 is not tried")
	}
	b.kill()
	b.start(app(time.Millisecond))
	b.settle()
	var got []int64
	for _, r := range b.records("totals") {
		n, err := codec.Int64.Decode(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n)
	}
	if !slices.Equal(got, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("took effect: %v, want 0 to 9 once each", got)
	}
	for n, a := range attempts {
		if want := map[bool]int{true: 3, false: 1}[n < 2]; a != want {
			t.Errorf("record %d: %d attempts over both lives, want %d", n, a, want)
		}
	}
}
