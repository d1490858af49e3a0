package topologytest_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/topologytest"
	"github.com/millrun/millrun/worker"
)

// Each test here shows one feature of Millrun as a story.

type click struct{ URL string }

var (
	clicks = processor.NewStream("clicks", codec.String, codec.JSON[click]())
	counts = processor.NewTable("clicks-per-user", codec.String, codec.Int64)
)

func count(ctx processor.Context, user string, _ click) error {
	n, _ := counts.Get(ctx, user)
	counts.Put(ctx, user, n+1)
	return nil
}

var counting = topology.MustNew("clicks", processor.New("click-counter", processor.On(clicks, count), processor.Owns(counts)))

// A table remembers, over a crash too.
func TestATableCountsOverACrash(t *testing.T) {
	h := topologytest.New(t, counting, topologytest.Config{})
	in := topologytest.Stream(h, clicks)
	in.Send("alice", click{})
	h.Crash()
	in.Send("alice", click{})
	in.Send("bob", click{})
	table := topologytest.Table(h, counts)
	if got, _ := table.Get("alice"); got != 2 {
		t.Errorf("alice has %d clicks, want 2", got)
	}
	if got := maps.Collect(table.All()); !maps.Equal(got, map[string]int64{"alice": 2, "bob": 1}) {
		t.Errorf("the table is %v", got)
	}
	if _, ok := table.Get("carol"); ok {
		t.Error("carol has clicks")
	}
}

// An internal stream moves data to another key, and to the partition where that key belongs.
func TestAnInternalStreamRekeys(t *testing.T) {
	lines := processor.NewStream("lines", codec.Unkeyed, codec.String)
	words := processor.NewInternalStream("words", codec.String, codec.Empty)
	seen := processor.NewTable("words-seen", codec.String, codec.Int64)
	app := topology.MustNew("wordcount", processor.New("wordcount",
		processor.On(lines, func(ctx processor.Context, _ struct{}, line string) error {
			for _, w := range strings.Fields(strings.ToLower(line)) {
				words.Emit(ctx, w, struct{}{})
			}
			return nil
		}),
		processor.On(words, func(ctx processor.Context, word string, _ struct{}) error {
			n, _ := seen.Get(ctx, word)
			seen.Put(ctx, word, n+1)
			return nil
		}),
		processor.Emits(words), processor.Owns(seen)))
	h := topologytest.New(t, app, topologytest.Config{})
	in := topologytest.Stream(h, lines)
	for _, line := range []string{"to be or not", "to be", "that is the question"} {
		in.Send(struct{}{}, line)
	}
	h.Crash()
	in.Send(struct{}{}, "be")
	want := map[string]int64{"to": 2, "be": 3, "or": 1, "not": 1, "that": 1, "is": 1, "the": 1, "question": 1}
	if got := maps.Collect(topologytest.Table(h, seen).All()); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// An internal stream may come back to the handler that emits it.
func TestAnInternalStreamLoops(t *testing.T) {
	starts := processor.NewStream("starts", codec.String, codec.Int64)
	hops := processor.NewInternalStream("hops", codec.String, codec.Int64)
	ends := processor.NewStream("ends", codec.String, codec.Int64)
	hop := func(ctx processor.Context, key string, left int64) error {
		if left > 0 {
			hops.Emit(ctx, key, left-1)
			return nil
		}
		ends.Emit(ctx, key, left)
		return nil
	}
	app := topology.MustNew("loop", processor.New("hopper", processor.On(starts, hop), processor.On(hops, hop), processor.Emits(hops, ends)))
	h := topologytest.New(t, app, topologytest.Config{})
	topologytest.Stream(h, starts).Send("a", 20)
	if got := topologytest.Stream(h, ends).Records(); len(got) != 1 || got[0].Key != "a" {
		t.Errorf("%+v came out, want one record of a", got)
	}
}

// A processor has several inputs, tables and outputs; what it emits carries timestamps and headers.
func TestSeveralInputsFeedOneTable(t *testing.T) {
	deposits := processor.NewStream("deposits", codec.String, codec.Int64)
	withdrawals := processor.NewStream("withdrawals", codec.String, codec.Int64)
	alerts := processor.NewStream("alerts", codec.String, codec.Int64)
	balances := processor.NewTable("balances", codec.String, codec.Int64)
	last := processor.NewTable("last-reason", codec.String, codec.String)
	change := func(ctx processor.Context, account string, by int64) {
		b, _ := balances.Get(ctx, account)
		balances.Put(ctx, account, b+by)
		if reason, ok := ctx.Header("reason"); ok {
			last.Put(ctx, account, string(reason))
		}
		if b+by < 0 {
			alerts.EmitWith(ctx, account, b+by, processor.Meta{Headers: []commitlog.Header{{Key: "was", Value: fmt.Append(nil, b)}}})
		}
	}
	app := topology.MustNew("bank", processor.New("accounts",
		processor.On(deposits, func(ctx processor.Context, a string, n int64) error { change(ctx, a, n); return nil }),
		processor.On(withdrawals, func(ctx processor.Context, a string, n int64) error { change(ctx, a, -n); return nil }),
		processor.Owns(balances, last), processor.Emits(alerts)))
	h := topologytest.New(t, app, topologytest.Config{})
	in, out := topologytest.Stream(h, deposits), topologytest.Stream(h, withdrawals)
	in.Send("alice", 10)
	at := h.Now().Add(time.Minute)
	out.SendAt("alice", 15, at)
	out.SendWith("alice", 1, processor.Meta{Headers: []commitlog.Header{{Key: "reason", Value: []byte("fee")}}})
	if got, _ := topologytest.Table(h, balances).Get("alice"); got != -6 {
		t.Errorf("alice has %d, want -6", got)
	}
	if got, _ := topologytest.Table(h, last).Get("alice"); got != "fee" {
		t.Errorf("the last reason is %q", got)
	}
	got := topologytest.Stream(h, alerts).Records()
	if len(got) != 2 || got[0].Value != -5 || got[1].Value != -6 {
		t.Fatalf("alerts are %+v", got)
	}
	if !got[0].Timestamp.Equal(at) || string(got[0].Headers[0].Value) != "10" {
		t.Errorf("the alert has time %v and headers %q, want those of its cause", got[0].Timestamp, got[0].Headers)
	}
	if !h.Now().Equal(at) {
		t.Errorf("the clock stands at %v, want the time of the latest SendAt", h.Now())
	}
}

// A record without a value deletes; EmitTombstone hands that on.
func TestATombstoneDeletes(t *testing.T) {
	profiles := processor.NewStream("profiles", codec.String, codec.String)
	names := processor.NewTable("names", codec.String, codec.String)
	copies := processor.NewStream("copies", codec.String, codec.String)
	app := topology.MustNew("people", processor.New("names",
		processor.On(profiles, func(ctx processor.Context, id, name string) error {
			names.Put(ctx, id, name)
			copies.Emit(ctx, id, name)
			return nil
		}),
		processor.OnTombstone(profiles, func(ctx processor.Context, id string) error {
			names.Delete(ctx, id)
			copies.EmitTombstone(ctx, id)
			return nil
		}),
		processor.Owns(names), processor.Emits(copies)))
	h := topologytest.New(t, app, topologytest.Config{})
	in := topologytest.Stream(h, profiles)
	in.Send("1", "ann")
	in.SendTombstone("1")
	if got, ok := topologytest.Table(h, names).Get("1"); ok {
		t.Errorf("1 is still %q", got)
	}
	if got := topologytest.Stream(h, copies).Records(); len(got) != 2 || !got[1].Tombstone {
		t.Errorf("the copies are %+v, want a value and a tombstone", got)
	}
}

// A record that fails is tried again after a wait, and the clock moves by just that wait.
func TestARecordIsRetriedAfterItsBackoff(t *testing.T) {
	attempts := map[string]int{}
	done := processor.NewTable("done", codec.String, codec.Int64)
	app := topology.MustNew("clicks", processor.New("flaky",
		processor.On(clicks, func(ctx processor.Context, user string, _ click) error {
			n, _ := done.Get(ctx, user)
			done.Put(ctx, user, n+1) // of a failed attempt nothing remains
			if attempts[user]++; attempts[user] < 3 {
				return errors.New("not yet")
			}
			return nil
		}),
		processor.Owns(done), processor.OnError(processor.ErrorPolicy{Retries: 2, Backoff: time.Second})))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 1})
	topologytest.Stream(h, clicks).Send("alice", click{})
	start := h.Now()
	if got, ok := topologytest.Table(h, done).Get("alice"); !ok || got != 1 {
		t.Errorf("alice is %d (%v), want what the third attempt alone did", got, ok)
	}
	if waited := h.Now().Sub(start); waited != 3*time.Second {
		t.Errorf("the clock moved by %v, want 1 s and 2 s", waited)
	}
}

// A record that nobody can handle goes to the dead letters, with its bytes and its place, and the others go on.
func TestAPoisonRecordBecomesADeadLetter(t *testing.T) {
	app := topology.MustNew("clicks", processor.New("click-counter",
		processor.On(clicks, count), processor.Owns(counts), processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter})))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 1})
	in := topologytest.Stream(h, clicks)
	in.Send("alice", click{})
	in.SendBytes(0, []byte("alice"), []byte("\xff\xfe"))
	in.Send("alice", click{})
	for range 2 {
		letters := in.DeadLetters()
		if len(letters) != 1 || string(letters[0].Value) != "\xff\xfe" || letters[0].Position.String() != "clicks/0@1" ||
			!strings.Contains(letters[0].Error, "stream clicks: the value does not decode") {
			t.Errorf("dead letters are %+v", letters)
		}
		if got, _ := topologytest.Table(h, counts).Get("alice"); got != 2 {
			t.Errorf("alice has %d clicks, want 2", got)
		}
		h.Crash() // makes no second letter
	}
}

// Without a policy the task stops at the record and says where; other partitions go on.
func TestAFailingRecordStopsItsTaskAlone(t *testing.T) {
	app := topology.MustNew("clicks", processor.New("picky",
		processor.On(clicks, func(ctx processor.Context, user string, c click) error {
			if c.URL == "bad" {
				return errors.New("no such page")
			}
			return count(ctx, user, c)
		}), processor.Owns(counts)))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 4}) // alice lives in partition 1, bob in 2
	in := topologytest.Stream(h, clicks)
	in.Send("alice", click{"bad"})
	err := h.Err() // from here on it is part of the story
	in.Send("alice", click{})
	in.Send("bob", click{})
	if !errors.Is(err, worker.ErrStopped) || !strings.Contains(err.Error(), "clicks/1@0") || !strings.Contains(err.Error(), "no such page") {
		t.Errorf("Err is %v, want where and why", err)
	}
	if got := maps.Collect(topologytest.Table(h, counts).All()); !maps.Equal(got, map[string]int64{"bob": 1}) {
		t.Errorf("the table is %v, want bob alone", got)
	}
}

// A raised Version is rebuilt from offset zero by the new code; nothing is emitted twice.
func TestANewVersionRebuildsThePast(t *testing.T) {
	sales := processor.NewStream("sales", codec.String, codec.Int64)
	totals := processor.NewTable("totals", codec.String, codec.Int64)
	receipts := processor.NewStream("receipts", codec.String, codec.Int64)
	program := func(version string, add func(total, cents int64) int64) *topology.Topology {
		return topology.MustNew("shop", processor.New("totals",
			processor.On(sales, func(ctx processor.Context, shop string, cents int64) error {
				total, _ := totals.Get(ctx, shop)
				totals.Put(ctx, shop, add(total, cents))
				receipts.Emit(ctx, shop, cents)
				return nil
			}),
			processor.Owns(totals), processor.Emits(receipts), processor.Version(version)))
	}
	h := topologytest.New(t, program("1", func(total, cents int64) int64 { return total + max(0, cents) }), topologytest.Config{})
	in := topologytest.Stream(h, sales)
	in.Send("a", 10)
	in.Send("a", -4)
	if got, _ := topologytest.Table(h, totals).Get("a"); got != 10 {
		t.Errorf("the old program says %d, want 10", got)
	}
	h.Deploy(program("2", func(total, cents int64) int64 { return total + cents }))
	in.Send("a", 1)
	if got, _ := topologytest.Table(h, totals).Get("a"); got != 7 {
		t.Errorf("the new program says %d, want 7", got)
	}
	if got := topologytest.Stream(h, receipts).Records(); len(got) != 3 {
		t.Errorf("%d receipts, want one per sale", len(got))
	}
}

// A rebuild by the same code gives the same tables.
func TestARebuildGivesTheSameTables(t *testing.T) {
	h := topologytest.New(t, counting, topologytest.Config{})
	in := topologytest.Stream(h, clicks)
	for i := range 20 {
		in.Send(fmt.Sprint("user", i%5), click{})
	}
	h.Rebuild("click-counter")
	in.Send("user0", click{})
	if got, _ := topologytest.Table(h, counts).Get("user0"); got != 5 {
		t.Errorf("user0 has %d clicks, want 5", got)
	}
}

// StartAt(End) begins behind what is there at the first start.
func TestStartAtEndSkipsThePast(t *testing.T) {
	feeder := topology.MustNew("feeder", processor.New("feeder", processor.On(clicks, func(processor.Context, string, click) error { return nil })))
	late := topology.MustNew("late", processor.New("late", processor.On(clicks, count), processor.Owns(counts), processor.StartAt(processor.End)))
	h := topologytest.New(t, feeder, topologytest.Config{})
	in := topologytest.Stream(h, clicks)
	in.Send("alice", click{})
	h.Deploy(late)
	in.Send("alice", click{})
	h.Crash() // the start is remembered
	in.Send("alice", click{})
	if got, _ := topologytest.Table(h, counts).Get("alice"); got != 2 {
		t.Errorf("alice has %d clicks, want the 2 after the first start", got)
	}
}

// Ranges run over the keys of the task's partition in the order of their values.
func TestRangesInAHandlerGoByValue(t *testing.T) {
	asks := processor.NewStream("asks", codec.String, codec.String)
	numbers := processor.NewTable("numbers", codec.Int64, codec.String)
	answers := processor.NewStream("answers", codec.String, codec.String)
	app := topology.MustNew("ranges", processor.New("ranges", processor.On(asks, func(ctx processor.Context, key, ask string) error {
		for _, n := range []int64{5, -1, 0, -5, 1} {
			numbers.Put(ctx, n, fmt.Sprint(n))
		}
		var found []string
		for _, v := range numbers.Range(ctx, -2, 2) {
			found = append(found, v)
		}
		answers.Emit(ctx, key, strings.Join(found, " "))
		return nil
	}), processor.Owns(numbers), processor.Emits(answers)))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 1})
	topologytest.Stream(h, asks).Send("a", "")
	h.Crash() // the second answer comes from the disk
	topologytest.Stream(h, asks).Send("a", "")
	for _, r := range topologytest.Stream(h, answers).Records() {
		if r.Value != "-1 0 1" {
			t.Errorf("the range is %q, want -1 0 1", r.Value)
		}
	}
	var all []int64
	for n := range topologytest.Table(h, numbers).All() {
		all = append(all, n)
	}
	if !slices.Equal(all, []int64{-5, -1, 0, 1, 5}) {
		t.Errorf("the table is %v", all)
	}
}
