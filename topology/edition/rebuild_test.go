package edition_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
)

// C-10: five rebuilds in one process, while somebody reads. Each reads all 10,000 records and is equal to the one before; what
// the reader sees is whole at any moment.
func TestARebuildCanBeRepeatedInOneProcessC10(t *testing.T) {
	b := newBench(t, 2)
	app := counting()
	b.start(app)
	for i := range 100 {
		b.send(fmt.Sprint("key-", i), 100)
	}
	b.settle()
	v, err := view.Open(b.context(), app, b.log, counts, view.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if err := v.Ready(b.context()); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() { // ends with stop
		for {
			total, n := int64(0), 0
			for e, err := range v.All(b.context()) {
				if err != nil {
					t.Error(err)
					return
				}
				total += e.Value
				n++
			}
			if total != 10_000 || n != 100 {
				t.Errorf("the view shows %d records of %d keys", total, n)
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	e := b.editions(app, "counter")
	for n := 2; n <= 6; n++ {
		r := b.rebuild(e, edition.RebuildConfig{})
		if r.Edition != n || !r.Serving || !r.Equal || r.Records != 10_000 || r.Entries != 100 || r.Fenced != 10_000 {
			t.Errorf("rebuild to edition %d: %+v", n, r)
		}
	}
	close(stop)
	reading.Wait()
	b.onceEach("after five rebuilds", 10_000)
}

// C-11: builds of nothing end at once and switch. Progress never divides by nothing.
func TestARebuildOfNothingEndsC11(t *testing.T) {
	ignoring := topology.MustNew("app", processor.New("counter",
		processor.On(events, func(processor.Context, string, int64) error { return nil }), processor.Owns(counts), processor.Emits(notices)))
	for _, c := range []struct {
		name    string
		app     *topology.Topology
		fill    func(b *bench)
		records int64
		entries int64
	}{
		{"no record", counting(), func(*bench) {}, 0, 0},
		{"ignored records", ignoring, func(b *bench) { b.send("k", 50) }, 50, 0},
		{"one record in partition 3", counting(), func(b *bench) { b.send(keyOf(3, 4), 1) }, 1, 1},
	} {
		b := newBench(t, 4)
		b.start(c.app)
		b.settle()
		c.fill(b)
		b.settle()
		begin := clock.System.Now()
		last := edition.Progress{}
		r := b.rebuild(b.editions(c.app, "counter"), edition.RebuildConfig{Progress: func(p edition.Progress) { last = p }})
		if !r.Serving || !r.Equal || r.Records != c.records || r.Entries != c.entries {
			t.Errorf("%s: %+v", c.name, r)
		}
		if took := clock.System.Now().Sub(begin); took > 5*time.Second {
			t.Errorf("%s: took %v", c.name, took)
		}
		if last.Records != c.records || last.Total != c.records || last.Ready != 4 {
			t.Errorf("%s: the last progress is %+v, want all of %d", c.name, last, c.records)
		}
	}

	b := newBench(t, 0)
	b.start(counting())
	if err := b.end(); err == nil || !strings.Contains(err.Error(), "input topic events of processor counter does not exist") {
		t.Errorf("a missing input: %v", err)
	}
}

// keyOf finds a key of a partition.
func keyOf(partition, partitions int32) string {
	for i := 0; ; i++ {
		if key := fmt.Sprint("key-", i); commitlog.Murmur2.Partition([]byte(key), partitions) == partition {
			return key
		}
	}
}

// C-12: 100,003 records, written in batches of 1, 7, 500 and 4,096; key i mod 7. In the statement after Rebuild every key is
// complete, in a view that was open and in a new one. 3 repeats instead of the card's 100.
func TestARebuildThatReturnsIsCompleteC12(t *testing.T) {
	b := newBench(t, 1)
	app := topology.MustNew("app", processor.New("counter", processor.On(events, func(ctx processor.Context, key string, _ int64) error {
		n, _ := counts.Get(ctx, key)
		counts.Put(ctx, key, n+1)
		return nil
	}), processor.Owns(counts)))
	b.create("events", 1)
	const all = 100_003
	number, _ := codec.Int64.Append(nil, 0) // never fails
	for next, round := 0, 0; next < all; round++ {
		size := []int{1, 7, 500, 4096}[round%4]
		var batch []commitlog.Record
		for ; size > 0 && next < all; size-- {
			batch = append(batch, commitlog.Record{Key: fmt.Append(nil, next%7), Value: number, Timestamp: -1})
			next++
		}
		b.put("events", 0, batch...)
	}
	b.start(app)
	b.settle()
	const want = "0=14287 1=14286 2=14286 3=14286 4=14286 5=14286 6=14286"
	v, err := view.Open(b.context(), app, b.log, counts, view.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if err := v.Ready(b.context()); err != nil {
		t.Fatal(err)
	}
	e := b.editions(app, "counter")
	for range 3 {
		r := b.rebuild(e, edition.RebuildConfig{})
		for i := range 7 {
			n, _, err := v.Get(b.context(), fmt.Sprint(i))
			if wanted := map[bool]int64{true: 14_287, false: 14_286}[i == 0]; err != nil || n != wanted {
				t.Errorf("key %d of the open view is %d, %v; want %d", i, n, err, wanted)
			}
		}
		if got := strings.Join(b.rows(app), " "); got != want || r.Records != all {
			t.Errorf("edition %d, %d records: %s, want %s", r.Edition, r.Records, got, want)
		}
	}
}

// What is told while a build runs never goes back, and its last word is that all is done.
func TestProgressRisesToTheWhole(t *testing.T) {
	b := newBench(t, 3)
	app := counting()
	b.start(app)
	for i := range 30 {
		b.send(fmt.Sprint("key-", i), 1000)
	}
	b.settle()
	for _, byHand := range []bool{true, false} {
		var told []edition.Progress
		e := b.editions(app, "counter")
		r := b.rebuild(e, edition.RebuildConfig{ByHand: byHand, Progress: func(p edition.Progress) { told = append(told, p) }})
		last := edition.Progress{Total: math.MinInt64}
		for i, p := range told {
			if p.Edition != r.Edition || p.Partitions != 3 || p.Stopped < last.Stopped || p.Ready < last.Ready || p.Records < last.Records ||
				p.Total != 0 && p.Total != 30_000 || p.Total < last.Total || p.Total > 0 && p.Records > p.Total {
				t.Errorf("progress %d is %+v after %+v", i, p, last)
			}
			last = p
		}
		if want := (edition.Progress{Edition: r.Edition, Partitions: 3, Stopped: 3, Ready: 3, Records: 30_000, Total: 30_000}); last != want {
			t.Errorf("by hand %v: the last progress is %+v, want %+v", byHand, last, want)
		}
		if byHand {
			if err := e.Cancel(b.context(), r.Edition); err != nil {
				t.Fatal(err)
			}
			b.settle()
		}
	}
}
