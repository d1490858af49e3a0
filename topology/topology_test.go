package topology_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

var update = flag.Bool("update", false, "write the golden files anew")

type payment struct {
	Cents int64
	At    time.Time
}

func shop() *topology.Topology {
	payments := processor.NewStream("payments", codec.String, codec.JSON[payment]()).EventTime(func(p payment) time.Time { return p.At })
	alerts := processor.NewStream("alerts", codec.String, codec.JSON[payment]()).PartitionBy(processor.FNV1a)
	lines := processor.NewStream("lines", codec.Unkeyed, codec.String)
	words := processor.NewInternalStream("words", codec.String, codec.Empty)
	handle := func(processor.Context, string, payment) error { return nil }
	return topology.MustNew("shop",
		processor.New("fraud",
			processor.On(payments, handle),
			processor.OnTombstone(payments, func(processor.Context, string) error { return nil }),
			processor.Owns(processor.NewTable("balances", codec.String, codec.Int64), processor.NewTable("alerted", codec.String, codec.Empty)),
			processor.Emits(alerts), processor.Version("2"),
			processor.OnError(processor.ErrorPolicy{Retries: 3, Then: processor.DeadLetter})),
		processor.New("wordcount",
			processor.On(lines, func(processor.Context, struct{}, string) error { return nil }),
			processor.On(words, func(processor.Context, string, struct{}) error { return nil }),
			processor.Emits(words), processor.Owns(processor.NewTable("words-seen", codec.String, codec.Int64)),
			processor.StartAt(processor.End)),
	)
}

func TestDescribeIsWhatItWas(t *testing.T) {
	for f, file := range map[topology.Format]string{topology.Text: "testdata/shop.txt", topology.Mermaid: "testdata/shop.mmd", topology.DOT: "testdata/shop.dot"} {
		got := shop().Describe(f)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
		}
		if again := shop().Describe(f); again != got {
			t.Errorf("%s: the same program gives another text", file)
		}
	}
}

func TestTheRuntimeFindsWhatBelongsTogether(t *testing.T) {
	app := shop()
	if app.Name() != "shop" || len(app.Processors()) != 2 {
		t.Errorf("%s has %d processors", app.Name(), len(app.Processors()))
	}
	if p := app.Processor("fraud"); p == nil || p.Version != "2" || app.Processor("none") != nil {
		t.Errorf("Processor(fraud) = %+v", p)
	}
	if p := app.Owner("words-seen"); p == nil || p.Name != "wordcount" || app.Owner("none") != nil {
		t.Errorf("Owner(words-seen) = %+v", p)
	}
	if p := app.Emitter("words"); p == nil || p.Name != "wordcount" || app.Emitter("alerts") != nil {
		t.Errorf("Emitter(words) = %+v", p)
	}
	if by := topology.Partitioner(app.Processor("wordcount")); by.Name() != "murmur2" {
		t.Errorf("wordcount hashes by %s", by.Name())
	}
	fnv := processor.New("p", on(clicks.PartitionBy(processor.FNV1a))).Decl()
	if by := topology.Partitioner(fnv); by.Name() != "fnv1a" {
		t.Errorf("tables of a processor with fnv1a inputs hash by %s", by.Name())
	}
}

// S-29.
func TestProofFollowsFromTheInputs(t *testing.T) {
	app := shop()
	if p := topology.ProofOf(app.Processor("fraud")); p != topology.Exact {
		t.Errorf("fraud is %s", p)
	}
	if p := topology.ProofOf(app.Processor("wordcount")); p != topology.OrderDependent {
		t.Errorf("wordcount is %s", p)
	}
}

// S-32.
func TestAFingerprintDiffersWhereStateWould(t *testing.T) {
	other := processor.NewTable("other", codec.String, codec.Int64)
	base := processor.New("p", on(clicks), on(orders), processor.Owns(counts, other))
	for _, c := range []struct {
		name string
		now  *processor.Processor
		want []string
	}{
		{"nothing", base, nil},
		{"tables in another order, outputs, version, policy", processor.New("p", on(clicks), on(orders), processor.Owns(other, counts),
			processor.Emits(processor.NewStream("out", codec.String, codec.Int64)), processor.Version("2"), processor.OnError(processor.ErrorPolicy{Retries: 1})), nil},
		{"a table renamed", processor.New("p", on(clicks), on(orders), processor.Owns(counts, processor.NewTable("sums", codec.String, codec.Int64))),
			[]string{"table other is gone", "table sums is new"}},
		{"a table's codec", processor.New("p", on(clicks), on(orders), processor.Owns(other, processor.NewTable("counts", codec.String, codec.JSON[int64]()))),
			[]string{"table counts was (key string, value int64), is (key string, value json)"}},
		{"the order of inputs", processor.New("p", on(orders), on(clicks), processor.Owns(counts, other)), []string{
			"input clicks was (number 1, key string, value int64, partitioned by murmur2, record time), is (number 2, key string, value int64, partitioned by murmur2, record time)",
			"input orders was (number 2, key string, value int64, partitioned by murmur2, record time), is (number 1, key string, value int64, partitioned by murmur2, record time)",
		}},
		{"an event time, an internal stream", processor.New("p", on(clicks.EventTime(func(n int64) time.Time { return time.UnixMilli(n) })), on(orders), on(moved),
			processor.Emits(moved), processor.Owns(counts, other)), []string{
			"input clicks was (number 1, key string, value int64, partitioned by murmur2, record time), is (number 1, key string, value int64, partitioned by murmur2, event time)",
			"input moved is new",
			"internal stream moved is new",
		}},
	} {
		was, now := topology.FingerprintOf(base.Decl()), topology.FingerprintOf(c.now.Decl())
		if got := was.Difference(now); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if (was == now) != (c.want == nil) {
			t.Errorf("%s: the fingerprints compare equal: %v", c.name, was == now)
		}
	}
}

// A fingerprint is kept in the log: another text for the same declarations would refuse every running program.
func TestAFingerprintIsWhatItWas(t *testing.T) {
	want := topology.Fingerprint(`input payments: number 1, key string, value json, partitioned by murmur2, event time
table alerted: key string, value empty
table balances: key string, value int64`)
	if got := topology.FingerprintOf(shop().Processor("fraud")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// An edition's topics are found by what it was, whatever the program that drops it declares now.
func TestAFingerprintNamesTheTopicsOfItsEdition(t *testing.T) {
	app := shop()
	for name, want := range map[string]string{
		"fraud":     "shop.fraud.alerted.e3 shop.fraud.balances.e3 shop.fraud.dead-letters.e3",
		"wordcount": "shop.wordcount.words.e3 shop.wordcount.words-seen.e3 shop.wordcount.dead-letters.e3",
	} {
		p := app.Processor(name)
		if got := strings.Join(topology.FingerprintOf(p).Topics("shop", name, 3), " "); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
