package producer_test

import (
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"

	"context"
)

// sink takes batches and forgets them.
type sink struct{ *fakeLog }

func (s sink) OpenWriter(context.Context, commitlog.WriterConfig) (commitlog.Writer, error) {
	return s, nil
}
func (s sink) Close() error { return nil }
func (s sink) Append(_ context.Context, p commitlog.Partition, _ []commitlog.Record) (commitlog.Position, error) {
	return commitlog.Position{Partition: p}, nil
}

// BenchmarkQueue is a 100-byte record through the queue, without the log.
func BenchmarkQueue(b *testing.B) {
	stream := processor.NewStream("in", codec.String, codec.Bytes)
	p, err := producer.Open(b.Context(), sink{newLog(map[string]int32{"in": 2})}, stream, producer.Config{})
	if err != nil {
		b.Fatal(err)
	}
	value := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Queue(b.Context(), "user-0123", value); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		b.Fatal(err)
	}
}
