package embedded

import (
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/vfs"
)

// fillTopic writes n records of 100 bytes to each partition.
func fillTopic(tb testing.TB, l *Log, topic string, partitions int32, n int) {
	tb.Helper()
	ctx := tb.Context()
	if err := l.CreateTopic(ctx, commitlog.TopicSpec{Name: topic, Partitions: partitions}); err != nil {
		tb.Fatal(err)
	}
	t, err := l.OpenTransactor(ctx, commitlog.TransactorConfig{ID: "fill"})
	if err != nil {
		tb.Fatal(err)
	}
	defer t.Close()
	records := make([]commitlog.Record, 1000)
	for i := range records {
		records[i] = commitlog.Record{Key: []byte("key-000000"), Value: make([]byte, 90), Timestamp: 1700000000000}
	}
	for done := 0; done < n; done += len(records) {
		for p := range partitions {
			if err := t.Append(ctx, commitlog.Partition{Topic: topic, Index: p}, records); err != nil {
				tb.Fatal(err)
			}
		}
		if done%100_000 == 0 {
			if _, err := t.Commit(ctx); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if _, err := t.Commit(ctx); err != nil {
		tb.Fatal(err)
	}
}

func BenchmarkTransactorAppend(b *testing.B) {
	l, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.ReportAllocs()
	b.ResetTimer()
	fillTopic(b, l, "t", 2, b.N/2)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkReaderScan(b *testing.B) {
	l, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	fillTopic(b, l, "t", 2, b.N/2)
	r, err := l.OpenReader(b.Context(), commitlog.ReaderConfig{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.ReportAllocs()
	b.ResetTimer()
	for p := range int32(2) {
		r.Seek(commitlog.Partition{Topic: "t", Index: p}, 0)
	}
	read, bytes := 0, 0
	for read < b.N/2*2 {
		batch, err := r.Poll(b.Context(), time.Minute)
		if err != nil || batch == nil {
			b.Fatalf("poll: %v, %v", batch, err)
		}
		read += len(batch.Records)
		for i := range batch.Records {
			bytes += len(batch.Records[i].Value)
		}
		batch.Release()
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "records/s")
}

// decoded is one answer of 4096 records of 100 bytes.
func decoded(tb testing.TB) []byte {
	tb.Helper()
	var e recordbatch.Encoder
	e.Begin(nil, recordbatch.None)
	for range 4096 {
		e.Append([]byte("key-000000"), make([]byte, 90), nil, 1700000000000)
	}
	raw, err := e.End(recordbatch.NoProducer)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func BenchmarkFill(b *testing.B) {
	raw := decoded(b)
	r := &reader{kick: make(chan struct{}, 1), ready: make(chan struct{}, 1)}
	b.ReportAllocs()
	b.SetBytes(100)
	var to *batch
	for n := 0; b.Loop(); n++ {
		if n%4096 != 0 {
			continue
		}
		if to != nil {
			to.Release()
		}
		to = r.spare()
		if err := r.fill(to, newSource(commitlog.Partition{}, 0), &answer{rest: raw}); err != nil || len(to.Records) != 4096 {
			b.Fatal(len(to.Records), err)
		}
	}
}

func TestReadingAllocatesNothingPerRecord(t *testing.T) {
	raw := decoded(t)
	r := &reader{kick: make(chan struct{}, 1), ready: make(chan struct{}, 1)}
	round := func() {
		to := r.spare()
		// Not released by Release, which spoils the bytes in test builds.
		if err := r.fill(to, newSource(commitlog.Partition{}, 0), &answer{rest: raw}); err != nil || len(to.Records) != 4096 {
			t.Fatal(len(to.Records), err)
		}
		to.raw = nil
		to.Release()
	}
	round()
	if n := testing.AllocsPerRun(20, round); n > 4 { // the source and the answer of this test
		t.Errorf("4096 records cost %v allocations, want no more than a batch does", n)
	}
}

func TestWritingAllocatesNothingPerRecord(t *testing.T) {
	l, err := OpenConfig("data", Config{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx := t.Context()
	p := commitlog.Partition{Topic: "t"}
	if err := l.CreateTopic(ctx, commitlog.TopicSpec{Name: "t", Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	w, err := l.OpenTransactor(ctx, commitlog.TransactorConfig{ID: "id", BatchBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	records := make([]commitlog.Record, 100)
	for i := range records {
		records[i] = commitlog.Record{Key: []byte("k"), Value: []byte("v"), Timestamp: -1,
			Headers: []commitlog.Header{{Key: "h", Value: []byte("x")}}}
	}
	if err := w.Append(ctx, p, records); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(20, func() {
		if err := w.Append(ctx, p, records); err != nil {
			t.Fatal(err)
		}
	})
	if n > 3 { // the batch's buffer grows
		t.Errorf("100 records cost %v allocations, want none but the growth of a buffer", n)
	}
}
