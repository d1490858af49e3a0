package seglog

import (
	"testing"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/internal/vfs"
)

func benchmarkLog(b *testing.B) *Log {
	l, err := Open(b.TempDir(), Config{FS: vfs.OS}, Known{})
	if err == nil {
		err = l.CutBehind()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l
}

func BenchmarkAppend100Records(b *testing.B) {
	l := benchmarkLog(b)
	batch := newBatch(b, 0, 100, 1, recordbatch.NoProducer)
	b.SetBytes(int64(len(batch)))
	b.ReportAllocs()
	for b.Loop() {
		batch.SetBaseOffset(l.Next())
		if _, err := l.Append(batch, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead1MiB(b *testing.B) {
	l := benchmarkLog(b)
	for range 20_000 {
		batch := newBatch(b, l.Next(), 100, 1, recordbatch.NoProducer)
		if _, err := l.Append(batch, now); err != nil {
			b.Fatal(err)
		}
	}
	var dst []byte
	var err error
	offset := int64(0)
	b.ReportAllocs()
	n := int64(0)
	for b.Loop() {
		if dst, err = l.Read(offset, 1<<20, l.Next(), dst[:0]); err != nil {
			b.Fatal(err)
		}
		n += int64(len(dst))
		if offset += 20_000; offset >= l.Next() {
			offset = 0
		}
	}
	b.SetBytes(n / int64(b.N))
}

// The consumer at the end, who asks for one small batch at a time.
func BenchmarkReadTail(b *testing.B) {
	l := benchmarkLog(b)
	for range 3000 {
		if _, err := l.Append(newBatch(b, l.Next(), 1, 1, recordbatch.NoProducer), now); err != nil {
			b.Fatal(err)
		}
	}
	var dst []byte
	var err error
	b.ReportAllocs()
	for b.Loop() {
		if dst, err = l.Read(l.Next()-1, 1<<20, l.Next(), dst[:0]); err != nil || len(dst) == 0 {
			b.Fatal(err)
		}
	}
}
