package topologytest_test

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/topologytest"
)

// picky stops at a record whose URL is bad, here or behind an internal stream.
func picky(edges ...processor.Edge) *topology.Topology {
	inside := processor.NewInternalStream("inside", codec.String, codec.JSON[click]())
	handle := func(ctx processor.Context, user string, c click) error {
		if c.URL == "bad" {
			return errors.New("no such page")
		}
		return count(ctx, user, c)
	}
	return topology.MustNew("clicks", processor.New("picky", append([]processor.Edge{
		processor.On(clicks, func(ctx processor.Context, user string, c click) error {
			if after, ok := strings.CutPrefix(c.URL, "inside "); ok {
				inside.Emit(ctx, user, click{after})
				return nil
			}
			return handle(ctx, user, c)
		}),
		processor.On(inside, handle), processor.Emits(inside), processor.Owns(counts)}, edges...)...))
}

type (
	harness = *topologytest.Harness
	probe   = *topologytest.StreamProbe[string, click]
)

// A task that stops fails the story at the next step that it makes, on the line of that step; nothing is left for the end.
func TestAStoppedTaskFailsTheNextStepOnItsLine(t *testing.T) {
	app := picky()
	for name, step := range map[string]func(h harness, in probe){
		"Send":          func(_ harness, in probe) { in.Send("bob", click{}) },
		"SendAt":        func(h harness, in probe) { in.SendAt("bob", click{}, h.Now()) },
		"SendWith":      func(_ harness, in probe) { in.SendWith("bob", click{}, processor.Meta{}) },
		"SendTombstone": func(_ harness, in probe) { in.SendTombstone("bob") },
		"SendBytes":     func(_ harness, in probe) { in.SendBytes(0, nil, nil) },
		"Records":       func(_ harness, in probe) { in.Records() },
		"DeadLetters":   func(_ harness, in probe) { in.DeadLetters() },
		"Get":           func(h harness, _ probe) { topologytest.Table(h, counts).Get("bob") },
		"All":           func(h harness, _ probe) { topologytest.Table(h, counts).All() },
		"Advance":       func(h harness, _ probe) { h.Advance(time.Second) },
		"Deploy":        func(h harness, _ probe) { h.Deploy(app) },
		"Rebuild":       func(h harness, _ probe) { h.Rebuild("picky") },
		"after a crash": func(h harness, in probe) { h.Crash(); in.Records() },
	} {
		line := 0
		got := play(t, func(t testing.TB) {
			h := topologytest.New(t, app, topologytest.Config{})
			in := topologytest.Stream(h, clicks)
			in.Send("alice", click{"bad"})
			line = lineOf(step)
			step(h, in)
			t.Errorf("the step passed")
		})
		want := fmt.Sprintf("stopped_test.go:%d: topologytest: before this step: worker: a task has stopped: processor picky: task stopped at clicks/1@0: no such page", line)
		if got != want {
			t.Errorf("%s: the story says %q, want %q", name, got, want)
		}
	}
}

// lineOf is the line where a function of one line stands.
func lineOf(f any) int {
	pc := reflect.ValueOf(f).Pointer()
	_, line := runtime.FuncForPC(pc).FileLine(pc)
	return line
}

// A stop that was asked for is part of the story, one by one: another one is not.
func TestEachStopIsAskedForByItself(t *testing.T) {
	got := play(t, func(t testing.TB) {
		h := topologytest.New(t, picky(), topologytest.Config{})
		in := topologytest.Stream(h, clicks)
		in.Send("alice", click{"bad"})
		_ = h.Err()
		in.Send("alice", click{})
		in.Send("bob", click{"bad"})
		_ = h.Err()
		h.Crash()
		h.Advance(time.Second)
		h.Deploy(picky())
		if err := h.Err(); err == nil || !strings.Contains(err.Error(), "clicks/1@0") || !strings.Contains(err.Error(), "clicks/2@0") {
			t.Errorf("Err is %v, want both stops", err)
		}
		in.Send(keyOf(0, 4), click{"bad"})
		in.Records()
	})
	if !strings.Contains(got, "before this step") || !strings.Contains(got, "clicks/0@0: no such page") || strings.Contains(got, "clicks/1@0") || strings.Contains(got, "Err is") {
		t.Errorf("the story says %q, want the stop in partition 0 alone", got)
	}
}

// keyOf gives a key of that partition.
func keyOf(partition, of int32) string {
	for i := 0; ; i++ {
		if key := fmt.Sprint("key", i); processor.Murmur2.Partition([]byte(key), of) == partition {
			return key
		}
	}
}

// A processor with a stopped task is not rebuilt: the rest of an internal stream would be waited for without end.
func TestARebuildWithAStoppedTaskFailsAtOnce(t *testing.T) {
	for _, url := range []string{"bad", "inside bad"} {
		start := time.Now()
		got := play(t, func(t testing.TB) {
			h := topologytest.New(t, picky(), topologytest.Config{Partitions: 1})
			in := topologytest.Stream(h, clicks)
			in.Send("alice", click{})
			in.Send("alice", click{url})
			_ = h.Err()
			h.Rebuild("picky")
		})
		if !strings.Contains(got, "Rebuild picky: task stopped at clicks") || !strings.Contains(got, "no such page") || time.Since(start) > 20*time.Second {
			t.Errorf("%s: after %v the story says %q, want where the task stands", url, time.Since(start), got)
		}
	}
}

// The worker's bound for what lies ahead of the clock is met in a story, and the record goes the way of the policy.
func TestARecordFarAheadIsTheWorkersToRefuse(t *testing.T) {
	for _, then := range []processor.Fate{processor.DeadLetter, processor.Skip} {
		h := topologytest.New(t, picky(processor.OnError(processor.ErrorPolicy{Then: then})), topologytest.Config{Partitions: 1})
		in, h0 := topologytest.Stream(h, clicks), h.Now()
		in.SendWith("alice", click{}, processor.Meta{Timestamp: h.Now().Add(time.Hour)})
		in.SendWith("alice", click{}, processor.Meta{Timestamp: h.Now().Add(time.Hour + time.Millisecond)})
		in.SendWith("alice", click{}, processor.Meta{Timestamp: h.Now().Add(1000 * time.Hour)})
		if got, _ := topologytest.Table(h, counts).Get("alice"); got != 1 {
			t.Errorf("%v: alice has %d clicks, want the one that is not too far ahead", then, got)
		}
		letters := in.DeadLetters()
		if then == processor.DeadLetter && (len(letters) != 2 || !strings.Contains(letters[0].Error, "ahead of the clock") ||
			!slices.ContainsFunc(letters[1].Headers, func(h commitlog.Header) bool {
				return h.Key == "millrun-timestamp" && string(h.Value) == fmt.Sprint(h0.Add(1000*time.Hour).UnixMilli())
			})) {
			t.Errorf("dead letters are %v, want the two far ones", letters)
		}
	}
}
