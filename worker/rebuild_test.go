package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// history is sensitive to the order in which its two inputs are taken: it keeps the sequence itself.
var (
	payments = processor.NewStream("payments", codec.String, codec.String)
	refunds  = processor.NewStream("refunds", codec.String, codec.String)
	history  = processor.NewTable("history", codec.String, codec.String)
	alerts   = processor.NewStream("alerts", codec.String, codec.String)
)

func historyApp(edges ...processor.Edge) *topology.Topology {
	note := func(ctx processor.Context, key, what string) error {
		h, _ := history.Get(ctx, key)
		h += what + " "
		history.Put(ctx, key, h)
		alerts.Emit(ctx, key, h)
		return nil
	}
	return topology.MustNew("hist", processor.New("history", append([]processor.Edge{
		processor.On(payments, note), processor.On(refunds, note),
		processor.Owns(history), processor.Emits(alerts),
	}, edges...)...))
}

func (b *bench) rebuild(app *topology.Topology, name string, c edition.RebuildConfig) edition.Result {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	e, err := edition.Open(ctx, app, b.log, name)
	if err != nil {
		b.t.Fatal(err)
	}
	defer e.Close()
	r, err := e.Rebuild(ctx, c)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// records counts what read_committed sees in a topic.
func (b *bench) records(topic string) (values []string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := b.log.OpenReader(ctx, commitlog.ReaderConfig{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	ts, err := b.log.Topics(ctx, topic)
	if err != nil {
		b.t.Fatal(err)
	}
	left := map[int32]int64{}
	for p := range ts[0].Partitions {
		part := commitlog.Partition{Topic: topic, Index: p}
		end, err := b.log.Offsets(ctx, []commitlog.Partition{part}, commitlog.End, commitlog.ReadCommitted)
		if err != nil {
			b.t.Fatal(err)
		}
		if end[0].Offset > 0 {
			left[p] = end[0].Offset
			r.Seek(part, 0)
		}
	}
	for len(left) > 0 {
		batch, err := r.Poll(ctx, time.Second)
		if err != nil {
			b.t.Fatal(err)
		}
		if batch == nil {
			continue
		}
		for _, rec := range batch.Records {
			values = append(values, string(rec.Value))
		}
		if batch.Next >= left[batch.Partition.Index] {
			delete(left, batch.Partition.Index)
		}
		batch.Release()
	}
	return values
}

func TestARebuildRepeatsTheRecordedOrderAndEmitsNothing(t *testing.T) {
	b := newBench(t)
	app := historyApp()
	w, _ := b.run(app, nil)
	for i := range 30 {
		key := fmt.Sprint("k", i%3)
		if i%2 == 0 {
			send(b, payments, key, fmt.Sprint("p", i))
		} else {
			send(b, refunds, key, fmt.Sprint("r", i))
		}
		if i%4 == 0 {
			b.settle(w)
		}
	}
	b.settle(w)
	before := read(b, app, history)
	emitted := len(b.records("alerts"))
	if emitted != 30 {
		t.Fatalf("%d alerts before the rebuild, want 30", emitted)
	}
	for n := 2; n <= 4; n++ {
		r := b.rebuild(app, "history", edition.RebuildConfig{})
		if !r.Serving || !r.Equal || r.Edition != n || r.Records != 30 || r.Fenced != 30 || r.Entries != 3 || r.Class != topology.Exact {
			t.Fatalf("rebuild %d: %+v", n, r)
		}
		b.settle(w)
		if after := read(b, app, history); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Fatalf("edition %d has\n%v, want\n%v", n, after, before)
		}
	}
	send(b, payments, "k0", "last")
	b.settle(w)
	if got := read(b, app, history)["k0"]; got != before["k0"]+"last " {
		t.Errorf("k0 = %q after one more record", got)
	}
	if got := len(b.records("alerts")); got != emitted+1 {
		t.Errorf("%d alerts after three rebuilds and one record, want %d", got, emitted+1)
	}
}

// editions lists the editions of a processor.
func (b *bench) editions(app *topology.Topology, name string) []edition.Info {
	b.t.Helper()
	e, err := edition.Open(context.Background(), app, b.log, name)
	if err != nil {
		b.t.Fatal(err)
	}
	defer e.Close()
	list, err := e.List(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

func TestARebuildOfAHandlerThatReadsTheOutsideIsCancelledAndNamesTheKeys(t *testing.T) {
	b := newBench(t)
	outside := int64(0)
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, user string, n int64) error {
			outside++
			counts.Put(ctx, user, outside)
			return nil
		}), processor.Owns(counts)))
	var said lines
	w, _ := b.run(app, func(c *worker.Config) {
		c.Partitions, c.Logger = 1, slog.New(slog.NewJSONHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	b.createTopic("clicks", 1)
	send(b, clicks, "a", 0, 0)
	b.settle(w)
	r := b.rebuild(app, "counter", edition.RebuildConfig{})
	if r.Serving || r.Equal || r.Differing != 1 || len(r.Differences) != 1 || string(r.Differences[0].Key) != "a" || r.Differences[0].Table != "counts" {
		t.Errorf("got %+v", r)
	}
	const first = `1 key differs, the first "a" of table counts`
	if !strings.Contains(r.String(), first) {
		t.Errorf("the result is told as %q, want %q in it", r, first)
	}
	const reason = `1 key differs from edition 1, the first "a" of table counts`
	if list := b.editions(app, "counter"); len(list) != 2 || list[1].State != edition.Cancelled || list[1].Reason != reason {
		t.Errorf("editions: %+v, want the second cancelled because %s", list, reason)
	}
	eventually(t, "the worker's word about it", func() bool { return len(said.messages(t)["build ends without a switch"]) > 0 })
	if warned := said.messages(t)["build ends without a switch"]; len(warned) != 1 || warned[0]["level"] != "WARN" || warned[0]["reason"] != reason {
		t.Errorf("the worker warns of %v, want one with the reason %s", warned, reason)
	}
	send(b, clicks, "a", 0)
	b.settle(w)
	if got := read(b, app, counts)["a"]; got != 5 {
		t.Errorf("a = %d: the old edition should go on serving, want 5", got)
	}
}

func (b *bench) createTopic(name string, partitions int32) {
	_ = b.log.CreateTopic(context.Background(), commitlog.TopicSpec{Name: name, Partitions: partitions}) // may exist
}

// C-10, C-12: rebuilding again and again in one process.
func TestAChangedVersionBuildsAndSwitchesByItself(t *testing.T) {
	b := newBench(t)
	v1 := topology.MustNew("app", countProcessor())
	w, stop := b.run(v1, nil)
	for i := range 7 {
		send(b, clicks, fmt.Sprint("u", i), make([]int64, 10)...)
	}
	b.settle(w)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	v2 := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, user string, n int64) error {
			have, _ := counts.Get(ctx, user)
			counts.Put(ctx, user, have+100)
			echo.Emit(ctx, user, have+100)
			return nil
		}),
		processor.Owns(counts), processor.Emits(echo), processor.Version("2")))
	w, _ = b.run(v2, nil)
	b.settle(w)
	for k, n := range read(b, v2, counts) {
		if n != 1000 {
			t.Errorf("%s = %d after the rebuild by version 2, want 1000", k, n)
		}
	}
	if got := len(b.records("echo")); got != 70 {
		t.Errorf("%d records in echo, want the 70 of version 1: a rebuild emits nothing", got)
	}
	send(b, clicks, "u0", 0)
	b.settle(w)
	if got := read(b, v2, counts)["u0"]; got != 1100 {
		t.Errorf("u0 = %d, want 1100", got)
	}
	if got := len(b.records("echo")); got != 71 {
		t.Errorf("%d records in echo, want 71", got)
	}
}

func TestAnotherShapeUnderTheSameVersionIsRefusedWithTheDifference(t *testing.T) {
	b := newBench(t)
	w, stop := b.run(topology.MustNew("app", countProcessor()), nil)
	send(b, clicks, "a", 1)
	b.settle(w)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	other := processor.NewTable("sums", codec.String, codec.Int64)
	_, _, ended := b.start(topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, user string, n int64) error { return nil }),
		processor.Owns(other), processor.Emits(echo))), nil)
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "table counts is gone") || !strings.Contains(err.Error(), "table sums is new") {
		t.Errorf("got %v", err)
	}
}

func TestInternalStreamsMoveDataToAnotherKeyAndSurviveARebuild(t *testing.T) {
	b := newBench(t)
	lines := processor.NewStream("lines", codec.Unkeyed, codec.String)
	words := processor.NewInternalStream("words", codec.String, codec.Empty)
	app := topology.MustNew("wc", processor.New("wordcount",
		processor.On(lines, func(ctx processor.Context, _ struct{}, line string) error {
			for _, w := range strings.Fields(line) {
				words.Emit(ctx, w, struct{}{})
			}
			return nil
		}),
		processor.On(words, func(ctx processor.Context, w string, _ struct{}) error {
			n, _ := counts.Get(ctx, w)
			counts.Put(ctx, w, n+1)
			return nil
		}),
		processor.Emits(words), processor.Owns(counts)))
	w, _ := b.run(app, nil)
	for range 25 {
		send(b, lines, struct{}{}, "the cat and the dog", "a dog")
	}
	b.settle(w)
	want := fmt.Sprint(map[string]int64{"the": 50, "cat": 25, "and": 25, "dog": 50, "a": 25})
	if got := fmt.Sprint(read(b, app, counts)); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	r := b.rebuild(app, "wordcount", edition.RebuildConfig{})
	if !r.Serving || !r.Equal || r.Entries != 5 || r.Class != topology.OrderDependent {
		t.Fatalf("got %+v", r)
	}
	send(b, lines, struct{}{}, "cat")
	b.settle(w)
	if got := read(b, app, counts)["cat"]; got != 26 {
		t.Errorf("cat = %d, want 26", got)
	}
}

// S-36: an edition that cannot stop, here because a task stands at a record of an internal stream, goes on when its time is up.
func TestARebuildGivesUpWhenTheServingEditionCannotStop(t *testing.T) {
	b := newBench(t)
	b.createTopic("lines", 1)
	lines := processor.NewStream("lines", codec.Unkeyed, codec.String)
	words := processor.NewInternalStream("words", codec.String, codec.Empty)
	app := topology.MustNew("wc", processor.New("wordcount",
		processor.On(lines, func(ctx processor.Context, _ struct{}, line string) error {
			words.Emit(ctx, line, struct{}{})
			return nil
		}),
		processor.On(words, func(ctx processor.Context, w string, _ struct{}) error {
			if w == "bad" {
				return errors.New("no such word")
			}
			counts.Put(ctx, w, 1)
			return nil
		}),
		processor.Emits(words), processor.Owns(counts)))
	w, stop := b.run(app, func(c *worker.Config) { one(c); c.SwitchTimeout = 200 * time.Millisecond })
	send(b, lines, struct{}{}, "good", "bad", "behind")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.Settled(ctx); !errors.Is(err, worker.ErrStopped) {
		t.Fatal(err)
	}
	e, err := edition.Open(ctx, app, b.log, "wordcount")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Rebuild(ctx, edition.RebuildConfig{}); err == nil || !strings.Contains(err.Error(), "did not stop within 200ms") ||
		!strings.Contains(err.Error(), "no such word") {
		t.Errorf("got %v", err)
	}
	if got := read(b, app, counts)["good"]; got != 1 {
		t.Errorf("good = %d after the build was given up", got)
	}
	if err := stop(); err == nil || !strings.Contains(err.Error(), "no such word") {
		t.Errorf("Run: %v", err)
	}
}

// A program of another shape makes nothing for the edition that it replaces: what it declares is not what that one had.
func TestAChangedShapeMakesNothingForTheOldEdition(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	w, stop := b.run(topology.MustNew("app", countProcessor()), one)
	send(b, clicks, "a", 1, 1)
	b.settle(w)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	extra := processor.NewTable("extra", codec.String, codec.Int64)
	moved := processor.NewInternalStream("moved", codec.String, codec.Int64)
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error { moved.Emit(ctx, key, n); return nil }),
		processor.On(moved, func(ctx processor.Context, key string, n int64) error {
			have, _ := extra.Get(ctx, key)
			extra.Put(ctx, key, have+n)
			return nil
		}),
		processor.Owns(extra), processor.Emits(moved), processor.Version("2")))
	w, _ = b.run(app, one)
	b.settle(w)
	if got := read(b, app, extra)["a"]; got != 2 {
		t.Errorf("a = %d, want 2", got)
	}
	for _, topic := range []string{"app.counter.extra.e1", "app.counter.moved.e1"} {
		if ts, err := b.log.Topics(context.Background(), topic); err == nil && len(ts) > 0 {
			t.Errorf("topic %s was made for an edition that never had it", topic)
		}
	}
}
