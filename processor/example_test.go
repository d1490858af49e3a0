package processor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

type event struct {
	Kind string
	At   time.Time
}

// visits is the input of the examples that run.
var visits = processor.NewStream("visits", codec.String, codec.String)

// running runs a processor on a log in a temporary directory while feed sends to visits, until all of it is handled.
func running(p *processor.Processor, feed func(ctx context.Context, in *producer.Producer[string, string]) error) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	data, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		log.Fatal(err)
	}
	w, err := worker.New(topology.MustNew("example", p), data, worker.Config{StateDir: filepath.Join(dir, "state"), Partitions: 1})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }() // ends with stop, and is waited for
	in, err := producer.Open(ctx, data, visits, producer.Config{Partitions: 1})
	if err == nil {
		err = errors.Join(feed(ctx, in), in.Close())
	}
	if err == nil {
		err = w.Settled(ctx)
	}
	stop()
	if err := errors.Join(err, <-ended, data.Close()); err != nil {
		log.Fatal(err)
	}
}

// send makes a feed of records "key value".
func send(records ...string) func(context.Context, *producer.Producer[string, string]) error {
	return func(ctx context.Context, in *producer.Producer[string, string]) error {
		for _, r := range records {
			key, value, _ := strings.Cut(r, " ")
			if err := in.Queue(ctx, key, value); err != nil {
				return err
			}
		}
		return in.Flush(ctx)
	}
}

// plan prints the lines of the plan that begin with one of the words, which commas separate.
func plan(words string, processors ...*processor.Processor) {
	for line := range strings.Lines(topology.MustNew("app", processors...).Describe(topology.Text)) {
		if first, _, _ := strings.Cut(strings.TrimSpace(line), "  "); slices.Contains(strings.Split(words, ","), first) {
			fmt.Println(strings.Join(strings.Fields(line), " "))
		}
	}
}

func Example() {
	counts := processor.NewTable("visits-per-user", codec.String, codec.Int64)
	running(processor.New("counter",
		processor.On(visits, func(ctx processor.Context, user, page string) error {
			n, _ := counts.Get(ctx, user)
			counts.Put(ctx, user, n+1)
			fmt.Println(user, n+1)
			return nil
		}),
		processor.Owns(counts),
	), send("ann /", "bob /", "ann /prices"))
	// Output:
	// ann 1
	// bob 1
	// ann 2
}

// A new processor has a version, a policy for errors and a place to begin.
func ExampleNew() {
	plan("consumes,starts at,on error", processor.New("quiet",
		processor.On(visits, func(processor.Context, string, string) error { return nil })))
	// Output:
	// consumes visits: string to string, by murmur2
	// starts at beginning
	// on error stop
}

// A handler returns nil, and what it did counts; or an error, and nothing of it does.
func ExampleOn() {
	running(processor.New("printer",
		processor.On(visits, func(_ processor.Context, user, page string) error {
			if page == "" {
				return errors.New("a visit to nowhere")
			}
			fmt.Println(user, "saw", page)
			return nil
		}),
		processor.OnError(processor.ErrorPolicy{Then: processor.Skip}),
	), send("ann /", "bob", "cy /prices"))
	// Output:
	// ann saw /
	// cy saw /prices
}

// A record without a value deletes.
func ExampleOnTombstone() {
	users := processor.NewTable("users", codec.String, codec.String)
	running(processor.New("users",
		processor.On(visits, func(ctx processor.Context, user, page string) error {
			users.Put(ctx, user, page)
			return nil
		}),
		processor.OnTombstone(visits, func(ctx processor.Context, user string) error {
			page, _ := users.Get(ctx, user)
			users.Delete(ctx, user)
			_, still := users.Get(ctx, user)
			fmt.Println(user, page, still)
			return nil
		}),
		processor.Owns(users),
	), func(ctx context.Context, in *producer.Producer[string, string]) error {
		if _, err := in.Send(ctx, "ann", "/"); err != nil {
			return err
		}
		_, err := in.SendTombstone(ctx, "ann")
		return err
	})
	// Output: ann / false
}

func ExampleOnError() {
	plan("on error,letters", processor.New("careful",
		processor.On(visits, func(processor.Context, string, string) error { return nil }),
		processor.OnError(processor.ErrorPolicy{Retries: 3, Backoff: time.Second, Then: processor.DeadLetter})))
	// Output:
	// on error 3 retries after 1s to 10s, then dead-letter
	// letters app.careful.dead-letters, of a build app.careful.dead-letters.e<N>
}

// What no retry can mend does not wait for one.
func ExamplePermanent() {
	attempts := 0
	running(processor.New("strict",
		processor.On(visits, func(_ processor.Context, user, page string) error {
			attempts++
			return processor.Permanent(errors.New("no visits today"))
		}),
		processor.OnError(processor.ErrorPolicy{Retries: 5, Then: processor.Skip}),
	), send("ann /"))
	fmt.Println("attempts:", attempts)
	// Output: attempts: 1
}

// An internal stream moves data to another key, and to the task of that key.
func ExampleNewInternalStream() {
	byPage := processor.NewInternalStream("by-page", codec.String, codec.String)
	perPage := processor.NewTable("per-page", codec.String, codec.Int64)
	running(processor.New("pages",
		processor.On(visits, func(ctx processor.Context, user, page string) error {
			byPage.Emit(ctx, page, user)
			return nil
		}),
		processor.On(byPage, func(ctx processor.Context, page, user string) error {
			n, _ := perPage.Get(ctx, page)
			perPage.Put(ctx, page, n+1)
			fmt.Println(page, n+1)
			return nil
		}),
		processor.Emits(byPage), processor.Owns(perPage),
	), send("ann /", "bob /"))
	// Output:
	// / 1
	// / 2
}

func ExampleEmits() {
	alerts := processor.NewStream("alerts", codec.String, codec.String)
	plan("emits", processor.New("watch",
		processor.On(visits, func(ctx processor.Context, user, page string) error {
			alerts.Emit(ctx, user, page)                                                 // with the time of the record
			alerts.EmitWith(ctx, user, page, processor.Meta{Timestamp: time.Unix(0, 0)}) // with another one, or headers
			alerts.EmitTombstone(ctx, user)                                              // without a value
			return nil
		}),
		processor.Emits(alerts)))
	// Output: emits alerts: string to string, by murmur2
}

// Tables that a processor reads and does not own: of another processor, in the same partition, or of a topic that others
// write, in every partition.
func ExampleReads() {
	users := processor.NewTable("users", codec.String, codec.String)
	countries := processor.NewTopicTable("countries", codec.String, codec.String)
	keep := func(ctx processor.Context, user, page string) error { users.Put(ctx, user, page); return nil }
	look := func(ctx processor.Context, user, page string) error {
		_, known := users.Get(ctx, user)
		_, allowed := countries.Get(ctx, page)
		_ = known && allowed
		return nil
	}
	plan("reads,proof",
		processor.New("users", processor.On(visits, keep), processor.Owns(users)),
		processor.New("look", processor.On(visits, look), processor.Reads(users), processor.ReadsGlobal(countries)))
	// Output:
	// proof exact: a rebuild gives equal tables, or names the first keys that differ
	// reads users: string to string, of processor users, the same partition, a copy in each task
	// reads countries: string to string, of topic countries, every partition, a copy on each worker
	// proof declared open: a rebuild is compared, and proves nothing: the log no longer has what the tables were made of
}

// Raise the version when handlers give other results; StartAt counts at the very first start alone.
func ExampleVersion() {
	p := processor.New("counter", processor.On(visits, func(processor.Context, string, string) error { return nil }),
		processor.Version("2"), processor.StartAt(processor.End))
	plan("starts at", p)
	fmt.Println(strings.Contains(topology.MustNew("app", p).Describe(topology.Text), "processor counter, version 2"))
	// Output:
	// starts at end
	// true
}

// Copies of a stream with settings of their own.
func ExampleStream() {
	events := processor.NewStream("events", codec.String, codec.JSON[event]()).
		EventTime(func(e event) time.Time { return e.At }).
		PartitionBy(processor.CRC32).
		AllowForeignPartitions()
	plan("consumes", processor.New("reader",
		processor.On(events, func(processor.Context, string, event) error { return nil })))
	// Output: consumes events: string to json, by crc32, event time from the value, foreign partitions allowed
}

// A scan sees the table as of its beginning, in the order of the keys.
func ExampleTable_Range() {
	seen := processor.NewTable("seen", codec.String, codec.String)
	running(processor.New("scan",
		processor.On(visits, func(ctx processor.Context, user, page string) error {
			seen.Put(ctx, user, page)
			if user != "end" {
				return nil
			}
			for k, v := range seen.Range(ctx, "b", "d") { // from b on, below d
				fmt.Println("range:", k, v)
			}
			for k := range processor.Prefix(ctx, seen, "an") {
				fmt.Println("prefix:", k)
			}
			n := 0
			for range seen.All(ctx) {
				n++
			}
			fmt.Println("all:", n)
			return nil
		}),
		processor.Owns(seen),
	), send("cy /c", "ann /a", "bob /b", "andy /d", "end ."))
	// Output:
	// range: bob /b
	// range: cy /c
	// prefix: andy
	// prefix: ann
	// all: 5
}

// What a record knows of itself. Chance and identifiers are the same at every replay.
func ExampleContext() {
	running(processor.New("look",
		processor.On(visits, func(ctx processor.Context, user, page string) error {
			from, ok := ctx.Header("from")
			fmt.Println(ctx.Timestamp().UTC(), ctx.Position(), string(from), ok)
			fmt.Println(ctx.StreamTime().Equal(ctx.Timestamp()), ctx.Err())
			fmt.Println(ctx.ID(), ctx.Rand().IntN(100))
			return nil
		}),
	), func(ctx context.Context, in *producer.Producer[string, string]) error {
		_, err := in.SendWith(ctx, "ann", "/", processor.Meta{Timestamp: time.Unix(1_700_000_000, 0),
			Headers: []commitlog.Header{{Key: "from", Value: []byte("mail")}}})
		return err
	})
	// Output:
	// 2023-11-14 22:13:20 +0000 UTC visits/0@0 mail true
	// true <nil>
	// f5695990-ca10-85dd-8df2-97d23c540536 2
}
