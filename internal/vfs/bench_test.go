package vfs_test

import (
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

// A write-ahead log in small: rounds of 16 KiB, each synced, into one growing file.
func BenchmarkMemAppendAndSync(b *testing.B) {
	round := make([]byte, 16<<10)
	b.SetBytes(int64(len(round)))
	f, off := create(b), int64(0)
	for b.Loop() {
		if off == 64<<20 {
			f, off = create(b), 0
		}
		f.WriteAt(round, off)
		f.Sync()
		off += int64(len(round))
	}
}

// A recycled file: the same, into bytes that are durable already.
func BenchmarkMemOverwriteAndSync(b *testing.B) {
	round := make([]byte, 16<<10)
	b.SetBytes(int64(len(round)))
	f := create(b)
	f.WriteAt(make([]byte, 64<<20), 0)
	f.Sync()
	off := int64(0)
	for b.Loop() {
		f.WriteAt(round, off)
		f.Sync()
		off = (off + int64(len(round))) % (64 << 20)
	}
}

func BenchmarkMemRead(b *testing.B) {
	f := create(b)
	f.WriteAt(make([]byte, 64<<20), 0)
	p := make([]byte, 1<<20)
	b.SetBytes(int64(len(p)))
	off := int64(0)
	for b.Loop() {
		f.ReadAt(p, off)
		off = (off + int64(len(p))) % (64 << 20)
	}
}

func create(b *testing.B) vfs.File {
	f, err := vfs.NewMem().Create("f")
	if err != nil {
		b.Fatal(err)
	}
	return f
}
