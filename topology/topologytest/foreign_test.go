package topologytest_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/topologytest"
)

type profile struct{ Version int }

var (
	profiles  = processor.NewTopicTable("profiles", codec.String, codec.JSON[profile]())
	purchases = processor.NewStream("purchases", codec.String, codec.String) // key: customer
	enriched  = processor.NewStream("enriched", codec.String, codec.String)
	lastSeen  = processor.NewTable("last-seen", codec.String, codec.Int64)
)

// enrich emits each purchase with the version of the profile of the customer it names, 0 for none.
func enrich(reads processor.Edge) *topology.Topology {
	return topology.MustNew("shop", processor.New("enrich",
		processor.On(purchases, func(ctx processor.Context, customer, what string) error {
			p, ok := profiles.Get(ctx, customer)
			if !ok {
				p.Version = 0
			}
			lastSeen.Put(ctx, customer, int64(p.Version))
			enriched.Emit(ctx, customer, what+" "+string(rune('0'+p.Version)))
			return nil
		}),
		reads, processor.Owns(lastSeen), processor.Emits(enriched)))
}

func values(in *topologytest.StreamProbe[string, string]) string {
	var all []string
	for _, r := range in.Records() {
		all = append(all, r.Value)
	}
	return strings.Join(all, ", ")
}

// S-20, S-22: what was committed before a record came is found, over a power cut and a restart; a tombstone deletes.
func TestAHandlerFindsWhatOthersHaveCommitted(t *testing.T) {
	for name, reads := range map[string]processor.Edge{"Reads": processor.Reads(profiles), "ReadsGlobal": processor.ReadsGlobal(profiles)} {
		t.Run(name, func(t *testing.T) {
			h := topologytest.New(t, enrich(reads), topologytest.Config{})
			in, out := topologytest.Stream(h, purchases), topologytest.Stream(h, enriched)
			table := topologytest.TopicTable(h, profiles)
			in.Send("alice", "a")
			table.Put("alice", profile{1})
			in.Send("alice", "b")
			table.Put("alice", profile{2})
			h.Crash()
			in.Send("alice", "c")
			table.Put("alice", profile{3})
			in.Send("alice", "d")
			h.Deploy(enrich(reads))
			in.Send("alice", "e")
			table.Delete("alice")
			in.Send("alice", "f")
			h.Crash()
			in.Send("alice", "g")
			if got, want := values(out), "a 0, b 1, c 2, d 3, e 3, f 0, g 0"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

var (
	spent  = processor.NewTable("spent", codec.String, codec.Int64) // of the owner
	visits = processor.NewStream("visits", codec.String, codec.Int64)
	seen   = processor.NewStream("seen", codec.String, codec.String)
)

// bank sums visits into spent; version 2 forgets the keys that begin with x and counts double. The reader says what it finds.
func bank(version string, reads processor.Edge) *topology.Topology {
	return topology.MustNew("bank",
		processor.New("owner", processor.On(visits, func(ctx processor.Context, key string, n int64) error {
			if version == "2" {
				if strings.HasPrefix(key, "x") {
					return nil
				}
				n *= 2
			}
			have, _ := spent.Get(ctx, key)
			spent.Put(ctx, key, have+n)
			return nil
		}), processor.Owns(spent), processor.Version(version)),
		processor.New("reader", processor.On(purchases, func(ctx processor.Context, key, what string) error {
			found := "-"
			if n, ok := spent.Get(ctx, key); ok {
				found = fmt.Sprint(n)
			}
			var all []string
			for k, n := range spent.All(ctx) {
				all = append(all, fmt.Sprint(k, n))
			}
			seen.Emit(ctx, key, what+" "+found+" "+fmt.Sprint(all))
			return nil
		}), reads, processor.Emits(seen)))
}

// S-43: when the owner's next edition serves, its readers change over to it whole: what only the old one had is gone, nothing is
// mixed, and what comes after is followed in the new one.
func TestReadersChangeOverWhenTheOwnerSwitches(t *testing.T) {
	for name, reads := range map[string]processor.Edge{"Reads": processor.Reads(spent), "ReadsGlobal": processor.ReadsGlobal(spent)} {
		t.Run(name, func(t *testing.T) {
			h := topologytest.New(t, bank("1", reads), topologytest.Config{Partitions: 1})
			in, ask, out := topologytest.Stream(h, visits), topologytest.Stream(h, purchases), topologytest.Stream(h, seen)
			ask.Send("a", "empty")
			in.Send("a", 1)
			in.Send("x", 5)
			ask.Send("a", "first")
			ask.Send("x", "first")
			h.Rebuild("owner")
			ask.Send("x", "rebuilt")
			in.Send("a", 1)
			h.Crash()
			ask.Send("a", "crashed")
			h.Deploy(bank("2", reads))
			ask.Send("a", "second")
			ask.Send("x", "second")
			in.Send("a", 10)
			ask.Send("a", "after")
			h.Crash()
			ask.Send("x", "crashed")
			want := "empty - [], first 1 [a1 x5], first 5 [a1 x5], rebuilt 5 [a1 x5], crashed 2 [a2 x5], " +
				"second 4 [a4], second - [a4], after 24 [a24], crashed - [a24]"
			if got := values(out); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// S-22: every partition is found from every task, in one order; S-20: the task's partition alone, and the key of another one is
// a fault.
func TestWholeTablesSpanPartitionsAndOthersDoNot(t *testing.T) {
	list := processor.NewStream("list", codec.String, codec.String)
	lister := func(reads processor.Edge) *topology.Topology {
		return topology.MustNew("shop", processor.New("lister",
			processor.On(purchases, func(ctx processor.Context, key, other string) error {
				var all []string
				for k, p := range profiles.All(ctx) {
					all = append(all, fmt.Sprint(k, p.Version))
				}
				for k, p := range profiles.Range(ctx, "c", "e") {
					all = append(all, fmt.Sprint("r", k, p.Version))
				}
				_, ok := profiles.Get(ctx, other)
				list.Emit(ctx, key, fmt.Sprint(all, ok))
				return nil
			}), reads, processor.Emits(list), processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter})))
	}
	fill := func(h *topologytest.Harness) {
		table := topologytest.TopicTable(h, profiles)
		for i, k := range []string{"e", "d", "c", "b", "a"} {
			table.Put(k, profile{i})
		}
	}
	h := topologytest.New(t, lister(processor.ReadsGlobal(profiles)), topologytest.Config{Partitions: 3})
	fill(h)
	topologytest.Stream(h, purchases).Send("k", "e")
	if got, want := values(topologytest.Stream(h, list)), "[a4 b3 c2 d1 e0 rc2 rd1] true"; got != want {
		t.Errorf("whole: got %s, want %s", got, want)
	}

	h = topologytest.New(t, lister(processor.Reads(profiles)), topologytest.Config{Partitions: 3})
	fill(h)
	in := topologytest.Stream(h, purchases)
	var stray string
	for _, k := range []string{"a", "b", "c", "d", "e"} {
		in.Send(k, k)
		if processor.Murmur2.Partition([]byte(k), 3) != processor.Murmur2.Partition([]byte("a"), 3) {
			stray = k
		}
	}
	in.Send("a", stray)
	parts := map[int32]string{}
	for _, r := range topologytest.Stream(h, list).Records() {
		parts[r.Position.Partition.Index] = r.Value
		if !strings.HasSuffix(r.Value, "true") || !strings.Contains(r.Value, r.Key) {
			t.Errorf("%s found %s", r.Key, r.Value)
		}
	}
	all := 0
	for _, text := range parts {
		all += strings.Count(strings.Split(text, " r")[0], " ") + 1
	}
	if len(parts) < 2 || all < 5 {
		t.Errorf("partitions %v", parts)
	}
	letters := in.DeadLetters()
	if len(letters) != 1 || !strings.Contains(letters[0].Error, `key "`+stray+`" of table profiles belongs to partition`) {
		t.Errorf("dead letters %+v", letters)
	}
}

// Only the owner writes: the fault is the record's and names the owner, or that there is none here.
func TestWritingToATableOfOthersIsTheRecordsFault(t *testing.T) {
	app := topology.MustNew("bank",
		processor.New("owner", processor.On(visits, func(ctx processor.Context, key string, n int64) error { spent.Put(ctx, key, n); return nil }),
			processor.Owns(spent)),
		processor.New("writer", processor.On(purchases, func(ctx processor.Context, key, what string) error {
			switch what {
			case "put":
				spent.Put(ctx, key, 9)
			case "delete":
				spent.Delete(ctx, key)
			case "put to a topic":
				profiles.Put(ctx, key, profile{1})
			}
			return nil
		}), processor.Reads(spent), processor.ReadsGlobal(profiles), processor.OnError(processor.ErrorPolicy{Retries: 3, Then: processor.DeadLetter})))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 1})
	topologytest.Stream(h, visits).Send("a", 1)
	in := topologytest.Stream(h, purchases)
	for _, what := range []string{"put", "delete", "put to a topic"} {
		in.Send("a", what)
	}
	want := []string{
		"processor writer: Put of table spent (foreign_test.go:LINE): processor owner owns it, and only the owner writes: emit to a stream that it handles",
		"processor writer: Delete of table spent (foreign_test.go:LINE): processor owner owns it, and only the owner writes: emit to a stream that it handles",
		"processor writer: Put of table profiles (foreign_test.go:LINE): others write its topic, and only the owner writes: emit to a stream that it handles",
	}
	line := regexp.MustCompile(`_test.go:\d+`)
	for i, l := range in.DeadLetters() {
		if got := line.ReplaceAllString(l.Error, "_test.go:LINE"); i >= len(want) || got != want[i] || l.Attempts != 1 {
			t.Errorf("letter %d after %d attempts: %s", i, l.Attempts, got)
		}
	}
	if n, _ := topologytest.Table(h, spent).Get("a"); n != 1 || len(in.DeadLetters()) != 3 {
		t.Errorf("a has %d, %d dead letters", n, len(in.DeadLetters()))
	}
}

// S-22: a key that stands where the partitioner would not put it is found all the same; one that stands in several partitions has
// one answer, for a look and for a scan, also after a restart.
func TestAKeyInSeveralPartitionsHasOneAnswer(t *testing.T) {
	list := processor.NewStream("list", codec.String, codec.String)
	app := topology.MustNew("shop", processor.New("lister",
		processor.On(purchases, func(ctx processor.Context, key, _ string) error {
			var all []string
			for k, p := range profiles.All(ctx) {
				found, _ := profiles.Get(ctx, k)
				all = append(all, fmt.Sprint(k, p.Version, found.Version))
			}
			list.Emit(ctx, key, strings.Join(all, " "))
			return nil
		}), processor.ReadsGlobal(profiles), processor.Emits(list)))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 4})
	table := topologytest.TopicTable(h, profiles)
	put := func(partition int32, key, value string) { table.PutBytes(partition, []byte(key), []byte(value)) }
	home := processor.Murmur2.Partition([]byte("home"), 4)
	for p := range int32(4) {
		put(p, "home", fmt.Sprintf(`{"Version":%d}`, p))
		if p != processor.Murmur2.Partition([]byte("stray"), 4) {
			put(p, "stray", fmt.Sprintf(`{"Version":%d}`, p))
		}
	}
	lowest := int32(0)
	if processor.Murmur2.Partition([]byte("stray"), 4) == 0 {
		lowest = 1
	}
	in := topologytest.Stream(h, purchases)
	in.Send("k", "")
	h.Crash()
	in.Send("k", "")
	once := fmt.Sprintf("home%d %d stray%d %d", home, home, lowest, lowest)
	if got, want := values(topologytest.Stream(h, list)), once+", "+once; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
