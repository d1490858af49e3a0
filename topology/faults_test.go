package topology_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

var (
	clicks = processor.NewStream("clicks", codec.String, codec.Int64)
	orders = processor.NewStream("orders", codec.String, codec.Int64)
	counts = processor.NewTable("counts", codec.String, codec.Int64)
	moved  = processor.NewInternalStream("moved", codec.String, codec.Int64)
)

func nothing(processor.Context, string, int64) error { return nil }

func on(s *processor.Stream[string, int64]) processor.Edge { return processor.On(s, nothing) }

// parts declares the processors of one case. Names of lines below are of this file.
type parts []*processor.Processor

// Each row is a way to hold it wrong that can be seen in the declarations, and what New then says, without the places.
func TestEveryFaultSaysWhatToChange(t *testing.T) {
	for _, c := range []struct {
		name  string
		app   string
		parts parts
		want  []string
	}{
		{"no processor", "shop", nil, []string{"application shop has no processor"}},
		{"the zero Processor and nil", "shop", parts{{}, nil, processor.New("p", on(clicks))}, []string{
			"application shop: argument 2 of topology.New was not made by processor.New",
			"application shop: argument 3 of topology.New is nil",
		}},
		{"nil alone", "shop", parts{nil}, []string{"application shop: argument 2 of topology.New is nil"}},
		{"no name and no processor", "", nil, []string{`application "" has no processor`, "application: the name is empty"}},
		{"empty and illegal names", "a.b", parts{processor.New("", on(clicks)), processor.New("x y", on(clicks))}, []string{
			`application: the name "a.b" has '.': use letters, digits, - and _`,
			"processor: the name is empty",
			`processor: the name "x y" has ' ': use letters, digits, - and _`,
		}},
		{"illegal names of streams and tables", "shop", parts{processor.New("p",
			on(processor.NewStream("a/b", codec.String, codec.Int64)),
			on(processor.NewInternalStream("a.b", codec.String, codec.Int64)),
			processor.Emits(processor.NewStream("", codec.String, codec.Int64)),
			processor.Owns(processor.NewTable("dead-letters", codec.String, codec.Int64)),
		)}, []string{
			`stream: the name "a/b" has '/': topics use letters, digits, - _ and dots`,
			`stream: the name "a.b" has '.': use letters, digits, - and _`,
			"stream: the name is empty",
			`table: the name "dead-letters" is taken: Millrun keeps dead letters in a topic of that name`,
			"processor p consumes internal stream a.b, which nobody emits: add Emits",
		}},
		{"nil handles and handlers", "shop", parts{processor.New("p", on(nil),
			processor.On[string, int64](clicks, nil), processor.OnTombstone[string, int64](nil, nil),
			processor.Owns(nil, counts), processor.Emits((*processor.Stream[string, int64])(nil)), processor.Edge{},
		)}, []string{
			"processor p: the stream of On is nil (argument 1)",
			"processor p: the handler of On is nil (argument 2)",
			"processor p: the stream of OnTombstone is nil (argument 1)",
			"processor p: the handler of OnTombstone is nil (argument 2)",
			"processor p: argument 1 of Owns is nil",
			"processor p: argument 1 of Emits is nil",
			"processor p: argument 7 of processor.New is no edge: make it with On, Owns and so on",
			"processor p has no input: add On",
		}},
		{"nil and broken codecs", "shop", parts{processor.New("p",
			on(processor.NewStream[string, int64]("s", nil, nil)), on(clicks.EventTime(nil)),
			processor.Owns(
				processor.NewTable("t", codec.String, codec.Func[int64]("money", nil, nil)),
				processor.NewTable("u", codec.Unkeyed, codec.Int64)),
		)}, []string{
			"stream s: the key codec is nil (argument 2)",
			"stream s: the value codec is nil (argument 3)",
			"stream clicks: EventTime needs a function",
			"table t: the value codec (argument 3): codec money has no encode function (argument 2)",
			"table u: a table needs keys: codec.Unkeyed has none",
		}},
		{"no input", "shop", parts{processor.New("p", processor.Owns(counts))}, []string{
			"processor p has no input: add On",
		}},
		{"two On of a stream, also by a copy", "shop", parts{processor.New("p", on(clicks), on(clicks.AllowForeignPartitions()))}, []string{
			"processor p has two On of stream clicks, the first at FILE: merge them",
		}},
		{"two OnTombstone, and no On", "shop", parts{processor.New("p",
			processor.OnTombstone(clicks, func(processor.Context, string) error { return nil }),
			processor.OnTombstone(clicks, func(processor.Context, string) error { return nil }),
		)}, []string{
			"processor p has two OnTombstone of stream clicks: merge them",
			"processor p: OnTombstone of stream clicks stands without On: add On",
		}},
		{"edges that stand once", "shop", parts{processor.New("p", on(clicks),
			processor.Version("2"), processor.Version("3"), processor.StartAt(processor.End), processor.StartAt(processor.End),
			processor.OnError(processor.ErrorPolicy{}), processor.OnError(processor.ErrorPolicy{}),
		)}, []string{
			"processor p: Version is given twice, first at FILE",
			"processor p: StartAt is given twice, first at FILE",
			"processor p: OnError is given twice, first at FILE",
		}},
		{"settings that mean nothing", "shop", parts{processor.New("p", on(clicks), processor.Version(""), processor.StartAt(7),
			processor.OnError(processor.ErrorPolicy{Retries: -1, Backoff: -time.Second, Then: 9}),
		)}, []string{
			`processor p: Version is empty: leave it out for "1"`,
			"processor p: StartAt(7): want Beginning or End",
			"processor p: OnError: Retries is -1: want 0 or more",
			"processor p: OnError: Backoff is -1s and MaxBackoff 0s: want 0 or more",
			"processor p: OnError: Then is 9: want Stop, DeadLetter or Skip",
		}},
		{"one processor twice", "shop", parts{processor.New("p", on(clicks)), processor.New("p", on(orders))}, []string{
			"processor p is declared twice, first at FILE: a name is a consumer group",
		}},
		{"one topic in two formats", "shop", parts{processor.New("p", on(clicks), processor.Emits(
			processor.NewStream("clicks", codec.Int64, codec.JSON[int64]()).PartitionBy(processor.CRC32)))}, []string{
			"stream clicks is declared twice with another value format: json here, int64 at FILE: share one handle",
			"stream clicks is declared twice with another key format: int64 here, string at FILE: share one handle",
			"stream clicks is declared twice with another partitioner: crc32 here, murmur2 at FILE: share one handle",
		}},
		{"one topic in two formats, within one processor", "shop", parts{processor.New("p", on(clicks),
			processor.On(processor.NewStream("clicks", codec.Int64, codec.JSON[int64]()), func(processor.Context, int64, int64) error { return nil }),
			processor.OnTombstone(processor.NewStream("clicks", codec.Int64, codec.Int64), func(processor.Context, int64) error { return nil }))}, []string{
			"processor p reads stream clicks in two formats: int64 to json here, declared at FILE, and string to int64 at FILE, declared at FILE: share one handle",
			"processor p reads stream clicks in two formats: int64 to int64 here, declared at FILE, and string to int64 at FILE, declared at FILE: share one handle",
		}},
		{"values that JSON cannot write", "shop", parts{processor.New("p", on(clicks), processor.Owns(
			processor.NewTable("t", codec.String, codec.JSON[struct{ Done chan int }]())))}, []string{
			"table t: the value codec (argument 3): codec json: struct { Done chan int } cannot be written: Done has type chan int",
		}},
		{"one name public and internal", "shop", parts{processor.New("p", on(moved), processor.Emits(moved)),
			processor.New("q", on(clicks), processor.Emits(processor.NewStream("moved", codec.String, codec.Int64)))}, []string{
			"stream moved is declared twice with another kind: public here, internal at FILE: share one handle",
		}},
		{"one table name twice", "shop", parts{processor.New("p", on(clicks), processor.Owns(counts)),
			processor.New("q", on(clicks), processor.Owns(processor.NewTable("counts", codec.String, codec.String)))}, []string{
			"table counts is declared twice, first at FILE: rename one, or share the handle",
		}},
		{"two owners", "shop", parts{processor.New("p", on(clicks), processor.Owns(counts)), processor.New("q", on(clicks), processor.Owns(counts))}, []string{
			"table counts has two owners, processors p and q: it can have one",
		}},
		{"a table and a stream named twice", "shop", parts{processor.New("p", on(clicks), processor.Owns(counts, counts), processor.Emits(orders, orders))}, []string{
			"processor p: Emits names stream orders twice",
			"processor p: Owns names table counts twice",
		}},
		{"inputs that are partitioned differently", "shop", parts{processor.New("p", on(clicks), on(orders.PartitionBy(processor.FNV1a)))}, []string{
			"processor p: its inputs are partitioned differently: clicks by murmur2, orders by fnv1a: " +
				"if the topics are written so, move one through an internal stream, else say PartitionBy",
		}},
		{"internal streams that lead nowhere", "shop", parts{
			processor.New("p", on(clicks), processor.Emits(moved)),
			processor.New("q", on(moved)),
			processor.New("r", on(processor.NewInternalStream("lost", codec.String, codec.Int64))),
			processor.New("s", on(clicks), processor.Emits(processor.NewInternalStream("unread", codec.String, codec.Int64))),
		}, []string{
			"processor q consumes internal stream moved of processor p: handle it there, or make it a NewStream",
			"processor r consumes internal stream lost, which nobody emits: add Emits",
			"processor s emits internal stream unread, which nobody consumes: add On, or make it a NewStream",
		}},
		{"two emitters of an internal stream", "shop", parts{
			processor.New("p", on(moved), processor.Emits(moved)),
			processor.New("q", on(clicks), processor.Emits(moved)),
		}, []string{
			"internal stream moved is emitted by two processors, p and q: give each its own",
		}},
		{"topics of one name", "shop", parts{processor.New("p", on(moved), on(processor.NewStream("shop.control", codec.String, codec.Int64)),
			processor.Emits(moved), processor.Owns(processor.NewTable("moved", codec.String, codec.Int64)))}, []string{
			"the internal stream moved would have the same topic as the changelog of table moved (shop.p.moved.e1): rename one",
			"the stream shop.control would have the same topic as the control topic of shop (shop.control): rename one",
		}},
		{"names that are too long together", "shop", parts{processor.New(strings.Repeat("p", 200), on(clicks),
			processor.Owns(processor.NewTable(strings.Repeat("t", 100), codec.String, codec.Int64)))}, []string{
			"the changelog of table " + strings.Repeat("t", 100) + ": the topic \"shop." + strings.Repeat("p", 200) + "." +
				strings.Repeat("t", 100) + ".e1\" has 309 characters, and 249 are the most: shorten the names",
		}},
	} {
		app, err := topology.New(c.app, c.parts...)
		if app != nil {
			t.Errorf("%s: New gave a topology beside the faults", c.name)
		}
		if got := sentences(t, err); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
		}
	}
}

var place = regexp.MustCompile(`(?:faults|foreign)_test\.go:\d+`)

// sentences checks that each fault begins with a place of this file, and takes it away.
func sentences(t *testing.T, err error) (list []string) {
	t.Helper()
	var faults *topology.Faults
	if !errors.As(err, &faults) {
		t.Errorf("New says %v, want *Faults", err)
		return nil
	}
	for _, f := range faults.List {
		at, text, _ := strings.Cut(f.Error(), ": ")
		if !place.MatchString(at) {
			t.Errorf("the fault %q does not begin with its place", f)
		}
		list = append(list, place.ReplaceAllString(text, "FILE"))
	}
	return list
}

func TestAllFaultsComeInOneError(t *testing.T) {
	_, err := topology.New("shop", processor.New("p", processor.Owns(counts)), processor.New("q", on(clicks), processor.Owns(counts)))
	text := place.ReplaceAllString(err.Error(), "FILE")
	want := "application shop: 2 faults\n\tFILE: processor p has no input: add On\n\tFILE: table counts has two owners, processors p and q: it can have one"
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	_, err = topology.New("shop")
	if !strings.HasPrefix(err.Error(), "application shop: 1 fault\n") {
		t.Errorf("one fault reads %q", err)
	}
	defer func() {
		if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "has no processor") {
			t.Errorf("MustNew panics with %v", err)
		}
	}()
	topology.MustNew("shop")
}

// What looks like a fault and is none.
func TestSoundTopologiesPass(t *testing.T) {
	unkeyed := processor.NewStream("clicks", codec.Unkeyed, codec.Int64)
	letters := processor.NewStream("shop.p.dead-letters", codec.Bytes, codec.Bytes)
	for name, p := range map[string]parts{
		"handles shared by processors":                 {processor.New("p", on(clicks), processor.Owns(counts)), processor.New("q", on(clicks))},
		"Unkeyed beside a keyed declaration":           {processor.New("p", on(clicks)), processor.New("q", processor.On(unkeyed, func(processor.Context, struct{}, int64) error { return nil }))},
		"a copy with an event time":                    {processor.New("p", on(clicks)), processor.New("q", on(clicks.EventTime(func(n int64) time.Time { return time.UnixMilli(n) })))},
		"a loop through an internal stream":            {processor.New("p", on(clicks), on(moved), processor.Emits(moved))},
		"a chain over a public stream":                 {processor.New("p", on(clicks), processor.Emits(orders)), processor.New("q", on(orders))},
		"a topic that is both input and output":        {processor.New("p", on(clicks), processor.Emits(clicks))},
		"a reader of another processor's dead letters": {processor.New("q", processor.On(letters, func(processor.Context, []byte, []byte) error { return nil }))},
	} {
		if _, err := topology.New("shop", p...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := processor.New("p", on(clicks))
	for _, app := range []string{"one", "two"} {
		if _, err := topology.New(app, p); err != nil {
			t.Errorf("one processor in two applications: %v", err)
		}
	}
}
