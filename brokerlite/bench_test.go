package brokerlite_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// records100 is a batch of n records of 100 bytes each, key and value together.
func records100(n int) []byte {
	var e recordbatch.Encoder
	e.Begin(nil, recordbatch.None)
	value := make([]byte, 90)
	for i := range n {
		e.Append(fmt.Appendf(nil, "key-%06d", i%10_000), value, nil, 0)
	}
	b, err := e.End(recordbatch.NoProducer)
	if err != nil {
		panic(err)
	}
	return b
}

func openBench(b *testing.B, partitions int32) *rig {
	r := &rig{}
	r.c.MaxMessageBytes = 2 << 20
	broker, err := brokerlite.Open(b.TempDir(), r.c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { broker.Close() })
	r.b = broker
	if err := r.tryCreate("a", partitions); err != nil {
		b.Fatal(err)
	}
	return r
}

const benchRecords = 9_500 // about 1 MiB

// BenchmarkProduce appends batches of 1 MiB through Handle, synced, from so many producers at once.
func BenchmarkProduce(b *testing.B) {
	for _, producers := range []int{1, 2, 4} {
		b.Run(fmt.Sprint("producers=", producers), func(b *testing.B) {
			r := openBench(b, int32(producers))
			batch := records100(benchRecords)
			b.SetBytes(int64(len(batch)))
			b.ReportAllocs()
			b.ResetTimer()
			done := make(chan error, producers)
			for w := range producers {
				go func() {
					req := produceRequest(nobody, "a", int32(w), batch)
					for i := w; i < b.N; i += producers {
						resp, err := r.b.Handle(context.Background(), brokerlite.Embedded, req)
						if err == nil {
							err = codeErr(resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode)
						}
						if err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range producers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*benchRecords/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkFetch scans 128 MiB through Handle, 1 MiB an answer.
func BenchmarkFetch(b *testing.B) {
	r := openBench(b, 1)
	batch := records100(benchRecords)
	for range 128 {
		if _, err := r.b.Handle(context.Background(), brokerlite.Embedded, produceRequest(nobody, "a", 0, batch)); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(batch)))
	b.ReportAllocs()
	b.ResetTimer()
	offset := int64(0)
	for range b.N {
		req := fetchRequest("a", 0, offset, true)
		req.Topics[0].Partitions[0].PartitionMaxBytes = 1 << 20
		resp, err := r.b.Handle(context.Background(), brokerlite.Embedded, req)
		if err != nil {
			b.Fatal(err)
		}
		if len(resp.(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches) == 0 {
			b.Fatal("nothing at ", offset)
		}
		if offset += benchRecords; offset >= 128*benchRecords {
			offset = 0
		}
	}
	b.ReportMetric(float64(b.N)*benchRecords/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkTransaction is one round of a lane: 100 records to each of two partitions, an offset, the end.
func BenchmarkTransaction(b *testing.B) {
	r := openBench(b, 2)
	p, err := r.initProducer("lane", nobody)
	if err != nil {
		b.Fatal(err)
	}
	var values [100]string
	for i := range values {
		values[i] = fmt.Sprintf("value-%090d", i)
	}
	b.ResetTimer()
	for range b.N {
		p.seq = 0
		for i := range 2 {
			if _, err := r.tryProduce(p, "a", int32(i), values[:]...); err != nil {
				b.Fatal(err)
			}
		}
		if err := r.tryStage(p, "g", "a", 0, 1); err != nil {
			b.Fatal(err)
		}
		if p, err = r.tryEnd(p, true); err != nil {
			b.Fatal(err)
		}
	}
}
