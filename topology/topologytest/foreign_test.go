package topologytest_test

import (
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
