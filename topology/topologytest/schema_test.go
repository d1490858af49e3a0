package topologytest_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/topologytest"
)

type (
	event  interface{ cents() int64 }
	paid   struct{ Cents int64 }
	refund struct{ Cents int64 }
	sumV1  struct{ Euros int64 }
	sum    struct{ Cents int64 }
)

func (p paid) cents() int64   { return p.Cents }
func (r refund) cents() int64 { return -r.Cents }

// A program with schemas in input, internal stream, table and output lives through a crash, a newer version of the table's
// values and a rebuild; the older program then says what it cannot read.
func TestSchemasLiveThroughCrashDeployAndRebuild(t *testing.T) {
	codecOf := codec.OneOf[event](codec.NewCase("paid", codec.JSON[paid]()), codec.NewCase("refund", codec.JSON[refund]()))
	in := processor.NewStream("events", codec.String, codecOf)
	out := processor.NewStream("seen", codec.String, codecOf)
	inner := processor.NewInternalStream("again", codec.String, codecOf)
	v1 := codec.Version1(codec.JSON[sumV1]())
	older := processor.NewTable[string, sumV1]("sums", codec.String, v1)
	newer := processor.NewTable[string, sum]("sums", codec.String, codec.Upcast(v1, codec.JSON[sum](), func(s sumV1) (sum, error) { return sum{s.Euros * 100}, nil }))
	build := func(table processor.AnyTable, add func(ctx processor.Context, who string, cents int64)) *topology.Topology {
		return topology.MustNew("till", processor.New("till",
			processor.On(in, func(ctx processor.Context, who string, e event) error { inner.Emit(ctx, who, e); return nil }),
			processor.On(inner, func(ctx processor.Context, who string, e event) error {
				add(ctx, who, e.cents())
				out.Emit(ctx, who, e)
				return nil
			}),
			processor.Owns(table), processor.Emits(inner, out)))
	}
	app1 := build(older, func(ctx processor.Context, who string, cents int64) {
		s, _ := older.Get(ctx, who)
		older.Put(ctx, who, sumV1{s.Euros + cents/100})
	})
	app2 := build(newer, func(ctx processor.Context, who string, cents int64) {
		s, _ := newer.Get(ctx, who)
		newer.Put(ctx, who, sum{s.Cents + cents})
	})

	h := topologytest.New(t, app1, topologytest.Config{Partitions: 1})
	events := topologytest.Stream(h, in)
	events.Send("ann", paid{500})
	events.Send("bob", paid{300})
	h.Crash()
	h.Deploy(app2) // same Version: the table goes on, older values and all
	events.Send("ann", refund{150})
	h.Crash()
	sums := topologytest.Table(h, newer)
	if got := maps.Collect(sums.All()); !maps.Equal(got, map[string]sum{"ann": {350}, "bob": {300}}) {
		t.Errorf("the sums are %v", got)
	}
	var seen []string
	for _, r := range topologytest.Stream(h, out).Records() {
		seen = append(seen, fmt.Sprintf("%s %T %d", r.Key, r.Value, r.Value.cents()))
	}
	if got := strings.Join(seen, ", "); got != "ann topologytest_test.paid 500, bob topologytest_test.paid 300, ann topologytest_test.refund -150" {
		t.Errorf("seen: %s", got)
	}
	h.Deploy(app1)
	events.Send("bob", paid{100})
	if err := h.Err(); err != nil {
		t.Errorf("the older program still reads what it wrote: %v", err)
	}
	events.Send("ann", paid{100})
	if err := h.Err(); err == nil || !strings.Contains(err.Error(), codec.ErrSchema.Error()) || !strings.Contains(err.Error(), `key "ann"`) {
		t.Errorf("the older program says %v, want that it does not know the schema of ann's sum", err)
	}
	h.Deploy(app2)
	want := map[string]sum{"ann": {450}, "bob": {400}}
	if got := maps.Collect(sums.All()); !maps.Equal(got, want) {
		t.Errorf("back with the newer program the sums are %v", got)
	}
	h.Rebuild("till") // writes the newest version of bob's sum, which equals the older one (S-31)
	if got := maps.Collect(sums.All()); !maps.Equal(got, want) {
		t.Errorf("after the rebuild the sums are %v", got)
	}
}
