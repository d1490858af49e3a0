package worker_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/invariant"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

// The engine allocates nothing per record: what a record costs is its handler, its codecs, and its share of a batch and a
// commit.
func TestARecordCostsNoAllocation(t *testing.T) {
	const batches, perBatch, keys = 100, 2000, 500
	length := codec.Func("length",
		func(n int) ([]byte, error) { return make([]byte, n), nil },
		func(data []byte) (int, error) { return len(data), nil })
	in := processor.NewStream("in", codec.Uint64, length)
	sums := processor.NewTable("sums", codec.Uint64, codec.Int64)
	app := topology.MustNew("app", processor.New("sum",
		processor.On(in, func(ctx processor.Context, key uint64, n int) error {
			have, _ := sums.Get(ctx, key)
			sums.Put(ctx, key, have+int64(n))
			return nil
		}), processor.Owns(sums)))

	b := newBench(t)
	b.createTopic("in", 1)
	w, err := b.log.OpenWriter(context.Background(), commitlog.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	records := make([]commitlog.Record, perBatch)
	for i := range records {
		key, _ := codec.Uint64.Append(nil, uint64(i%keys))
		records[i] = commitlog.Record{Key: key, Value: make([]byte, 92), Timestamp: 1}
	}
	for range batches {
		if _, err := w.Append(context.Background(), commitlog.Partition{Topic: "in"}, records); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	worker, _ := b.run(app, one)
	b.settle(worker)
	runtime.ReadMemStats(&after)
	if got := read(b, app, sums)["7"]; got != batches*perBatch/keys*92 {
		t.Fatalf("sum of key 7 is %d", got)
	}
	per := float64(after.Mallocs-before.Mallocs) / (batches * perBatch)
	t.Logf("%.3f allocations per record, start and commits included", per)
	most := 0.2
	if invariant.Enabled {
		most = 0.5 // the checks cost some
	}
	if per > most {
		t.Errorf("%.3f allocations per record, want fewer than %.1f", per, most)
	}
}
