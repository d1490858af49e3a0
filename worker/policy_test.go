package worker_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// put writes raw records to partition 0 of a topic.
func (b *bench) put(topic string, records ...commitlog.Record) {
	b.t.Helper()
	w, err := b.log.OpenWriter(context.Background(), commitlog.WriterConfig{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer w.Close()
	for i := range records {
		records[i].Timestamp = -1
		if _, err := w.Append(context.Background(), commitlog.Partition{Topic: topic}, records[i:i+1]); err != nil {
			b.t.Fatal(err)
		}
	}
}

func number(n int64) []byte { b, _ := codec.Int64.Append(nil, n); return b }

// letters reads a dead-letter topic with its headers.
func (b *bench) letters(topic string) (found []commitlog.Record) {
	b.t.Helper()
	r, err := b.log.OpenReader(context.Background(), commitlog.ReaderConfig{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	p := commitlog.Partition{Topic: topic}
	end, err := b.log.Offsets(context.Background(), []commitlog.Partition{p}, commitlog.End, commitlog.ReadCommitted)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Seek(p, 0)
	for next := int64(0); next < end[0].Offset; {
		batch, err := r.Poll(context.Background(), time.Second)
		if err != nil {
			b.t.Fatal(err)
		}
		if batch == nil {
			continue
		}
		for _, rec := range batch.Records {
			l := commitlog.Record{Key: append([]byte(nil), rec.Key...), Value: append([]byte(nil), rec.Value...), Offset: rec.Offset}
			for _, h := range rec.Headers {
				l.Headers = append(l.Headers, commitlog.Header{Key: h.Key, Value: append([]byte(nil), h.Value...)})
			}
			found = append(found, l)
		}
		next = batch.Next
		batch.Release()
	}
	return found
}

func header(r commitlog.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func one(c *worker.Config) { c.Partitions = 1 }

// poison is a processor whose handler does what the key says.
func poison(edges ...processor.Edge) *topology.Topology {
	undeclared := processor.NewTable("undeclared", codec.String, codec.Int64)
	elsewhere := processor.NewStream("elsewhere", codec.String, codec.Int64)
	return topology.MustNew("app", processor.New("counter", append([]processor.Edge{
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			have, _ := counts.Get(ctx, key)
			counts.Put(ctx, key, have+1)
			echo.Emit(ctx, key, n)
			switch key {
			case "error":
				return errors.New("no luck")
			case "panic":
				panic("out of cheese")
			case "goexit":
				runtime.Goexit()
			case "undeclared table":
				undeclared.Put(ctx, key, 1)
			case "undeclared stream":
				elsewhere.Emit(ctx, key, 1)
			case "big":
				echo.Emit(ctx, strings.Repeat("x", 2<<20), 1)
			}
			return nil
		}), processor.Owns(counts), processor.Emits(echo)}, edges...)...))
}

// Each kind of poison gets the policy's answer with its place; what came before and after is not lost.
func TestPoisonIsDeadLetteredWithItsPlaceAndNothingElseIsLost(t *testing.T) {
	for key, c := range map[string]struct {
		record commitlog.Record
		says   string
	}{
		"error":             {commitlog.Record{Key: []byte("error"), Value: number(1)}, "no luck"},
		"panic":             {commitlog.Record{Key: []byte("panic"), Value: number(1)}, "panic at policy_test.go:"},
		"goexit":            {commitlog.Record{Key: []byte("goexit"), Value: number(1)}, "runtime.Goexit"},
		"undeclared table":  {commitlog.Record{Key: []byte("undeclared table"), Value: number(1)}, "add Owns"},
		"undeclared stream": {commitlog.Record{Key: []byte("undeclared stream"), Value: number(1)}, "add Emits"},
		"big":               {commitlog.Record{Key: []byte("big"), Value: number(1)}, "max.message.bytes"},
		"undecodable":       {commitlog.Record{Key: []byte("k"), Value: []byte{0xff, 0xfe}}, "value"},
		"nil key":           {commitlog.Record{Value: number(1)}, "key"},
		"nil value":         {commitlog.Record{Key: []byte("k")}, "tombstone"},
	} {
		t.Run(key, func(t *testing.T) {
			b := newBench(t)
			b.createTopic("clicks", 1)
			good := func(n int) (rs []commitlog.Record) {
				for range n {
					rs = append(rs, commitlog.Record{Key: []byte("good"), Value: number(1)})
				}
				return rs
			}
			b.put("clicks", append(append(good(3), c.record), good(3)...)...)
			w, stop := b.run(poison(processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter})), one)
			b.settle(w)
			if got := read(b, poison(), counts); len(got) != 1 || got["good"] != 6 {
				t.Errorf("got %v, want the 6 good records", got)
			}
			if got := len(b.records("echo")); got != 6 {
				t.Errorf("%d records in echo, want 6", got)
			}
			ls := b.letters("app.counter.dead-letters")
			if len(ls) != 1 {
				t.Fatalf("%d dead letters, want 1", len(ls))
			}
			l := ls[0]
			if string(l.Value) != string(c.record.Value) || string(l.Key) != string(c.record.Key) ||
				header(l, "millrun-topic") != "clicks" || header(l, "millrun-partition") != "0" || header(l, "millrun-offset") != "3" ||
				!strings.Contains(header(l, "millrun-error"), c.says) {
				t.Errorf("letter %q %q with headers %v, want the original bytes, its place and %q", l.Key, l.Value, l.Headers, c.says)
			}
			// C-17: restarts repeat nothing.
			for range 2 {
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				w, stop = b.run(poison(processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter})), one)
				b.settle(w)
			}
			if got := len(b.letters("app.counter.dead-letters")); got != 1 {
				t.Errorf("%d dead letters after restarts, want 1", got)
			}
		})
	}
}

func TestAStoppedTaskStandsAtItsRecordAndOthersGoOn(t *testing.T) {
	b := newBench(t)
	app := poison()
	w, stop := b.run(app, nil)
	send(b, clicks, "good", 1, 1, 1) // partition by murmur2 of 4
	b.settle(w)
	send(b, clicks, "error", 7)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := w.Settled(ctx)
	if !errors.Is(err, worker.ErrStopped) || !strings.Contains(err.Error(), "no luck") || !strings.Contains(err.Error(), "clicks/") {
		t.Fatalf("Settled: %v", err)
	}
	st := w.Status()
	stopped := 0
	for _, ts := range st.Processors[0].Tasks {
		if ts.Stopped != nil {
			stopped++
		}
	}
	if stopped != 1 || st.Ready {
		t.Errorf("%d tasks stopped, ready %v; want one, and not ready", stopped, st.Ready)
	}
	if err := stop(); err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("Run returned %v, want the place of the stopped task", err)
	}
	if got := len(b.records("echo")); got != 3 {
		t.Errorf("%d records in echo, want 3: the failed record emits nothing", got)
	}
}

// C-20: a record that fails twice is tried again in place, and order within the partition holds.
func TestRetriesKeepOrderAndLoseNothing(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	var mu sync.Mutex
	attempts := map[int64]int{}
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			mu.Lock()
			attempts[n]++
			a := attempts[n]
			mu.Unlock()
			echo.Emit(ctx, key, n)
			if n < 2 && a < 3 {
				return errors.New("not yet")
			}
			return nil
		}), processor.Emits(echo),
		processor.OnError(processor.ErrorPolicy{Retries: 2, Backoff: 5 * time.Millisecond})))
	w, _ := b.run(app, one)
	send(b, clicks, "k", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	b.settle(w)
	want := ""
	for i := range int64(10) {
		want += string(number(i)) + "|"
	}
	if got := strings.Join(b.records("echo"), "|") + "|"; got != want {
		t.Errorf("echo has %q", got)
	}
	for n, a := range attempts {
		if wantA := map[bool]int{true: 3, false: 1}[n < 2]; a != wantA {
			t.Errorf("record %d: %d attempts, want %d", n, a, wantA)
		}
	}
}

func TestSkippedRecordsAreCounted(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	w, _ := b.run(poison(processor.OnError(processor.ErrorPolicy{Then: processor.Skip})), one)
	send(b, clicks, "error", 1, 2, 3)
	send(b, clicks, "good", 1)
	b.settle(w)
	if ts := w.Status().Processors[0].Tasks[0]; ts.Skipped != 3 || ts.Records != 1 {
		t.Errorf("skipped %d, handled %d; want 3 and 1", ts.Skipped, ts.Records)
	}
}

func TestAKeptContextStopsTheTask(t *testing.T) {
	b := newBench(t)
	var kept processor.Context
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			if n == 1 {
				kept = ctx
			} else {
				counts.Put(kept, key, n)
			}
			return nil
		}), processor.Owns(counts), processor.OnError(processor.ErrorPolicy{Then: processor.Skip})))
	w, _ := b.run(app, one)
	send(b, clicks, "k", 1, 2)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.Settled(ctx); err == nil || !strings.Contains(err.Error(), "after its handler had returned") {
		t.Errorf("got %v", err)
	}
	if got := read(b, app, counts); len(got) != 0 {
		t.Errorf("a stale context wrote %v", got)
	}
}

// S-62: a handler that does not come back is left behind; its task stands at the record, others commit.
func TestAHandlerThatHangsIsLeftBehind(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	var hangs atomic.Int32
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			have, _ := counts.Get(ctx, key)
			counts.Put(ctx, key, have+1)
			if n == -1 && hangs.Add(1) == 1 {
				<-release
			}
			return nil
		}), processor.Owns(counts)))
	w, stop := b.run(app, func(c *worker.Config) { c.Partitions = 2; c.MaxHandlerTime = 50 * time.Millisecond })
	keys := keysOf(2) // one key per partition
	send(b, clicks, keys[0], 1, 1, -1, 1)
	send(b, clicks, keys[1], 1, 1, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := w.Settled(ctx)
	if !errors.Is(err, worker.ErrStopped) || !strings.Contains(err.Error(), "did not return") || !strings.Contains(err.Error(), "clicks/0@2") {
		t.Fatalf("got %v", err)
	}
	if got := read(b, app, counts); fmt.Sprint(got) != fmt.Sprint(map[string]int64{keys[0]: 2, keys[1]: 3}) {
		t.Errorf("got %v, want 2 records before the hang and 3 of the other partition", got)
	}
	if err := stop(); err == nil {
		t.Error("Run returned nil though a task stands still")
	}
}

// keysOf finds a key for each of n partitions.
func keysOf(n int32) []string {
	keys := make([]string, n)
	for i := 0; ; i++ {
		key := fmt.Sprint("key-", i)
		if p := commitlog.Murmur2.Partition([]byte(key), n); keys[p] == "" {
			keys[p] = key
			done := true
			for _, k := range keys {
				done = done && k != ""
			}
			if done {
				return keys
			}
		}
	}
}

func TestAKeyOfAnotherPartitionIsRefusedWithTheWayOut(t *testing.T) {
	b := newBench(t)
	keys := keysOf(4)
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			counts.Put(ctx, keys[1], 1)
			return nil
		}), processor.Owns(counts)))
	w, _ := b.run(app, nil)
	send(b, clicks, keys[3], 1)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := w.Settled(ctx)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("key %q of table counts belongs to partition 1, this task has partition 3", keys[1])) ||
		!strings.Contains(err.Error(), "NewInternalStream") {
		t.Errorf("got %v", err)
	}
}

// C-49, S-68: a producer with another partitioner is found out at its first record.
func TestAnotherPartitionerStopsTheTaskWhateverThePolicy(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 4)
	b.put("clicks", commitlog.Record{Key: []byte("bob"), Value: number(1)}) // murmur2 says 2, FNV-1a says 0
	w, _ := b.run(topology.MustNew("app", countProcessor(processor.OnError(processor.ErrorPolicy{Then: processor.Skip}))), nil)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.Settled(ctx); err == nil || !strings.Contains(err.Error(), `key "bob" of stream clicks is in partition 0`) || !strings.Contains(err.Error(), "2 of 4") {
		t.Errorf("got %v", err)
	}
}

// A goroutine that outlives its handler and uses its Context is noticed without another record.
func TestAContextUsedBetweenRecordsStopsTheTask(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	go_, used := make(chan struct{}), make(chan struct{})
	app := topology.MustNew("app", processor.New("counter",
		processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
			go func() {
				<-go_
				counts.Put(ctx, key, n)
				close(used)
			}()
			return nil
		}), processor.Owns(counts)))
	w, stop := b.run(app, one)
	send(b, clicks, "k", 1)
	b.settle(w)
	close(go_)
	<-used
	if err := stop(); err == nil || !strings.Contains(err.Error(), "after its handler had returned") {
		t.Errorf("Run: %v, want the misuse told", err)
	}
}
