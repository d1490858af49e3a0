package topologytest_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/topologytest"
)

// unstable is a codec that gives the same value other bytes each time.
func unstable(v string) ([]byte, error) {
	return append(binary.BigEndian.AppendUint64(nil, calls.Add(1)), v...), nil
}

func readUnstable(data []byte) (string, error) { return string(data[8:]), nil }

var calls atomic.Uint64

var (
	lists  = processor.NewTable("lists", codec.String, codec.JSON[[]string]())
	words  = processor.NewStream("words", codec.String, codec.Int64)
	shaky  = processor.NewTable("shaky", codec.String, codec.Func("shaky", unstable, readUnstable))
	shakes = processor.NewStream("shakes", codec.String, codec.Func("shaky", unstable, readUnstable))
	odd    = processor.NewTable("odd", codec.KeyFunc("odd", unstable, readUnstable), codec.Int64)
)

// wordsOf is a map with so many keys that two loops over it hardly ever agree.
func wordsOf(user string) map[string]int64 {
	m := map[string]int64{}
	for i := range int64(50) {
		m[fmt.Sprint(user, i)] = i
	}
	return m
}

// Each fault that strict mode looks for is found, once, with the handler and its place; a lax story does not look; and what looks
// like one of them and is none is left in peace.
func TestStrictStoriesFindFaultsOfHandlers(t *testing.T) {
	var kept, told int64
	const notAFunction = "handler of processor strict on stream clicks (strict_test.go:"
	for _, c := range []struct {
		name   string
		handle func(ctx processor.Context, user string, c click) error
		want   []string // none: all is well
	}{
		{"asks the machine for the time", func(ctx processor.Context, user string, _ click) error {
			counts.Put(ctx, user, time.Now().UnixMilli())
			return nil
		}, []string{notAFunction, "is not a function of its record: at clicks/0@0 table clicks-per-user, key \"ann\": the first run put 0x0", "use ctx.Timestamp"}},
		{"asks the machine for chance", func(ctx processor.Context, user string, _ click) error {
			words.Emit(ctx, user, rand.Int64())
			return nil
		}, []string{notAFunction, `emit 1 to stream words: the first run sent for key "ann" `}},
		{"emits in the order of a map", func(ctx processor.Context, user string, _ click) error {
			for w, n := range wordsOf(user) {
				words.Emit(ctx, w, n)
			}
			return nil
		}, []string{notAFunction, "to stream words: the first run sent key \"ann"}},
		{"keeps a variable", func(ctx processor.Context, user string, _ click) error {
			kept++
			counts.Put(ctx, user, kept)
			return nil
		}, []string{notAFunction, "the first run put 0x0000000000000001, the second put 0x"}},
		{"deletes once", func(ctx processor.Context, user string, _ click) error {
			if kept++; kept == 1 {
				counts.Delete(ctx, user)
			}
			return nil
		}, []string{notAFunction, "the first run deleted, the second wrote nothing"}},
		{"emits once", func(ctx processor.Context, user string, _ click) error {
			if told++; told == 1 {
				words.EmitTombstone(ctx, user)
			}
			return nil
		}, []string{notAFunction, "stream words: the first run sent 1 records, the second 0"}},
		{"sends headers of chance", func(ctx processor.Context, user string, _ click) error {
			words.EmitWith(ctx, user, 1, processor.Meta{Headers: []commitlog.Header{{Key: "n", Value: fmt.Append(nil, rand.Int64())}}})
			return nil
		}, []string{notAFunction, `the first run sent for key "ann" the headers [n="`}},
		{"sends times of chance", func(ctx processor.Context, user string, _ click) error {
			words.EmitWith(ctx, user, 1, processor.Meta{Timestamp: time.UnixMilli(1 + rand.Int64N(1<<40))})
			return nil
		}, []string{notAFunction, "the first run sent for key \"ann\" the time "}},
		{"changes what Get gave", func(ctx processor.Context, user string, _ click) error {
			if l, ok := lists.Get(ctx, user); ok {
				l[0] = "changed"
			} else {
				lists.Put(ctx, user, []string{"first"})
			}
			return nil
		}, []string{`(strict_test.go:`, `changed the value of table lists, key "ann", which it had read (strict_test.go:`, "did not Put it"}},
		{"changes what a loop gave", func(ctx processor.Context, user string, _ click) error {
			for _, l := range lists.All(ctx) {
				l[0] = "changed"
			}
			lists.Put(ctx, "bob", []string{"first"})
			return nil
		}, nil}, // ann runs over bob's entry, which she puts
		{"changes what a loop gave and puts another", func(ctx processor.Context, user string, _ click) error {
			for _, l := range lists.All(ctx) {
				l[0] = "changed"
			}
			if n, _ := counts.Get(ctx, user); n == 0 {
				lists.Put(ctx, user, []string{"first"})
			}
			counts.Put(ctx, user, 1)
			return nil
		}, []string{`changed the value of table lists, key "ann"`}},
		{"a value without fixed bytes in a table", func(ctx processor.Context, user string, _ click) error {
			shaky.Put(ctx, user, "v")
			return nil
		}, []string{notAFunction, "encodes the value of table shaky (strict_test.go:", "to other bytes the second time: first 0x0", "sorts the keys of maps"}},
		{"a value without fixed bytes in a stream", func(ctx processor.Context, user string, _ click) error {
			shakes.Emit(ctx, user, "v")
			return nil
		}, []string{"encodes the value of stream shakes (strict_test.go:"}},
		{"a key without fixed bytes", func(ctx processor.Context, user string, _ click) error {
			odd.Get(ctx, user)
			return nil
		}, []string{"encodes the key of table odd (strict_test.go:"}},

		{"puts in the order of a map", func(ctx processor.Context, user string, _ click) error {
			sum := int64(0)
			for w, n := range wordsOf(user) {
				have, _ := counts.Get(ctx, w)
				counts.Put(ctx, w, have+n)
				sum += have
			}
			words.Emit(ctx, user, sum)
			return nil
		}, nil},
		{"takes time and chance from its context", func(ctx processor.Context, user string, _ click) error {
			words.EmitWith(ctx, ctx.ID()+ctx.ID(), ctx.Rand().Int64(), processor.Meta{Timestamp: ctx.Timestamp().Add(time.Second)})
			counts.Put(ctx, user, ctx.StreamTime().Unix()+ctx.Position().Offset)
			return nil
		}, nil},
		{"changes and puts", func(ctx processor.Context, user string, _ click) error {
			l, _ := lists.Get(ctx, user)
			if len(l) > 0 {
				l[0] = "changed"
			}
			lists.Put(ctx, user, append(l, "next"))
			for k, l := range lists.All(ctx) {
				_ = slices.Clone(l)
				counts.Put(ctx, k, int64(len(l)))
			}
			return nil
		}, nil},
		{"reads back what it wrote", func(ctx processor.Context, user string, _ click) error {
			before, had := counts.Get(ctx, user)
			counts.Put(ctx, user, before+1)
			now, _ := counts.Get(ctx, user)
			words.Emit(ctx, user, now)
			if counts.Delete(ctx, user); had {
				counts.Put(ctx, user, before)
			}
			if n, ok := counts.Get(ctx, user); ok {
				words.Emit(ctx, user, n)
			}
			counts.Put(ctx, user, now)
			return nil
		}, nil},
		{"scans in the loop of a scan", func(ctx processor.Context, user string, _ click) error {
			counts.Put(ctx, user+strconv.FormatInt(ctx.Position().Offset, 10), 1)
			n := int64(0)
			for range counts.All(ctx) {
				for range counts.All(ctx) {
					n++
				}
				if n > 2 {
					break
				}
			}
			words.Emit(ctx, user, n)
			return nil
		}, nil},
	} {
		app := topology.MustNew("clicks", processor.New("strict", processor.On(clicks, c.handle),
			processor.Owns(counts, lists, shaky, odd), processor.Emits(words, shakes)))
		story := func(cfg topologytest.Config) string {
			cfg.Partitions = 1
			kept, told = 0, 0
			return play(t, func(t testing.TB) {
				h := topologytest.New(t, app, cfg)
				in := topologytest.Stream(h, clicks)
				for range 4 {
					in.Send("ann", click{})
				}
				h.Crash()
				in.Records()
			})
		}
		got := story(topologytest.Config{})
		if len(c.want) == 0 && got != "" {
			t.Errorf("%s: the story says %s, want nothing", c.name, got)
		}
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the story says %q, want %q", c.name, got, want)
			}
		}
		if n := strings.Count(got, "topologytest: "); n > 2 {
			t.Errorf("%s: %d faults are told, want each once:\n%s", c.name, n, got)
		}
		if got := story(topologytest.Config{Lax: true}); got != "" {
			t.Errorf("%s: the lax story says %s, want nothing", c.name, got)
		}
	}
}

// A stand-in that counts its calls counts as if nobody ran anything twice, as long as the story looks.
func TestCallsAreCountedOnceInTheStory(t *testing.T) {
	mails := 0
	app := topology.MustNew("clicks", processor.New("mailer", processor.On(clicks, func(ctx processor.Context, user string, c click) error {
		mails++
		return count(ctx, user, c)
	}), processor.Owns(counts)))
	t.Cleanup(func() { // runs after the harness's own
		if mails != 20 {
			t.Errorf("%d mails after the story, want each record of it handled once more", mails)
		}
	})
	h := topologytest.New(t, app, topologytest.Config{Partitions: 1})
	in := topologytest.Stream(h, clicks)
	for i := range 10 {
		in.Send("ann", click{})
		if in.Records(); mails != i+1 {
			t.Errorf("%d mails after %d records", mails, i+1)
		}
	}
}

// What a handler reads in tables of others is what it gets again, and its own copy to change.
func TestReadsOfOthersAreAnsweredAgain(t *testing.T) {
	limits := processor.NewTopicTable("limits", codec.String, codec.JSON[[]string]())
	app := topology.MustNew("clicks", processor.New("reader", processor.On(clicks, func(ctx processor.Context, user string, _ click) error {
		l, ok := limits.Get(ctx, user)
		slices.Sort(l)
		for k, v := range limits.All(ctx) {
			words.Emit(ctx, k, int64(len(v)))
		}
		if ok {
			counts.Put(ctx, user, int64(len(l)))
		}
		return nil
	}), processor.Reads(limits), processor.Owns(counts), processor.Emits(words)))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 1})
	table, in := topologytest.TopicTable(h, limits), topologytest.Stream(h, clicks)
	table.Put("ann", []string{"b", "a"})
	table.PutBytes(0, []byte("eve"), []byte("no JSON"))
	in.Send("ann", click{})
	in.Send("eve", click{})
	table.Delete("ann")
	in.Send("ann", click{})
	if got := maps.Collect(topologytest.Table(h, counts).All()); !maps.Equal(got, map[string]int64{"ann": 2}) {
		t.Errorf("the table is %v", got)
	}
}
