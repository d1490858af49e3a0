package cases_test

import (
	"fmt"
	"maps"
	"math"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/topology"
)

// C-22: 10,000 records whose key is 0 or -0 are one row in one partition. A map as a key does not compile, because JSON is no
// Key (package processor tests that).
func TestOneLogicalKeyIsOneRowC22(t *testing.T) {
	readings := processor.NewStream("readings", codec.Float64, codec.Int64)
	seen := processor.NewTable("seen", codec.Float64, codec.Int64)
	app := topology.MustNew("app", processor.New("counter", processor.On(readings, func(ctx processor.Context, key float64, _ int64) error {
		n, _ := seen.Get(ctx, key)
		seen.Put(ctx, key, n+1)
		return nil
	}), processor.Owns(seen)))
	b := newBench(t, 4)
	p, err := producer.Open(b.context(), b.log, readings, producer.Config{Partitions: 4})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		if err := p.Queue(b.context(), math.Copysign(0, float64(i%2)-0.5), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	b.start(app)
	b.settle()
	if got := fmt.Sprint(rows(b, app, seen)); got != "[0=10000]" {
		t.Errorf("the table is %s, want one row of 10,000", got)
	}
	used := 0
	for i := range int32(4) {
		if b.offset("readings", i, commitlog.End, commitlog.ReadCommitted) > 0 {
			used++
		}
	}
	if used != 1 {
		t.Errorf("%d partitions hold the key, want one", used)
	}
}

// C-26, second half: a changelog of many transactions, every fifth of them given up by a kill, restores to the fold of the
// input. 50 transactions instead of 1,000. What a cleaner does to markers waits for one.
func TestAbortedTransactionsInAChangelogLeaveNothingC26(t *testing.T) {
	b := newBench(t, 1)
	app := counting()
	b.create("events", 1)
	want := map[string]int64{}
	b.start(app)
	for i := range 50 {
		key := fmt.Sprint("k", i%7)
		b.put("events", 0, sameRecord(20, key)...)
		want[key] += 20
		if i%5 != 4 {
			b.settle()
			continue
		}
		// The changelog gets records that nobody will commit, and then the process dies.
		changelog := commitlog.Partition{Topic: "app.counter.counts.e1"}
		end := b.offset(changelog.Topic, 0, commitlog.End, commitlog.ReadUncommitted)
		tx := b.transactor(t, fmt.Sprint("ghost", i), 100*time.Millisecond)
		if err := tx.Append(b.context(), changelog, sameRecord(3, key)); err != nil {
			t.Fatal(err)
		}
		b.awaitWritten(changelog, end+2)
		b.kill()
		b.start(app)
	}
	b.settle()
	b.halt()
	b.wipe()
	b.start(app)
	b.put("events", 0, sameRecord(1, "k0")...)
	want["k0"]++
	b.settle()
	v := openView(b, app, counts)
	defer v.Close()
	got := map[string]int64{}
	for e, err := range v.All(b.context()) {
		if err != nil {
			t.Fatal(err)
		}
		got[e.Key] = e.Value
	}
	if !maps.Equal(got, want) {
		t.Errorf("the table is %v, want %v", got, want)
	}
	if r := b.rebuild(app, "counter"); !r.Equal {
		t.Errorf("the restored store differs from a new build: %v", r)
	}
}
