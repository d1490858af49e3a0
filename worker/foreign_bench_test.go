package worker_test

import (
	"context"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

// One record is one Get and one Put of an own table; then beside them one Get of a table of others of 500 keys. The start of the
// worker and the commits are included.
func BenchmarkRecord(b *testing.B) {
	limits := processor.NewTopicTable("limits", codec.Uint64, codec.Int64)
	for name, reads := range map[string][]processor.Edge{"own": nil, "own and Reads": {processor.Reads(limits)}, "own and ReadsGlobal": {processor.ReadsGlobal(limits)}} {
		b.Run(name, func(b *testing.B) {
			in := processor.NewStream("in", codec.Uint64, codec.Int64)
			sums := processor.NewTable("sums", codec.Uint64, codec.Int64)
			app := topology.MustNew("app", processor.New("sum", append(reads,
				processor.On(in, func(ctx processor.Context, key uint64, n int64) error {
					have, _ := sums.Get(ctx, key)
					if reads != nil {
						limit, _ := limits.Get(ctx, key)
						n = min(n, limit)
					}
					sums.Put(ctx, key, have+n)
					return nil
				}), processor.Owns(sums))...))
			bench := newBench(b)
			bench.createTopic("in", 1)
			bench.createTopic("limits", 1)
			records := make([]commitlog.Record, 500)
			for i := range records {
				key, _ := codec.Uint64.Append(nil, uint64(i))
				records[i] = commitlog.Record{Key: key, Value: number(int64(i)), Timestamp: 1}
			}
			bench.append("limits", records)
			for range b.N/len(records) + 1 {
				bench.append("in", records)
			}
			b.ReportAllocs()
			b.ResetTimer()
			w, stop := bench.run(app, one)
			bench.settle(w)
			b.StopTimer()
			if err := stop(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// append writes one batch to partition 0 of a topic.
func (b *bench) append(topic string, records []commitlog.Record) {
	b.t.Helper()
	w, err := b.log.OpenWriter(context.Background(), commitlog.WriterConfig{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Append(context.Background(), commitlog.Partition{Topic: topic}, records); err != nil {
		b.t.Fatal(err)
	}
}
