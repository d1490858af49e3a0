package topologytest_test

import (
	"errors"
	"maps"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/topologytest"
	"github.com/millrun/millrun/worker"
)

// What can be held wrong in a handler, and what then happens: the record has changed nothing, its error says what to do, and
// the records around it are handled.
func TestMisuseInAHandlerIsTheRecordsError(t *testing.T) {
	undeclared := processor.NewTable("undeclared", codec.String, codec.Int64)
	elsewhere := processor.NewStream("elsewhere", codec.String, codec.Int64)
	for _, c := range []struct {
		name string
		do   func(ctx processor.Context) error
		want string
	}{
		{"undeclared table", func(ctx processor.Context) error { undeclared.Put(ctx, "alice", 1); return nil },
			"processor careless uses table undeclared (misuse_test.go:"},
		{"undeclared stream", func(ctx processor.Context) error { elsewhere.Emit(ctx, "alice", 1); return nil },
			"processor careless emits to elsewhere (misuse_test.go:"},
		{"key of another partition", func(ctx processor.Context) error { counts.Put(ctx, "bob", 1); return nil },
			"belongs to partition 2, this task has partition 1: send it there with a NewInternalStream"},
		{"reading a key of another partition", func(ctx processor.Context) error { counts.Get(ctx, "bob"); return nil },
			`key "bob" of table clicks-per-user belongs to partition 2`},
		{"panic", func(processor.Context) error { panic("over the edge") }, "panic at misuse_test.go:LINE: over the edge"},
		//lint:ignore SA5000 the panic is what is tested
		{"nil map", func(processor.Context) error { var m map[string]int; m["a"] = 1; return nil }, "panic at misuse_test.go:LINE: assignment to entry in nil map"},
		{"nil pointer", func(processor.Context) error { var c *click; c.URL = ""; return nil }, "panic at misuse_test.go:LINE: runtime error: invalid memory address"},
		{"panic in the standard library", func(processor.Context) error { _ = strings.Repeat("x", -1); return nil }, "panic at misuse_test.go:LINE: strings: negative Repeat count"},
		{"Goexit", func(processor.Context) error { runtime.Goexit(); return nil }, "Goexit"},
		{"error", func(processor.Context) error { return errors.New("no such page") }, "no such page"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want = strings.ReplaceAll(c.want, "LINE", strconv.Itoa(lineOf(c.do)))
			out := processor.NewStream("out", codec.String, codec.Int64)
			app := topology.MustNew("clicks", processor.New("careless",
				processor.On(clicks, func(ctx processor.Context, user string, v click) error {
					if err := count(ctx, user, v); err != nil || v.URL != "bad" {
						return err
					}
					out.Emit(ctx, user, 1)
					return c.do(ctx)
				}),
				processor.Owns(counts), processor.Emits(out), processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter})))
			h := topologytest.New(t, app, topologytest.Config{})
			in := topologytest.Stream(h, clicks)
			for _, url := range []string{"", "bad", ""} {
				in.Send("alice", click{url})
			}
			letters := in.DeadLetters()
			if len(letters) != 1 || !strings.Contains(letters[0].Error, c.want) || letters[0].Position.String() != "clicks/1@1" {
				t.Errorf("dead letters are %+v, want one at clicks/1@1 with %q", letters, c.want)
			}
			if got := maps.Collect(topologytest.Table(h, counts).All()); !maps.Equal(got, map[string]int64{"alice": 2}) {
				t.Errorf("the table is %v, want what the good records did", got)
			}
			if got := topologytest.Stream(h, out).Records(); len(got) != 0 {
				t.Errorf("the bad record emitted %+v", got)
			}
		})
	}
}

// The place of a panic is told wherever a stop shows.
func TestAPanicShowsItsPlaceInEveryReport(t *testing.T) {
	app := topology.MustNew("clicks", processor.New("careless", processor.On(clicks, func(processor.Context, string, click) error {
		var seen map[string]bool
		//lint:ignore SA5000 the panic is what is tested
		seen["a"] = true
		return nil
	})))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 1})
	topologytest.Stream(h, clicks).Send("alice", click{})
	if err := h.Err(); err == nil || !strings.Contains(err.Error(), "task stopped at clicks/0@0: panic at misuse_test.go:") {
		t.Errorf("Err is %v, want the place of the panic", err)
	}
}

// C-65: a nil key is an error on a keyed stream, an empty key is a key, and a stream without keys takes all.
func TestNilAndEmptyKeysAreTwoThings(t *testing.T) {
	loose := processor.NewStream("clicks", codec.Unkeyed, codec.String)
	keyed := processor.NewStream("clicks", codec.String, codec.String)
	passed := processor.NewStream("passed", codec.Unkeyed, codec.String)
	app := topology.MustNew("keys",
		processor.New("counter", processor.On(keyed, func(ctx processor.Context, key, _ string) error { return count(ctx, key, click{}) }),
			processor.Owns(counts), processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter})),
		processor.New("passer", processor.On(loose, func(ctx processor.Context, _ struct{}, v string) error {
			passed.Emit(ctx, struct{}{}, v)
			return nil
		}), processor.Emits(passed)))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 1})
	in := topologytest.Stream(h, keyed)
	for i := range 10 {
		key := []byte("k")
		switch i {
		case 2, 7:
			key = nil
		case 5:
			key = []byte{}
		}
		in.SendBytes(0, key, []byte("v"))
	}
	h.Crash()
	letters := in.DeadLetters()
	if len(letters) != 2 || letters[0].Position.Offset != 2 || letters[1].Position.Offset != 7 || letters[0].Key != nil ||
		!strings.Contains(letters[0].Error, "nil key") {
		t.Errorf("dead letters are %+v, want offsets 2 and 7 with nil keys", letters)
	}
	if got := maps.Collect(topologytest.Table(h, counts).All()); !maps.Equal(got, map[string]int64{"k": 7, "": 1}) {
		t.Errorf("the table is %v, want k 7 times and the empty key once", got)
	}
	if got := topologytest.Stream(h, passed).Records(); len(got) != 10 {
		t.Errorf("the stream without keys passed %d records, want 10", len(got))
	}
}

func TestATombstoneWithoutHandlerGoesThePolicysWay(t *testing.T) {
	app := topology.MustNew("clicks", processor.New("click-counter", processor.On(clicks, count), processor.Owns(counts),
		processor.OnError(processor.ErrorPolicy{Retries: 5, Then: processor.Skip})))
	h := topologytest.New(t, app, topologytest.Config{})
	in := topologytest.Stream(h, clicks)
	in.Send("alice", click{})
	start := h.Now()
	in.SendTombstone("alice")
	in.Send("alice", click{})
	if got, _ := topologytest.Table(h, counts).Get("alice"); got != 2 {
		t.Errorf("alice has %d clicks, want 2: the tombstone is skipped", got)
	}
	if !h.Now().Equal(start) {
		t.Error("a tombstone was retried, though nothing can mend it")
	}
}

func TestAKeptContextStopsTheTask(t *testing.T) {
	var kept []processor.Context
	app := topology.MustNew("clicks", processor.New("keeper",
		processor.On(clicks, func(ctx processor.Context, user string, c click) error {
			for _, old := range kept {
				counts.Put(old, user, 100)
			}
			kept = append(kept, ctx)
			return count(ctx, user, c)
		}), processor.Owns(counts), processor.OnError(processor.ErrorPolicy{Then: processor.Skip})))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 1})
	in := topologytest.Stream(h, clicks)
	in.Send("alice", click{})
	in.Send("alice", click{})
	err := h.Err()
	if !errors.Is(err, worker.ErrStopped) || !strings.Contains(err.Error(), "do not keep it, nor pass it to a goroutine (misuse_test.go:") {
		t.Errorf("Err is %v, want that a kept Context was used, and where", err)
	}
	if got, _ := topologytest.Table(h, counts).Get("alice"); got != 1 {
		t.Errorf("alice has %d clicks, want 1: the kept Context changed nothing", got)
	}
}

func TestAChangeToWhatGetGaveDoesNotCount(t *testing.T) {
	lists := processor.NewTable("lists", codec.String, codec.JSON[[]string]())
	app := topology.MustNew("clicks", processor.New("lister", processor.On(clicks, func(ctx processor.Context, user string, c click) error {
		list, ok := lists.Get(ctx, user)
		if !ok {
			lists.Put(ctx, user, []string{"first"})
			return nil
		}
		list[0] = "changed" // only Put keeps it
		again, _ := lists.Get(ctx, user)
		again = append(again, c.URL)
		lists.Put(ctx, user, again)
		again[0] = "changed" // Put has encoded already
		return nil
	}), processor.Owns(lists)))
	h := topologytest.New(t, app, topologytest.Config{})
	in := topologytest.Stream(h, clicks)
	in.Send("alice", click{})
	in.Send("alice", click{"a"})
	h.Crash()
	in.Send("alice", click{"b"})
	if got, _ := topologytest.Table(h, lists).Get("alice"); strings.Join(got, " ") != "first a b" {
		t.Errorf("the list is %q", got)
	}
}

// S-68, C-49: a key that another partitioner has placed stops the task, whatever OnError says.
func TestAForeignPartitionStopsTheTask(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		in := clicks
		if allowed {
			in = clicks.AllowForeignPartitions()
		}
		app := topology.MustNew("clicks", processor.New("click-counter", processor.On(in, func(processor.Context, string, click) error { return nil }),
			processor.OnError(processor.ErrorPolicy{Then: processor.Skip})))
		h := topologytest.New(t, app, topologytest.Config{})
		topologytest.Stream(h, clicks).SendBytes(0, []byte("bob"), []byte(`{"URL":""}`)) // fnv1a's choice; murmur2 says 2
		err := h.Err()
		switch {
		case allowed && err != nil:
			t.Errorf("an allowed foreign partition gives %v", err)
		case !allowed && (!errors.Is(err, worker.ErrStopped) || !strings.Contains(err.Error(), "murmur2 puts it into 2 of 4")):
			t.Errorf("Err is %v, want a stop that names both partitions", err)
		}
	}
}

// S-32: the same Version with another shape is refused, and the difference is told.
func TestAnotherShapeUnderTheSameVersionIsRefused(t *testing.T) {
	h := topologytest.New(t, counting, topologytest.Config{})
	topologytest.Stream(h, clicks).Send("alice", click{})
	renamed := processor.NewTable("clicks-by-user", codec.String, codec.Int64)
	h.Deploy(topology.MustNew("clicks", processor.New("click-counter",
		processor.On(clicks, func(processor.Context, string, click) error { return nil }), processor.Owns(renamed))))
	err := h.Err()
	var refused *worker.FingerprintError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "table clicks-per-user is gone") || !strings.Contains(err.Error(), "table clicks-by-user is new") {
		t.Errorf("Err is %v, want the difference", err)
	}
	h.Deploy(counting)
	if got, _ := topologytest.Table(h, counts).Get("alice"); got != 1 {
		t.Errorf("alice has %d clicks after the old program is back, want 1", got)
	}
}
