package topology_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

var prices = processor.NewTopicTable("prices", codec.String, codec.Int64)

// S-20, S-22.
func TestFaultsOfTablesThatOthersOwn(t *testing.T) {
	owner := processor.New("owner", on(clicks), processor.Owns(counts))
	for _, c := range []struct {
		name  string
		parts parts
		want  []string
	}{
		{"as they are meant", parts{owner, processor.New("p", on(orders), processor.Reads(counts), processor.ReadsGlobal(prices)),
			processor.New("q", on(orders), processor.Reads(prices), processor.ReadsGlobal(counts))}, nil},
		{"nil", parts{processor.New("p", on(orders), processor.Reads(nil), processor.ReadsGlobal((*processor.Table[string, int64])(nil)))}, []string{
			"processor p: argument 1 of Reads is nil",
			"processor p: argument 1 of ReadsGlobal is nil",
		}},
		{"nobody owns it", parts{processor.New("p", on(orders), processor.Reads(counts))}, []string{
			"processor p reads table counts, which no processor of shop owns: add Owns to one, or, if others write it, make it a NewTopicTable",
		}},
		{"a topic that is owned", parts{processor.New("p", on(orders), processor.Owns(prices))}, []string{
			"processor p: Owns names table prices, which is a NewTopicTable: others write its topic; name it in Reads or ReadsGlobal, or make it a NewTable",
		}},
		{"in two ways", parts{owner, processor.New("p", on(orders), processor.Reads(counts, prices), processor.ReadsGlobal(counts, prices))}, []string{
			"processor p: table counts is named in Reads and in ReadsGlobal: a handler would have two answers; choose one",
			"processor p: table prices is named in Reads and in ReadsGlobal: a handler would have two answers; choose one",
		}},
		{"twice", parts{owner, processor.New("p", on(orders), processor.Reads(counts, counts), processor.ReadsGlobal(prices, prices))}, []string{
			"processor p: Reads names table counts twice",
			"processor p: ReadsGlobal names table prices twice",
		}},
		{"its own", parts{processor.New("p", on(orders), processor.Owns(counts), processor.Reads(counts))}, []string{
			"processor p: Reads names table counts, which it owns: its handlers read it as it is",
		}},
		{"another handle of the name", parts{owner, processor.New("p", on(orders), processor.ReadsGlobal(processor.NewTable("counts", codec.String, codec.String)))}, []string{
			"table counts is declared twice, first at FILE: rename one, or share the handle",
		}},
		{"a topic in two formats", parts{processor.New("p", on(orders), processor.Reads(prices)),
			processor.New("q", on(orders), processor.ReadsGlobal(processor.NewTopicTable("prices", codec.String, codec.String)))}, []string{
			"table prices is declared twice with other formats: string to string here, string to int64 at FILE: share one handle",
		}},
		{"the topic of a stream with other formats", parts{processor.New("p", on(orders), processor.Reads(processor.NewTopicTable("clicks", codec.String, codec.String))),
			processor.New("q", on(clicks))}, []string{
			"table clicks reads the topic of stream clicks (FILE) with other formats: string to string here, string to int64 there",
		}},
		{"an input", parts{processor.New("p", on(orders), processor.Reads(processor.NewTopicTable("orders", codec.String, codec.Int64)))}, []string{
			"processor p consumes orders and reads it as a table: keep what its records say in a table that the processor owns",
		}},
		{"other partitioners", parts{owner, processor.New("p", on(orders.PartitionBy(processor.CRC32)), processor.Reads(counts, prices))}, []string{
			"processor p is partitioned by crc32, and table counts, which it reads, by murmur2: name the table in ReadsGlobal, or move the input through an internal stream",
			"processor p is partitioned by crc32, and table prices, which it reads, by murmur2: name the table in ReadsGlobal, or move the input through an internal stream",
		}},
		{"codecs and names", parts{processor.New("p", on(orders), processor.ReadsGlobal(processor.NewTopicTable("a/b", codec.String, codec.Codec[int64](nil))))}, []string{
			"table a/b: the value codec is nil (argument 3)",
			`table: the name "a/b" has '/': topics use letters, digits, - _ and dots`,
		}},
		{"a topic that Millrun writes", parts{owner, processor.New("p", on(orders), processor.ReadsGlobal(processor.NewTopicTable("shop.owner.counts.e1", codec.String, codec.Int64)))}, []string{
			"the stream shop.owner.counts.e1 would have the same topic as the changelog of table counts (shop.owner.counts.e1): rename one",
		}},
	} {
		app, err := topology.New("shop", c.parts...)
		if (app == nil) != (c.want != nil) {
			t.Errorf("%s: New gave %v", c.name, app)
		}
		if err == nil && c.want == nil {
			continue
		}
		if got := sentences(t, err); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
		}
	}
}

func reading() *topology.Topology {
	return topology.MustNew("shop",
		processor.New("owner", on(clicks), processor.Owns(counts)),
		processor.New("reader", on(orders), processor.Reads(counts), processor.ReadsGlobal(prices)))
}

// S-29.
func TestATableOfOthersTakesTheProofAway(t *testing.T) {
	app := reading()
	if p := topology.ProofOf(app.Processor("reader")); p != topology.Open {
		t.Errorf("reader is %s", p)
	}
	if p := topology.ProofOf(app.Processor("owner")); p != topology.Exact {
		t.Errorf("owner is %s", p)
	}
}

// S-32: the owner's formats are the owner's to change.
func TestTheFingerprintLeavesTablesOfOthersOut(t *testing.T) {
	alone := topology.FingerprintOf(processor.New("reader", on(orders)).Decl())
	if got := topology.FingerprintOf(reading().Processor("reader")); got != alone {
		t.Errorf("got %s, want %s", got, alone)
	}
}

func TestDescribeShowsTablesOfOthers(t *testing.T) {
	for f, file := range map[topology.Format]string{topology.Text: "testdata/reading.txt", topology.Mermaid: "testdata/reading.mmd", topology.DOT: "testdata/reading.dot"} {
		got := reading().Describe(f)
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
	}
}
