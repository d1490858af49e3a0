package cases_test

import (
	"strings"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

// C-21: widths that do not fit are refused before the first record, with both topics, both numbers and the processor. A partition
// that is added while the worker was stopped is noticed at its next start. A global table beside a wider input waits for global
// tables.
func TestWidthsThatDoNotFitAreRefusedC21(t *testing.T) {
	second := processor.NewStream("refunds", codec.String, codec.Int64)
	nothing := func(processor.Context, string, int64) error { return nil }
	refused := func(b *bench, app *topology.Topology, wants ...string) {
		t.Helper()
		b.start(app)
		err := b.end()
		for _, want := range wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want it to name %q", err, want)
			}
		}
	}

	b := newBench(t, 0)
	b.create("events", 8)
	b.create("app.counter.counts.e1", 4, "cleanup.policy", "compact")
	b.put("events", 0, sameRecord(1, "k")...)
	refused(b, counting(), "processor counter", "app.counter.counts.e1 has 4 partitions", "8")

	b = newBench(t, 0)
	b.create("events", 3)
	b.create("refunds", 4)
	refused(b, topology.MustNew("app",
		processor.New("joiner", processor.On(events, nothing), processor.On(second, nothing))),
		"processor joiner reads events with 3 partitions and refunds with 4")

	b = newBench(t, 2)
	b.create("events", 2)
	app := counting()
	b.start(app)
	send(b, events, "a", 0)
	b.settle()
	b.halt()
	if err := b.log.AddPartitions(b.context(), "events", 3); err != nil {
		t.Fatal(err)
	}
	refused(b, app, "processor counter", "3 partitions", "built with 2")
}

// C-49: keys that were hashed by FNV-1a. Where the stream says so, state follows: 2 after a wipe, found by a view. Where it
// does not, the first record stops the task (S-68) instead of the card's rows in two partitions.
func TestStateFollowsTheDeclaredPartitionerC49(t *testing.T) {
	declared := processor.NewStream("events", codec.String, codec.Int64).PartitionBy(processor.FNV1a)
	app := topology.MustNew("app", processor.New("counter", processor.On(declared, func(ctx processor.Context, key string, _ int64) error {
		n, _ := counts.Get(ctx, key)
		counts.Put(ctx, key, n+1)
		return nil
	}), processor.Owns(counts)))
	b := newBench(t, 4)
	b.create("events", 4)
	b.put("events", 0, sameRecord(1, "bob")...) // FNV-1a puts bob into 0, murmur2 into 2
	b.start(app)
	b.settle()
	b.halt()
	b.wipe()
	b.start(app)
	b.put("events", 0, sameRecord(1, "bob")...)
	b.settle()
	if got := value(b, app, counts, "bob"); got != 2 {
		t.Errorf("bob = %d, want 2", got)
	}
	if end := b.offset("app.counter.counts.e1", 2, commitlog.End, commitlog.ReadUncommitted); end != 0 {
		t.Errorf("the changelog has %d offsets in murmur2's partition", end)
	}
	b.put("events", 2, sameRecord(1, "bob")...) // both producers at once
	err := b.worker.Settled(b.context())
	for _, want := range []string{`key "bob"`, "events", "partition 2", "0 of 4"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
	if got := value(b, app, counts, "bob"); got != 2 {
		t.Errorf("bob = %d after a stray record, want 2", got)
	}
}
