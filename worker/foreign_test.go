package worker_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

var (
	rates  = processor.NewTopicTable("rates", codec.String, codec.Int64)
	priced = processor.NewStream("priced", codec.String, codec.Int64)
)

// pricing emits the rate that each click finds under its own key, -1 for none.
func pricing(reads processor.Edge) *processor.Processor {
	return processor.New("pricing", processor.On(clicks, func(ctx processor.Context, key string, _ int64) error {
		rate, ok := rates.Get(ctx, key)
		if !ok {
			rate = -1
		}
		priced.Emit(ctx, key, rate)
		return nil
	}), reads, processor.Emits(priced))
}

var waysToRead = map[string]processor.Edge{"Reads": processor.Reads(rates), "ReadsGlobal": processor.ReadsGlobal(rates)}

// S-20, S-22: what the topic held when the task started is there at its first record, however long it takes to load.
func TestATableOfOthersIsLoadedBeforeTheFirstRecord(t *testing.T) {
	for name, reads := range waysToRead {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			app := topology.MustNew("app", pricing(reads))
			w, stop := b.run(app, one)
			b.settle(w)
			for round := range int64(3) { // an empty copy, one that is behind, one that is lost
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				if round == 2 {
					if err := b.disk.RemoveAll("state"); err != nil {
						t.Fatal(err)
					}
				}
				send(b, clicks, "k", 0)
				var all []commitlog.Record
				for i := range int64(3000) {
					all = append(all, commitlog.Record{Key: []byte("k"), Value: number(3000*round + i)})
				}
				b.put("rates", all...)
				w, stop = b.run(app, one)
				b.settle(w)
				want := strconv.FormatInt(3000*round+2999, 10)
				if got := b.numbers("priced"); got[len(got)-1] != want || len(got) != int(round)+1 {
					t.Errorf("round %d: found %v, want %s at last", round, got, want)
				}
			}
		})
	}
}

// numbers gives the values of partition 0 of a topic of int64.
func (b *bench) numbers(topic string) (list []string) {
	b.t.Helper()
	for _, r := range b.committedRecords(topic, 1) {
		n, err := codec.Int64.Decode(r.Value)
		if err != nil {
			b.t.Fatal(err)
		}
		list = append(list, strconv.FormatInt(n, 10))
	}
	return list
}

// S-20: what a task has found once, it finds again or something newer, over power cuts at random moments.
func TestACopyNeverGoesBack(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	b := newBench(t)
	app := topology.MustNew("app", pricing(processor.Reads(rates)))
	b.createTopic("clicks", 1)
	b.createTopic("rates", 1)
	ctx := context.Background()
	rate := int64(0)
	rateStream := processor.NewStream("rates", codec.String, codec.Int64)
	for range 8 {
		_, cancel, ended := b.start(app, one)
		in, err := producer.Open(ctx, b.log, clicks, producer.Config{})
		if err != nil {
			t.Fatal(err)
		}
		set, err := producer.Open(ctx, b.log, rateStream, producer.Config{})
		if err != nil {
			t.Fatal(err)
		}
		for range rnd.IntN(200) {
			rate++
			if err := errors.Join(set.Queue(ctx, "k", rate), in.Queue(ctx, "k", 0)); err != nil {
				t.Fatal(err)
			}
			if rnd.IntN(4) == 0 {
				if err := errors.Join(set.Flush(ctx), in.Flush(ctx)); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, _ = set.Close(), in.Close()
		b.crash(ended, cancel)
	}
	w, _ := b.run(app, one)
	b.settle(w)
	last := int64(-1)
	for _, text := range b.numbers("priced") {
		n, _ := strconv.ParseInt(text, 10, 64)
		if n < last {
			t.Fatalf("seed %d: found %d after %d", seed, n, last)
		}
		last = n
	}
}

// S-20: how far a copy was read is in the position, by the id of its topic; what is read whole is in none.
func TestThePositionSaysHowFarTablesOfOthersWereRead(t *testing.T) {
	for name, reads := range waysToRead {
		b := newBench(t)
		w, _ := b.run(topology.MustNew("app", pricing(reads)), one)
		b.settle(w)
		b.put("rates", commitlog.Record{Key: []byte("k"), Value: number(1)}, commitlog.Record{Key: []byte("k"), Value: number(2)})
		b.settle(w)
		send(b, clicks, "k", 0)
		b.settle(w)
		topic, err := b.log.Topics(context.Background(), "rates")
		if err != nil {
			t.Fatal(err)
		}
		var last journal.Position
		for _, r := range b.journal("app.pricing.journal") {
			if e, err := journal.Parse(r.Key, r.Value); err == nil && e.Position != nil {
				last = *e.Position
			}
		}
		want := []journal.Copy{{Table: "rates", Topic: topic[0].ID, Next: 2}}
		if name == "ReadsGlobal" {
			want = nil
		}
		if fmt.Sprint(last.Copies) != fmt.Sprint(want) {
			t.Errorf("%s: the position has %v, want %v", name, last.Copies, want)
		}
	}
}

// A table that is deleted while it is read stops the tasks that read it, with a sentence that names it; nobody else stops.
func TestADeletedTableStopsItsReadersAlone(t *testing.T) {
	for name, reads := range waysToRead {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			other := processor.NewStream("other", codec.String, codec.Int64)
			app := topology.MustNew("app", pricing(reads), processor.New("bystander",
				processor.On(other, func(ctx processor.Context, key string, n int64) error { echo.Emit(ctx, key, n); return nil }),
				processor.Emits(echo)))
			w, stop := b.run(app, one)
			b.settle(w)
			b.put("rates", commitlog.Record{Key: []byte("k"), Value: number(5)})
			send(b, clicks, "k", 0)
			b.settle(w)
			if err := b.log.DeleteTopic(context.Background(), "rates"); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			for {
				send(b, clicks, "k", 0) // until the reader has heard of it, the last copy answers
				err := w.Settled(ctx)
				if err == nil {
					continue
				}
				if !errors.Is(err, worker.ErrStopped) || !strings.Contains(err.Error(), "table rates, which others write, cannot be read") {
					t.Fatalf("got %v", err)
				}
				break
			}
			send(b, other, "k", 7)
			r, err := b.log.OpenReader(ctx, commitlog.ReaderConfig{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			r.Seek(commitlog.Partition{Topic: "echo"}, 0)
			if batch, err := r.Poll(ctx, patience); err != nil || batch == nil || len(batch.Records) != 1 {
				t.Errorf("the other processor gave %v, %v", batch, err)
			}
			if err := stop(); err == nil || !strings.Contains(err.Error(), "table rates") {
				t.Errorf("Run gave %v", err)
			}
		})
	}
}

// The copies of two workers give the same answers, and a task that moves takes up where it was read.
func TestAnotherWorkerFindsTheSame(t *testing.T) {
	for name, reads := range waysToRead {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			app := topology.MustNew("app", pricing(reads))
			w1, stop := b.run(app, nil)
			b.settle(w1)
			keys := func(n int) {
				t.Helper()
				for i := range 40 {
					send(b, clicks, "k"+strconv.Itoa(i), make([]int64, n)...)
				}
			}
			rateStream := processor.NewStream("rates", codec.String, codec.Int64)
			for i := range 40 {
				send(b, rateStream, "k"+strconv.Itoa(i), int64(i))
			}
			b.settle(w1)
			keys(1)
			w2, _ := b.run(app, func(c *worker.Config) { c.StateDir = "second" })
			b.waitTasks(w2, 2)
			keys(1)
			b.settleAll(w1, w2)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			b.waitTasks(w2, 4)
			keys(1)
			b.settle(w2)
			found := map[string]int{}
			for _, r := range b.committedRecords("priced", 4) {
				n, err := codec.Int64.Decode(r.Value)
				if err != nil {
					t.Fatal(err)
				}
				if string(r.Key) != "k"+strconv.FormatInt(n, 10) {
					t.Errorf("%s found %d", r.Key, n)
				}
				found[string(r.Key)]++
			}
			for key, n := range found {
				if n != 3 {
					t.Errorf("%s: %d answers", key, n)
				}
			}
			if len(found) != 40 {
				t.Errorf("%d keys", len(found))
			}
		})
	}
}

// S-12, of copies: one that does not fit its topic is made anew, and what the topic does not say any more is gone.
func TestACopyIsTrustedOnlyIfItFitsItsTopic(t *testing.T) {
	ctx := context.Background()
	rate := func(key string, value []byte) commitlog.Record {
		return commitlog.Record{Key: []byte(key), Value: value}
	}
	for name, reads := range waysToRead {
		for _, c := range []struct {
			name    string
			between func(b *bench)
			want    string
			aside   int64
		}{
			{"the topic was made anew, with more in it", func(b *bench) {
				if err := b.log.DeleteTopic(ctx, "rates"); err != nil {
					t.Fatal(err)
				}
				b.createTopic("rates", 1)
				b.put("rates", rate("a", number(1)), rate("b", number(2)), rate("c", number(3)), rate("d", number(4)))
			}, "-1", 0}, // the store itself sees the other id
			{"the topic begins behind the copy", func(b *bench) {
				b.put("rates", rate("k", nil), rate("a", number(1)), rate("b", number(1)))
				if err := b.log.DeleteRecords(ctx, []commitlog.Position{{Partition: commitlog.Partition{Topic: "rates"}, Offset: 3}}); err != nil {
					t.Fatal(err)
				}
			}, "-1", 1},
			{"the topic may have forgotten deletions", func(b *bench) {
				if err := b.log.SetTopicConfig(ctx, "rates", map[string]string{"delete.retention.ms": "2"}); err != nil {
					t.Fatal(err)
				}
				b.put("rates", rate("a", number(1)), rate("b", number(1)))
			}, "5", 1},
			{"nothing", func(b *bench) { b.put("rates", rate("a", number(1))) }, "5", 0},
		} {
			t.Run(name+", "+c.name, func(t *testing.T) {
				b := newBench(t)
				b.createTopic("rates", 1)
				b.createTopic("clicks", 1)
				app := topology.MustNew("app", pricing(reads))
				w, stop := b.run(app, one)
				b.put("rates", rate("k", number(5)), rate("k", number(5)))
				send(b, clicks, "k", 0)
				b.settle(w)
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				c.between(b)
				w, _ = b.run(app, one)
				send(b, clicks, "k", 0)
				b.settle(w)
				if got := b.numbers("priced"); got[1] != c.want || w.Status().MovedAside != c.aside {
					t.Errorf("found %v, want %s at last; %d copies moved aside, want %d", got, c.want, w.Status().MovedAside, c.aside)
				}
			})
		}
	}
}

// shortened is a log that has lost the end of a topic.
type shortened struct {
	commitlog.Log
	topic string
	end   int64
}

func (s shortened) Offsets(ctx context.Context, p []commitlog.Partition, at commitlog.At, i commitlog.Isolation) ([]commitlog.Position, error) {
	got, err := s.Log.Offsets(ctx, p, at, i)
	for n := range got {
		if at == commitlog.End && got[n].Partition.Topic == s.topic {
			got[n].Offset = s.end
		}
	}
	return got, err
}

// S-20: a task does not begin with less of a table than it had read before: it says what is missing.
func TestATaskDoesNotBeginWithLessThanItHadRead(t *testing.T) {
	b := newBench(t)
	app := topology.MustNew("app", pricing(processor.Reads(rates)))
	w, stop := b.run(app, one)
	b.settle(w)
	b.put("rates", commitlog.Record{Key: []byte("k"), Value: number(1)}, commitlog.Record{Key: []byte("k"), Value: number(2)})
	b.settle(w)
	send(b, clicks, "k", 0)
	b.settle(w)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	w, _ = b.runOn(shortened{b.log, "rates", 1}, app, one)
	send(b, clicks, "k", 0)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.Settled(ctx); err == nil || !strings.Contains(err.Error(), "rates/0 ends at 1, and the task had read it up to 2: the log has lost data") {
		t.Errorf("got %v", err)
	}
}

// A record without a key, which a topic that is not compacted may have, is no entry: it is counted and stops nobody.
func TestARecordWithoutAKeyIsNoEntry(t *testing.T) {
	for name, reads := range waysToRead {
		b := newBench(t)
		b.createTopic("rates", 1)
		b.createTopic("clicks", 1)
		w, _ := b.run(topology.MustNew("app", pricing(reads)), one)
		b.append("rates", []commitlog.Record{{Key: []byte("k"), Value: number(1)}, {Value: number(9)}, {Key: []byte("l"), Value: number(2)}})
		b.settle(w)
		send(b, clicks, "k", 0)
		b.settle(w)
		send(b, clicks, "l", 0)
		b.settle(w)
		if got := b.numbers("priced"); fmt.Sprint(got) != "[1 2]" || w.Status().Unreadable != 1 {
			t.Errorf("%s: found %v, %d entries reported", name, got, w.Status().Unreadable)
		}
	}
}

// damaged is a log that cannot read a topic from an offset on.
type damaged struct {
	commitlog.Log
	at commitlog.Position
}

func (d damaged) OpenReader(ctx context.Context, c commitlog.ReaderConfig) (commitlog.Reader, error) {
	r, err := d.Log.OpenReader(ctx, c)
	return damagedReader{r, d.at}, err
}

type damagedReader struct {
	commitlog.Reader
	at commitlog.Position
}

func (r damagedReader) Poll(ctx context.Context, wait time.Duration) (*commitlog.Batch, error) {
	b, err := r.Reader.Poll(ctx, wait)
	if b != nil && b.Partition == r.at.Partition && b.Next > r.at.Offset {
		b.Release()
		r.Reader.Drop(r.at.Partition)
		return nil, &commitlog.PartitionError{Partition: r.at.Partition, Offset: r.at.Offset, Err: commitlog.ErrCorrupt}
	}
	return b, err
}

// A table that cannot be read stops the tasks that read it, at the start and later, with a sentence that names the place; Run goes on
// for the others, and Status shows how far the copy is.
func TestATableThatCannotBeReadStopsItsReadersAlone(t *testing.T) {
	for name, reads := range waysToRead {
		for _, when := range []string{"at the start", "later"} {
			t.Run(name+" "+when, func(t *testing.T) {
				b := newBench(t)
				other := processor.NewStream("other", codec.String, codec.Int64)
				app := topology.MustNew("app", pricing(reads), processor.New("bystander",
					processor.On(other, func(ctx processor.Context, key string, n int64) error { return nil })))
				b.createTopic("rates", 1)
				b.createTopic("clicks", 1)
				b.createTopic("other", 1)
				bad := func() { b.append("rates", []commitlog.Record{{Key: []byte("k"), Value: number(1)}}) }
				if when == "at the start" {
					bad()
				}
				w, _ := b.runOn(damaged{b.log, commitlog.Position{Partition: commitlog.Partition{Topic: "rates"}}}, app, one)
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				if when == "later" {
					b.settle(w)
					bad()
				}
				send(b, other, "k", 1)
				for {
					send(b, clicks, "k", 0) // until the reader has met the damage
					if err := w.Settled(ctx); err != nil {
						if !errors.Is(err, worker.ErrStopped) || !strings.Contains(err.Error(), "table rates") || !strings.Contains(err.Error(), "rates/0 at 0") {
							t.Fatalf("got %v", err)
						}
						break
					}
				}
				for _, p := range w.Status().Processors {
					for _, task := range p.Tasks {
						if (task.Stopped != nil) != (p.Name == "pricing") {
							t.Errorf("%s: %+v", p.Name, task)
						}
					}
				}
			})
		}
	}
}

// S-6, S-20: a task that goes back to what is committed keeps its copy and follows it on.
func TestACopyOutlivesAFailedCommit(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	commits := 0
	log := &rigged{Log: b.log, commit: func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if commits++; commits%2 == 1 {
			return tx.refuse(ctx)
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}}
	w, stop := b.runOn(log, topology.MustNew("app", pricing(processor.Reads(rates))), one)
	b.settle(w)
	var want []string
	for i := range int64(5) {
		b.put("rates", commitlog.Record{Key: []byte("k"), Value: number(i)})
		b.settle(w)
		send(b, clicks, "k", 0)
		b.settle(w)
		want = append(want, strconv.FormatInt(i, 10))
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := b.numbers("priced"); fmt.Sprint(got) != fmt.Sprint(want) || commits < 10 {
		t.Errorf("found %v after %d commits, want %v", got, commits, want)
	}
}
