package topologytest_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/topologytest"
)

// actor takes the faults of a story that is meant to fail.
// It says of each where the testing package would have it: at the first caller that is no helper.
type actor struct {
	testing.TB
	helpers map[string]bool
	errors  []string
	cleanup []func()
}

func (a *actor) Helper() {
	if a.helpers == nil {
		a.helpers = map[string]bool{}
	}
	a.helpers[callers()[0].Function] = true
}

func (a *actor) Cleanup(f func()) { a.cleanup = append(a.cleanup, f) }
func (a *actor) Failed() bool     { return len(a.errors) > 0 }
func (a *actor) Errorf(format string, args ...any) {
	for _, f := range callers() {
		if !a.helpers[f.Function] {
			a.errors = append(a.errors, fmt.Sprintf("%s:%d: %s", filepath.Base(f.File), f.Line, fmt.Sprintf(format, args...)))
			return
		}
	}
}

// callers are those of the actor's method.
func callers() (list []runtime.Frame) {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.Contains(f.Function, "topologytest_test.(*actor)") {
			list = append(list, f)
		}
		if !more {
			return list
		}
	}
}
func (a *actor) Fatalf(format string, args ...any) {
	a.Errorf(format, args...)
	panic(a)
}

// play runs a story to its end and gives its faults.
func play(t *testing.T, story func(t testing.TB)) string {
	t.Helper()
	a := &actor{TB: t}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(a) {
				panic(p)
			}
		}()
		story(a)
	}()
	for _, f := range slices.Backward(a.cleanup) {
		f()
	}
	return strings.Join(a.errors, "\n")
}

func TestAStoryFailsWhenItShould(t *testing.T) {
	failing := func(policy processor.ErrorPolicy) *topology.Topology {
		return topology.MustNew("clicks", processor.New("failing", processor.On(clicks, func(processor.Context, string, click) error {
			return fmt.Errorf("no such page")
		}), processor.OnError(policy)))
	}
	calls := 0
	moody := topology.MustNew("clicks", processor.New("moody", processor.On(clicks, func(ctx processor.Context, user string, _ click) error {
		calls++
		counts.Put(ctx, user, int64(calls)) // not a function of the record
		return nil
	}), processor.Owns(counts)))
	for _, c := range []struct {
		name  string
		story func(t testing.TB)
		want  string
	}{
		{"a task stops and nobody asks", func(t testing.TB) {
			h := topologytest.New(t, failing(processor.ErrorPolicy{}), topologytest.Config{})
			topologytest.Stream(h, clicks).Send("alice", click{})
		}, "no such page"},
		{"a task stops, and another one after Err was asked", func(t testing.TB) {
			h := topologytest.New(t, failing(processor.ErrorPolicy{}), topologytest.Config{})
			in := topologytest.Stream(h, clicks)
			in.Send("bob", click{})
			_ = h.Err()
			in.Send("alice", click{}) // partition 1 comes before bob's
		}, "clicks/1@0"},
		{"tables that differ after a rebuild", func(t testing.TB) {
			h := topologytest.New(t, moody, topologytest.Config{})
			topologytest.Stream(h, clicks).Send("alice", click{})
			h.Rebuild("moody")
		}, `table clicks-per-user, key "alice"`},
		{"a rebuild of a processor that is not there", func(t testing.TB) {
			topologytest.New(t, moody, topologytest.Config{}).Rebuild("none")
		}, `no processor "none"`},
		{"a probe of a table that nobody owns", func(t testing.TB) {
			h := topologytest.New(t, moody, topologytest.Config{})
			topologytest.Table(h, processor.NewTable("none", codec.String, codec.Int64)).Get("a")
		}, "owns the table none"},
		{"a probe of an internal stream", func(t testing.TB) {
			h := topologytest.New(t, moody, topologytest.Config{})
			topologytest.Stream(h, processor.NewInternalStream("inside", codec.String, codec.Int64))
		}, "stream inside is internal"},
		{"a probe of a stream that nobody reads or emits to", func(t testing.TB) {
			h := topologytest.New(t, moody, topologytest.Config{})
			topologytest.Stream(h, processor.NewStream("none", codec.String, codec.Int64))
		}, "stream none: no processor of application clicks reads or emits to it"},
		{"a probe of a topic table that nobody reads", func(t testing.TB) {
			h := topologytest.New(t, moody, topologytest.Config{})
			topologytest.TopicTable(h, processor.NewTopicTable("none", codec.String, codec.Int64))
		}, "table none: no processor of application clicks reads it"},
		{"partitions below zero", func(t testing.TB) {
			topologytest.New(t, moody, topologytest.Config{Partitions: -1})
		}, "Config.Partitions is -1"},
		{"all is well", func(t testing.TB) {
			h := topologytest.New(t, failing(processor.ErrorPolicy{Then: processor.Skip}), topologytest.Config{})
			topologytest.Stream(h, clicks).Send("alice", click{})
		}, ""},
	} {
		got := play(t, c.story)
		if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s: the test says %q, want %q", c.name, got, c.want)
		}
	}
}

// Records and dead letters print as a line that a person can read.
func TestRecordsAndDeadLettersPrintAsALine(t *testing.T) {
	out := processor.NewStream("out", codec.String, codec.JSON[click]())
	app := topology.MustNew("clicks", processor.New("echo", processor.On(clicks, func(ctx processor.Context, user string, c click) error {
		out.EmitWith(ctx, user, c, processor.Meta{Headers: []commitlog.Header{{Key: "by", Value: []byte("me")}}})
		return nil
	}), processor.OnTombstone(clicks, func(ctx processor.Context, user string) error { out.EmitTombstone(ctx, user); return nil }),
		processor.Emits(out), processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter})))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 1})
	in := topologytest.Stream(h, clicks)
	in.Send("ann", click{"/a"})
	in.SendTombstone("ann")
	in.SendBytes(0, []byte("bob"), []byte{0xff})
	in.SendBytes(0, nil, []byte{})
	got := []string{}
	for _, r := range topologytest.Stream(h, out).Records() {
		got = append(got, fmt.Sprint(r))
	}
	for _, l := range in.DeadLetters() {
		got = append(got, fmt.Sprintf("%+v", l))
	}
	want := []string{
		`out/0@0: key ann, value {URL:/a}, 2026-01-01T00:00:00Z, header by="me"`,
		`out/0@2: key ann, no value, 2026-01-01T00:00:00Z`,
		`echo gave up clicks/0@2 after 1 attempt: stream clicks: the value does not decode: codec json: invalid character 'ÿ' looking for beginning of value: key "bob", value "\xff"`,
		`echo gave up clicks/0@3 after 1 attempt: stream clicks: the record has no key (nil key): declare the stream with codec.Unkeyed if its keys mean nothing: no key, value ""`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNothingOutlivesTheStory(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	if got := play(t, func(t testing.TB) {
		h := topologytest.New(t, counting, topologytest.Config{})
		in := topologytest.Stream(h, clicks)
		in.Send("alice", click{})
		topologytest.Table(h, counts).Get("alice")
		h.Crash()
		in.Send("alice", click{})
		h.Crash() // while work is under way
		in.Records()
		topologytest.Table(h, counts).Get("alice")
		h.Deploy(counting)
		h.Rebuild("click-counter")
	}); got != "" {
		t.Fatal(got)
	}
	// goleveldb lets this one linger for a second after Close; it touches nothing any more.
	goleak.VerifyNone(t, ignore, goleak.IgnoreTopFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain"))
}

// Crashes between any two steps of a story leave the tables and outputs that it has without them: nothing lost, nothing twice.
func TestCrashesChangeNothing(t *testing.T) {
	seed := uint64(20130101)
	out := processor.NewStream("totals", codec.String, codec.Int64)
	app := topology.MustNew("clicks", processor.New("click-counter",
		processor.On(clicks, func(ctx processor.Context, user string, c click) error {
			n, _ := counts.Get(ctx, user)
			counts.Put(ctx, user, n+1)
			out.Emit(ctx, user, n+1)
			return nil
		}), processor.Owns(counts), processor.Emits(out)))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 2})
	in := topologytest.Stream(h, clicks)
	r := rand.New(rand.NewPCG(seed, 0))
	want := map[string]int64{}
	for range 40 {
		user := fmt.Sprint("user", r.IntN(5))
		in.Send(user, click{})
		want[user]++
		if r.IntN(4) == 0 {
			h.Crash()
		}
	}
	if got := maps.Collect(topologytest.Table(h, counts).All()); !maps.Equal(got, want) {
		t.Errorf("seed %d: the table is %v, want %v", seed, got, want)
	}
	seen := map[string]int64{}
	for _, rec := range topologytest.Stream(h, out).Records() {
		if seen[rec.Key]++; rec.Value != seen[rec.Key] {
			t.Fatalf("seed %d: %s: output %d is %d", seed, rec.Key, seen[rec.Key], rec.Value)
		}
	}
	if !maps.Equal(seen, want) {
		t.Errorf("seed %d: outputs per user %v, want %v", seed, seen, want)
	}
}

// C-38: restarts repeat and skip nothing, whether there was one record, none or many.
func TestRestartsRepeatAndSkipNothing(t *testing.T) {
	h := topologytest.New(t, counting, topologytest.Config{Partitions: 1})
	in := topologytest.Stream(h, clicks)
	for range 3 {
		in.Send("m", click{})
		h.Deploy(counting)
	}
	for range 3 {
		h.Deploy(counting)
	}
	for range 100 {
		in.Send("m", click{})
	}
	if got, _ := topologytest.Table(h, counts).Get("m"); got != 103 {
		t.Errorf("m has %d clicks, want 103", got)
	}
}

// What a handler draws is the same at a retry, after a crash and in a rebuild.
func TestIdentifiersOutlastCrashAndRebuild(t *testing.T) {
	drawn := map[string][]string{}
	ids := processor.NewTable("ids", codec.String, codec.String)
	fail := true
	app := topology.MustNew("clicks", processor.New("drawer", processor.On(clicks, func(ctx processor.Context, user string, _ click) error {
		id := fmt.Sprint(ctx.ID(), ctx.Rand().Uint64())
		drawn[user] = append(drawn[user], id)
		ids.Put(ctx, user, id)
		if fail = !fail; !fail {
			return fmt.Errorf("once more")
		}
		return nil
	}), processor.Owns(ids), processor.OnError(processor.ErrorPolicy{Retries: 1})))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 1})
	in := topologytest.Stream(h, clicks)
	in.Send("alice", click{})
	in.Send("bob", click{})
	h.Rebuild("drawer")
	for user, list := range drawn {
		if len(list) < 4 || len(slices.Compact(list)) != 1 {
			t.Errorf("%s drew %q, want one identifier each time", user, list)
		}
	}
	if drawn["alice"][0] == drawn["bob"][0] {
		t.Error("two records drew one identifier")
	}
}

func TestTimeMovesOnlyWhenTold(t *testing.T) {
	start := time.Date(2030, 5, 1, 0, 0, 0, 0, time.UTC)
	h := topologytest.New(t, counting, topologytest.Config{Start: start})
	in := topologytest.Stream(h, clicks)
	in.Send("alice", click{})
	h.Crash()
	in.Send("alice", click{})
	if got, _ := topologytest.Table(h, counts).Get("alice"); got != 2 || !h.Now().Equal(start) {
		t.Errorf("%d clicks at %v, want 2 at %v", got, h.Now(), start)
	}
	h.Advance(90 * time.Minute)
	in.Send("alice", click{})
	for i, r := range in.Records() {
		if want := start.Add(time.Duration(i/2) * 90 * time.Minute); !r.Timestamp.Equal(want) {
			t.Errorf("record %d has time %v, want %v", i, r.Timestamp, want)
		}
	}
}
