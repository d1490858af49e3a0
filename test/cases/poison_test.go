package cases_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// appended puts a 1,024-byte string at the end of a JSON list: 1,027 bytes an element, with its quotes and comma.
func appended(list []byte) []byte {
	if len(list) == 0 {
		list = []byte("[]")
	}
	list = append([]byte(nil), list[:len(list)-1]...)
	if len(list) > 1 {
		list = append(list, ',')
	}
	list = append(list, '"')
	list = append(list, bytes.Repeat([]byte("x"), 1024)...)
	return append(list, '"', ']')
}

// elements gives the number of elements of a list that only appended has made.
func elements(t *testing.T, list []byte) int {
	t.Helper()
	n := (len(list) - 1) / 1027
	if len(list) != 1027*n+1 || list[0] != '[' || list[len(list)-1] != ']' {
		t.Errorf("a list of %d bytes is none", len(list))
	}
	return n
}

// lengths gives the number of elements of both keys.
func lengths(b *bench, t *testing.T, app *topology.Topology, table *processor.Table[string, []byte]) (big, other int) {
	t.Helper()
	v := openView(b, app, table)
	defer v.Close()
	for e, err := range v.All(b.context()) {
		if err != nil {
			t.Fatal(err)
		}
		if n := elements(t, e.Value); e.Key == "big" {
			big = n
		} else {
			other = n
		}
	}
	return big, other
}

// C-16: a value grows past what its changelog takes: 128 KiB and 207 records instead of the card's 1 MiB and 1,650, or the race
// detector looks at gigabytes. The first append that does not fit is that record's error, the key
// keeps its last good value in every life, and what does not fit is a letter or a stop, never silence.
func TestAValueThatOutgrowsItsChangelogC16(t *testing.T) {
	lists := processor.NewTable("lists", codec.String, codec.Bytes)
	app := func(policy processor.ErrorPolicy) *topology.Topology {
		return topology.MustNew("app", processor.New("lister", processor.On(events, func(ctx processor.Context, key string, _ int64) error {
			list, _ := lists.Get(ctx, key)
			lists.Put(ctx, key, appended(list))
			return nil
		}), processor.Owns(lists), processor.OnError(policy)))
	}
	input := func(b *bench) {
		b.create("events", 1)
		var all []commitlog.Record
		for range 69 {
			all = append(append(all, sameRecord(2, "big")...), sameRecord(1, "other")...)
		}
		b.put("events", 0, all...)
	}
	// says checks what an error must name.
	says := func(text string) {
		t.Helper()
		for _, want := range []string{"table lists", `"big"`, "131072"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q does not name %s", text, want)
			}
		}
	}

	b := newBenchOn(t, 1, brokerlite.Config{MaxMessageBytes: 128 << 10})
	letters := app(processor.ErrorPolicy{Then: processor.DeadLetter})
	input(b)
	b.start(letters)
	b.settle()
	good := 0
	for i, end := range []func(){func() {}, b.halt, b.kill, func() { b.halt(); b.wipe() }} {
		if end(); i > 0 {
			b.start(letters)
			b.settle()
		}
		big, other := lengths(b, t, letters, lists)
		bad := b.records("app.lister.dead-letters")
		if i == 0 {
			good = big
			says(header(bad[0], "millrun-error"))
		}
		if big != good || big != 127 || big+len(bad) != 138 || other != 69 {
			t.Errorf("life %d: big has %d elements and %d letters, other %d; want 127, together 138, and 69", i, big, len(bad), other)
		}
	}
	b.halt()
	b.wipe()
	b.start(letters) // the store of the wiped life is compared with a build from the input
	b.settle()
	if r := b.rebuild(letters, "lister"); !r.Equal {
		t.Errorf("the store differs from a new build: %v", r)
	}

	for _, policy := range []processor.ErrorPolicy{{}, {Retries: 2, Backoff: time.Millisecond}} {
		b := newBenchOn(t, 1, brokerlite.Config{MaxMessageBytes: 128 << 10})
		stopping := app(policy)
		input(b)
		for life := range 2 {
			b.start(stopping)
			err := b.worker.Settled(b.context())
			if !errors.Is(err, worker.ErrStopped) {
				t.Fatalf("life %d: %v, want a stop", life, err)
			}
			says(err.Error())
			if big, _ := lengths(b, t, stopping, lists); big != good {
				t.Errorf("life %d: big has %d elements, want the %d that fit", life, big, good)
			}
			if err := b.stop(); err == nil {
				t.Error("Run returned nil though a task stands still")
			}
		}
	}
}

// C-17: bad records at the end of a partition, or all that a partition has, are done once: no start repeats them.
func TestBadLastRecordsAreDoneOnceC17(t *testing.T) {
	bad := commitlog.Record{Key: []byte("k"), Value: []byte{0xff, 0xfe}}
	app := counting(processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter}))
	for _, c := range []struct{ good, bad int }{{99, 1}, {98, 2}, {0, 1}} {
		b := newBench(t, 1)
		b.create("events", 1)
		if c.good > 0 {
			b.put("events", 0, sameRecord(c.good, "k")...)
		}
		for range c.bad {
			b.put("events", 0, bad)
		}
		for life, end := range []func(){b.halt, b.halt, b.halt, b.kill, b.kill} {
			b.start(app)
			b.settle()
			letters := b.records("app.counter.dead-letters")
			if len(letters) != c.bad {
				t.Fatalf("%d good, life %d: %d letters, want %d", c.good, life, len(letters), c.bad)
			}
			for i, l := range letters {
				if !bytes.Equal(l.Value, bad.Value) || !bytes.Equal(l.Key, bad.Key) || header(l, "millrun-topic") != "events" ||
					header(l, "millrun-partition") != "0" || header(l, "millrun-offset") != fmt.Sprint(c.good+i) {
					t.Errorf("%d good: letter %q %x with %v", c.good, l.Key, l.Value, l.Headers)
				}
			}
			if got := b.committed("app", "counter", 1, "events", 0); got != int64(c.good+c.bad) {
				t.Errorf("%d good, life %d: committed offset %d, want %d", c.good, life, got, c.good+c.bad)
			}
			if got := value(b, app, counts, "k"); got != int64(c.good) {
				t.Errorf("%d good, life %d: k = %d", c.good, life, got)
			}
			if got := b.worker.Status().Processors[0].Tasks[0].Records; life > 0 && got != 0 {
				t.Errorf("%d good, life %d: %d records handled again", c.good, life, got)
			}
			end()
		}
	}
}

// C-19: the source offset never passes a record whose dead letter has failed. The text names both faults, and after the repair
// there is one letter.
func TestADeadLetterThatFailsStopsTheTaskC19(t *testing.T) {
	app := counting(processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter}))
	bad := commitlog.Record{Key: []byte("k"), Value: bytes.Repeat([]byte("x"), 10<<10)}
	const letters = "app.counter.dead-letters"
	b := newBench(t, 1)
	b.create("events", 1)
	b.create(letters, 1, "max.message.bytes", "100")
	b.put("events", 0, sameRecord(3, "k")...)
	b.put("events", 0, bad)
	b.put("events", 0, sameRecord(3, "k")...)
	b.start(app)
	err := b.worker.Settled(b.context())
	if !errors.Is(err, worker.ErrStopped) || !strings.Contains(err.Error(), "events/0@3") || !strings.Contains(err.Error(), "10240 bytes") ||
		!strings.Contains(err.Error(), letters) || !strings.Contains(err.Error(), "100 bytes") {
		t.Errorf("Settled: %v, want the record's fault and the letter's", err)
	}
	_ = b.stop() // says the same
	if got := b.committed("app", "counter", 1, "events", 0); got != 3 {
		t.Errorf("committed offset %d, want 3: the bad record is not done", got)
	}
	if err := b.log.SetTopicConfig(b.context(), letters, map[string]string{"max.message.bytes": "1048588"}); err != nil {
		t.Fatal(err)
	}
	b.start(app)
	b.settle()
	if got := b.records(letters); len(got) != 1 || !bytes.Equal(got[0].Value, bad.Value) {
		t.Errorf("%d letters after the repair, want one with the original bytes", len(got))
	}
	if got := value(b, app, counts, "k"); got != 6 {
		t.Errorf("k = %d, want 6", got)
	}
	b.halt()

	b = newBench(t, 1) // a topic that cannot be made
	b.wrap = func(l commitlog.Log) commitlog.Log { return refusingLog{l, letters} }
	b.start(app)
	if err := b.end(); err == nil || !strings.Contains(err.Error(), letters) || !errors.Is(err, commitlog.ErrNotAuthorized) {
		t.Errorf("Run without a dead-letter topic: %v, want an error that names it", err)
	}
}

// C-19, where the log takes no dead letter: its disk is full. Nothing is committed past the bad record, and once there is room
// and the worker is started again there is one letter, and all else is handled once.
func TestADeadLetterThatTheLogRefusesIsNotLostC19(t *testing.T) {
	app := counting(processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter}))
	const letters = "app.counter.dead-letters"
	b := newBench(t, 1)
	b.create("events", 1)
	b.put("events", 0, sameRecord(3, "k")...)
	refused := make(chan struct{}, 1)
	b.wrap = func(l commitlog.Log) commitlog.Log { return fullLog{l, letters, refused} }
	b.start(app)
	b.settle()
	b.put("events", 0, commitlog.Record{Key: []byte("k"), Value: []byte{0xff}})
	b.put("events", 0, sameRecord(3, "k")...)
	select {
	case <-refused:
	case <-b.context().Done():
		t.Fatal("nobody wrote a letter")
	}
	if err := b.worker.Settled(b.context()); err == nil || !strings.Contains(err.Error(), "full disk") || !strings.Contains(err.Error(), letters) {
		t.Errorf("Settled: %v, want the fault and the topic of the letter", err)
	}
	_ = b.stop() // says the same
	if got := b.committed("app", "counter", 1, "events", 0); got != 3 {
		t.Errorf("committed offset %d, want 3: the bad record is not done", got)
	}
	b.wrap = nil
	b.start(app)
	b.settle()
	if got := b.records(letters); len(got) != 1 || header(got[0], "millrun-offset") != "3" {
		t.Errorf("%d letters once there is room, want one of offset 3", len(got))
	}
	if got := value(b, app, counts, "k"); got != 6 {
		t.Errorf("k = %d, want 6", got)
	}
}

// fullLog has no room for one topic.
type fullLog struct {
	commitlog.Log
	topic   string
	refused chan struct{}
}

func (l fullLog) OpenTransactor(ctx context.Context, c commitlog.TransactorConfig) (commitlog.Transactor, error) {
	tx, err := l.Log.OpenTransactor(ctx, c)
	return fullTransactor{tx, l}, err
}

type fullTransactor struct {
	commitlog.Transactor
	log fullLog
}

func (t fullTransactor) Append(ctx context.Context, p commitlog.Partition, records []commitlog.Record) error {
	if p.Topic != t.log.topic {
		return t.Transactor.Append(ctx, p, records)
	}
	select {
	case t.log.refused <- struct{}{}:
	default:
	}
	return fmt.Errorf("%w: %w", commitlog.ErrAborted, &commitlog.PartitionError{Partition: p, Offset: -1, Err: commitlog.ErrStorage})
}

// refusingLog does not let one topic be created.
type refusingLog struct {
	commitlog.Log
	topic string
}

func (l refusingLog) CreateTopic(ctx context.Context, spec commitlog.TopicSpec) error {
	if spec.Name == l.topic {
		return commitlog.ErrNotAuthorized
	}
	return l.Log.CreateTopic(ctx, spec)
}
