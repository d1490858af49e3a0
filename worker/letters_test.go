package worker_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
)

// lenient is version 1 of poison: it refuses nonsense alone.
func lenient(edges ...processor.Edge) *topology.Topology {
	return topology.MustNew("app", processor.New("counter", append([]processor.Edge{
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			if key == "nonsense" {
				return errors.New("nonsense")
			}
			counts.Put(ctx, key, n)
			return nil
		}), processor.Owns(counts), processor.Emits(echo)}, edges...)...))
}

// S-26, S-35, S-40: what only the build could not handle goes to a topic of the edition; when that serves, letters go where all
// others do, and those of the build stay where they are until the edition is dropped.
func TestDeadLettersOfABuildStayBesideThoseOfTheWorld(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	letter := processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter})
	keys := func(topic string) (found []string) {
		for _, l := range b.letters(topic) {
			found = append(found, string(l.Key))
		}
		return found
	}
	expect := func(when string, world, build []string) {
		t.Helper()
		if got := keys("app.counter.dead-letters"); !slices.Equal(got, world) {
			t.Errorf("%s: the world's dead letters are %q, want %q", when, got, world)
		}
		if got := keys("app.counter.dead-letters.e2"); !slices.Equal(got, build) {
			t.Errorf("%s: those of the build are %q, want %q", when, got, build)
		}
	}
	put := func(keys ...string) {
		for _, k := range keys {
			b.put("clicks", commitlog.Record{Key: []byte(k), Value: number(1)})
		}
	}
	w, stop := b.run(lenient(letter), one) // this version takes what the next one does not
	put("good", "error", "nonsense")
	b.settle(w)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := keys("app.counter.dead-letters"); !slices.Equal(got, []string{"nonsense"}) {
		t.Fatalf("dead letters of version 1: %q", got)
	}

	app := poison(letter, processor.Version("2"))
	w, _ = b.run(app, one)
	b.settle(w)
	expect("after the switch", []string{"nonsense"}, []string{"error"})
	put("panic")
	b.settle(w)
	expect("served", []string{"nonsense", "panic"}, []string{"error"})

	// The same code again: what it decided while it served is repeated, what it decided in its build it decides again, and what
	// other code decided means nothing.
	if r := b.rebuild(app, "counter", edition.RebuildConfig{}); !r.Serving || !r.Equal {
		t.Fatalf("rebuild: %v", r)
	}
	expect("after a rebuild", []string{"nonsense", "panic"}, []string{"error"})
	if got := keys("app.counter.dead-letters.e3"); !slices.Equal(got, []string{"error"}) {
		t.Errorf("the rebuild by the same code sent %q, want error", got)
	}

	e, err := edition.Open(t.Context(), app, b.log, "counter")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Drop(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	topics, err := b.log.Topics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, topic := range topics {
		have = append(have, topic.Name)
	}
	if slices.Contains(have, "app.counter.dead-letters.e2") || !slices.Contains(have, "app.counter.dead-letters") {
		t.Errorf("after dropping edition 2 there are the topics %q", have)
	}
}
