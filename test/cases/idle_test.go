package cases_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// C-82: 200 partitions, one record a second for a minute, a silent minute, and a record after the log has forgotten idle
// producers. Markers stand only where something was written, the silent minute writes not one byte, and the late record is
// handled once. Time is virtual.
func TestNothingIsWrittenWhileNothingHappensC82(t *testing.T) {
	const partitions = 200
	b := newBench(t, partitions)
	if err := b.log.Close(); err != nil {
		t.Fatal(err)
	}
	now := clock.NewVirtual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	disk := vfs.NewFaulty(b.disk)
	const never = 1000 * time.Hour // membership is not what this is about
	log, err := embedded.OpenConfig("log", embedded.Config{FS: disk, Clock: now, Broker: brokerlite.Config{
		MaxSessionTimeout: never, MaxTransactionTimeout: never, ProducerIDExpiration: 24 * time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	b.log = log
	app := counting()
	b.start(app, func(c *worker.Config) {
		c.Clock, c.CommitEvery, c.SessionTimeout, c.TransactionTimeout = now, 100*time.Millisecond, never, never
	})
	b.settleOn(now)
	touched := map[int32]int64{}
	for i := range 60 {
		key := fmt.Sprint("key-", i%7)
		send(b, events, key, 0)
		touched[commitlog.Murmur2.Partition([]byte(key), partitions)]++
		b.settleOn(now)
		now.Advance(time.Second)
	}
	// One record and one marker for each of the commits, and nothing elsewhere.
	for p := range int32(partitions) {
		if got := b.offset("app.counter.counts.e1", p, commitlog.End, commitlog.ReadUncommitted); got != 2*touched[p] {
			t.Errorf("the changelog's partition %d ends at %d, want %d", p, got, 2*touched[p])
		}
	}
	commits, written := b.worker.Status().Commits, disk.Count(vfs.KindWrite)
	for range 600 {
		now.Advance(100 * time.Millisecond)
	}
	b.settleOn(now)
	if got := b.worker.Status().Commits; got != commits {
		t.Errorf("%d commits in the silent minute", got-commits)
	}
	if got := disk.Count(vfs.KindWrite); got != written {
		t.Errorf("%d writes to the log's disk in the silent minute", got-written)
	}
	now.Advance(25 * time.Hour)
	send(b, events, "key-0", 0)
	b.settleOn(now)
	if got := value(b, app, counts, "key-0"); got != 10 {
		t.Errorf("key-0 = %d after the pause, want 10", got)
	}
}

// settleOn is settle where time is virtual: it moves on by small steps, for whatever waits a moment before it tries again.
func (b *bench) settleOn(now *clock.Virtual) {
	b.t.Helper()
	ctx, done := b.context(), make(chan error, 1)
	go func() { done <- b.worker.Settled(ctx) }() // received below
	for {
		select {
		case err := <-done:
			if err != nil {
				b.t.Fatalf("settle: %v", err)
			}
			return
		case <-time.After(2 * time.Millisecond):
			now.Advance(10 * time.Millisecond)
		}
	}
}

// C-13, first half: three records that matter among 1,000,000 that do not, at offsets 8, 109 and 999,999; live and in a rebuild.
// The second half needs a compacted changelog.
func TestThreeRecordsAmongAMillionAreFoundC13(t *testing.T) {
	found := processor.NewTable("found", codec.String, codec.Int64)
	app := topology.MustNew("app", processor.New("finder", processor.On(events, func(ctx processor.Context, key string, _ int64) error {
		if at := ctx.Position().Offset; at == 8 || at == 109 || at == 999_999 {
			n, _ := found.Get(ctx, key)
			found.Put(ctx, key, n+1)
		}
		return nil
	}), processor.Owns(found)))
	b := newBench(t, 1)
	b.create("events", 1)
	batch := sameRecord(10_000, "k")
	for range 100 {
		b.put("events", 0, batch...)
	}
	b.start(app)
	b.settle()
	if got := value(b, app, found, "k"); got != 3 {
		t.Errorf("found %d, want 3", got)
	}
	if r := b.rebuild(app, "finder"); !r.Equal || r.Records != 1_000_000 || r.Entries != 1 {
		t.Errorf("rebuild: %v", r)
	}
}
