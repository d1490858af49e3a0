package cases_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

type profile struct{ V int }

var (
	profiles = processor.NewTopicTable("profiles", codec.String, codec.JSON[profile]())
	joined   = processor.NewTable("joined", codec.String, codec.String)
)

// joining keeps for each key of events what the profile was at each record: "v1 v2 -".
func joining(reads processor.Edge, edges ...processor.Edge) *topology.Topology {
	return topology.MustNew("app", processor.New("joiner", append([]processor.Edge{
		processor.On(events, func(ctx processor.Context, key string, _ int64) error {
			found := "-"
			if p, ok := profiles.Get(ctx, key); ok {
				found = fmt.Sprint("v", p.V)
			}
			before, _ := joined.Get(ctx, key)
			joined.Put(ctx, key, strings.TrimSpace(before+" "+found))
			return nil
		}), reads, processor.Owns(joined)}, edges...)...))
}

// bothWays runs a case with Reads and with ReadsGlobal.
func bothWays(t *testing.T, run func(t *testing.T, reads func(...processor.AnyTable) processor.Edge)) {
	t.Run("Reads", func(t *testing.T) { run(t, processor.Reads) })
	t.Run("ReadsGlobal", func(t *testing.T) { run(t, processor.ReadsGlobal) })
}

// C-36: the same answers while it runs, after a restart, after the copies are lost, and in another worker: what decodes is
// found, what does not counts as absent and is reported once, what was deleted is gone. The worker ends in none of them.
func TestABadEntryOfATableOfOthersIsAbsentEachTimeC36(t *testing.T) {
	bothWays(t, func(t *testing.T, reads func(...processor.AnyTable) processor.Edge) {
		b := newBench(t, 1)
		app := joining(reads(profiles))
		b.start(app)
		put := func(key, value string) {
			t.Helper()
			r := commitlog.Record{Key: []byte(key)}
			if value != "" {
				r.Value = []byte(value)
			}
			b.put("profiles", 0, r)
		}
		b.settle() // the topic is there
		put("c1", `{"V":1}`)
		put("c2", "\xff")
		put("c3", `{"V":3}`)
		put("c4", `{"V":4}`)
		put("c4", "")
		var want []string
		look := func(when string) {
			t.Helper()
			b.settle()
			for _, key := range []string{"c1", "c2", "c3", "c4"} {
				send(b, events, key, 0, 0)
			}
			b.settle()
			if n := b.worker.Status().Unreadable; n != 1 {
				t.Errorf("%s: %d entries reported, want c2 once", when, n)
			}
			if len(want) == 0 {
				want = []string{"c1=v1 v1", "c2=- -", "c3=v3 v3", "c4=- -"}
			} else {
				for i, found := range []string{" v1 v1", " - -", " v3 v3", " - -"} {
					want[i] += found
				}
			}
			if got := rows(b, app, joined); !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", when, got, want)
			}
		}
		look("live")
		b.halt()
		b.start(app)
		look("after a restart")
		b.kill()
		b.start(app)
		look("after a power cut")
		b.halt()
		b.wipe()
		b.start(app)
		look("after a wipe")
		b.halt()
		b.start(app, func(c *worker.Config) { c.StateDir = "elsewhere" })
		look("in another worker")
	})
}

// C-64: what a record finds is what was committed when it came, in whatever order things were loaded: the order of loading is
// what counts, not the times of the records. A rebuild sees the table of today: it says beforehand that a table of others is
// involved, and afterwards which keys differ; it never says "equal" of different tables, and what serves goes on.
func TestARebuildOverATableOfOthersNamesTheKeysC64(t *testing.T) {
	const keys = 500
	bothWays(t, func(t *testing.T, reads func(...processor.AnyTable) processor.Edge) {
		load := func(b *bench, v int) {
			b.settle()
			parts := map[int32][]commitlog.Record{}
			for i := range keys {
				key := fmt.Sprint("key-", i)
				p := processor.Murmur2.Partition([]byte(key), 4)
				parts[p] = append(parts[p], commitlog.Record{Key: []byte(key), Value: fmt.Appendf(nil, `{"V":%d}`, v)})
			}
			for p, records := range parts {
				b.put("profiles", p, records...)
			}
			b.settle()
		}
		order := func(b *bench) {
			b.settle() // the topics are there
			parts := map[int32][]commitlog.Record{}
			for i := range keys {
				r := record(fmt.Sprint("key-", i), 0)
				p := processor.Murmur2.Partition(r.Key, 4)
				parts[p] = append(parts[p], r)
			}
			for p, records := range parts {
				b.put("events", p, records...)
			}
			b.settle()
		}
		for _, c := range []struct {
			name  string
			story func(b *bench)
			want  string
			equal bool
		}{
			{"orders first", func(b *bench) { order(b); order(b); load(b, 1); load(b, 2) }, "- -", false},
			{"profiles first", func(b *bench) { load(b, 1); load(b, 2); order(b); order(b) }, "v2 v2", true},
			{"interleaved", func(b *bench) { load(b, 1); order(b); load(b, 2); order(b) }, "v1 v2", false},
		} {
			b := newBench(t, 4)
			warned := &lines{}
			app := joining(reads(profiles))
			b.start(app, warned.into)
			c.story(b)
			check := func(when string) {
				t.Helper()
				got := rows(b, app, joined)
				for _, row := range got {
					if !strings.HasSuffix(row, "="+c.want) {
						t.Fatalf("%s: %s: %s, want %s", c.name, when, row, c.want)
					}
				}
				if len(got) != keys {
					t.Fatalf("%s: %s: %d keys, want %d", c.name, when, len(got), keys)
				}
			}
			check("live")
			r := b.rebuild(app, "joiner")
			if r.Class != topology.Open || r.Equal != c.equal || r.Serving != c.equal {
				t.Errorf("%s: %v", c.name, r)
			}
			if !c.equal && (r.Differing != keys || len(r.Differences) == 0 || r.Differences[0].Table != "joined" || len(r.Differences[0].Key) == 0) {
				t.Errorf("%s: %v, first %+v; want all keys to differ, the first by name", c.name, r, r.Differences[:min(1, len(r.Differences))])
			}
			if !warned.have("tables of others", "profiles", "declared open") {
				t.Errorf("%s: no warning before the rebuild in %q", c.name, warned.all())
			}
			check("after the rebuild")
		}
	})
}

// C-21: a table that is read whole has a width of its own; one that is read by partition has not, and the refusal names both
// topics, both numbers and the processor.
func TestOnlyATableReadByPartitionMustBeAsWideC21(t *testing.T) {
	b := newBench(t, 0)
	b.create("events", 10)
	b.create("profiles", 1, "cleanup.policy", "compact")
	app := joining(processor.ReadsGlobal(profiles))
	b.start(app)
	b.settle()
	for i := range 20 {
		b.put("profiles", 0, commitlog.Record{Key: fmt.Appendf(nil, "key-%02d", i), Value: fmt.Appendf(nil, `{"V":%d}`, i)})
	}
	b.settle()
	var want []string
	for i := range 20 {
		key := fmt.Sprintf("key-%02d", i)
		b.put("events", processor.Murmur2.Partition([]byte(key), 10), record(key, 0))
		want = append(want, fmt.Sprintf("%s=v%d", key, i))
	}
	b.settle()
	if got := rows(b, app, joined); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	b.halt()

	b.start(joining(processor.Reads(profiles)))
	err := b.end()
	for _, want := range []string{"processor joiner", "table profiles", "1 partitions", "input events", "10"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
}

// C-34, of a table of others: where the input begins says nothing about where a table does.
func TestStartAtTheEndLoadsTheWholeTableC34(t *testing.T) {
	bothWays(t, func(t *testing.T, reads func(...processor.AnyTable) processor.Edge) {
		b := newBench(t, 1)
		b.create("events", 1)
		b.create("profiles", 1, "cleanup.policy", "compact")
		for i := range 1000 {
			b.put("profiles", 0, commitlog.Record{Key: fmt.Append(nil, "key-", i), Value: []byte(`{"V":7}`)})
		}
		app := joining(reads(profiles), processor.StartAt(processor.End))
		b.start(app)
		b.settle()
		send(b, events, "key-3", 0)
		b.settle()
		b.halt()
		b.wipe()
		b.start(app)
		send(b, events, "key-3", 0)
		b.settle()
		if got := rows(b, app, joined); !slices.Equal(got, []string{"key-3=v7 v7"}) {
			t.Errorf("got %q", got)
		}
	})
}

// record is one of events.
func record(key string, n byte) commitlog.Record {
	return commitlog.Record{Key: []byte(key), Value: []byte{0, 0, 0, 0, 0, 0, 0, n}}
}

// lines keeps what a worker logs.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) into(c *worker.Config) {
	c.Logger = slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, string(p))
	return len(p), nil
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.text)
}

// have tells whether one line has all the parts.
func (l *lines) have(parts ...string) bool {
	return slices.ContainsFunc(l.all(), func(line string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) })
	})
}
