package worker_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

// broken is a partitioner that panics for one key.
type broken struct{ commitlog.Partitioner }

func (p broken) Partition(key []byte, n int32) int32 {
	if string(key) == "bad" {
		panic("no such partition")
	}
	return p.Partitioner.Partition(key, n)
}

// S-62: panics of extractors and partitioners are the record's error, as those of handlers.
func TestAPartitionerThatPanicsIsTheRecordsError(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	keys := keysOf(2)
	bad := clicks.PartitionBy(broken{commitlog.Murmur2})
	b.put("clicks", commitlog.Record{Key: []byte("bad"), Value: number(1)}, commitlog.Record{Key: []byte(keys[0]), Value: number(1)})
	app := topology.MustNew("app", processor.New("counter",
		processor.On(bad, func(ctx processor.Context, key string, n int64) error {
			echo.Emit(ctx, key, n)
			return nil
		}), processor.Emits(echo), processor.OnError(processor.ErrorPolicy{Then: processor.Skip})))
	w, _ := b.run(app, oneLane)
	b.settle(w)
	if got := len(b.committedRecords("echo", 2)); got != 1 {
		t.Errorf("%d records in echo, want the good one", got)
	}
}

// The same for runtime.Goexit in an event-time extractor, which is also asked when a task chooses among its inputs.
func TestGoexitInAnExtractorIsTheRecordsError(t *testing.T) {
	b := newBench(t)
	b.createTopic("payments", 1)
	b.createTopic("refunds", 1)
	at := func(v string) time.Time {
		if v == "goexit" {
			runtime.Goexit()
		}
		return time.UnixMilli(1000)
	}
	timed := payments.EventTime(at)
	note := func(ctx processor.Context, key, what string) error {
		alerts.Emit(ctx, key, what)
		return nil
	}
	app := topology.MustNew("hist", processor.New("history", processor.On(timed, note), processor.On(refunds, note),
		processor.Emits(alerts), processor.OnError(processor.ErrorPolicy{Then: processor.Skip})))
	send(b, payments, "k", "goexit")
	send(b, payments, "k", "p")
	send(b, refunds, "k", "r")
	w, _ := b.run(app, one)
	b.settle(w)
	if got := len(b.records("alerts")); got != 2 {
		t.Errorf("%d alerts, want the 2 good ones", got)
	}
}
