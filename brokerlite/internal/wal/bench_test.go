package wal

import (
	"context"
	"sync"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

func benchmarkAppend(b *testing.B, appenders, bytes, pipeline int) {
	l, _, err := Open(b.TempDir(), Config{FS: vfs.OS}, 0, func(LSN, byte, []byte) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	p := make([]byte, bytes)
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for who := range appenders {
		wg.Go(func() {
			for i := who; i < b.N; i += appenders {
				if err := l.Admit(context.Background()); err != nil {
					b.Error(err)
					return
				}
				lsn, err := l.Append(testKind, p)
				if err == nil && i/appenders%pipeline == pipeline-1 {
					err = l.Wait(context.Background(), lsn)
				}
				if err != nil {
					b.Error(err)
					return
				}
				if i%1024 == 0 && l.Bytes() > 256<<20 {
					if err := l.Covered(l.Durable()); err != nil {
						b.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}

// One record of 100 bytes each and its wait, from 1 and from 64 at once; and bulk, sixteen in flight.
func BenchmarkAppendWait1(b *testing.B)     { benchmarkAppend(b, 1, 100, 1) }
func BenchmarkAppendWait64(b *testing.B)    { benchmarkAppend(b, 64, 100, 1) }
func BenchmarkAppendBulk64KiB(b *testing.B) { benchmarkAppend(b, 2, 64<<10, 16) }
func BenchmarkAppendBulk1MiB(b *testing.B)  { benchmarkAppend(b, 2, 1<<20, 4) }
