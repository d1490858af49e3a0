package seglog

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/internal/vfs"
)

var now = time.UnixMilli(1_700_000_000_000)

// newBatch makes a batch of n records with timestamps from ts on, one millisecond apart.
func newBatch(t testing.TB, base int64, n int, ts int64, p recordbatch.Producer) recordbatch.Batch {
	t.Helper()
	var e recordbatch.Encoder
	e.Begin(nil, recordbatch.None)
	for i := range n {
		e.Append(fmt.Appendf(nil, "key %d", base+int64(i)), fmt.Appendf(nil, "value %d", base+int64(i)), nil, ts+int64(i))
	}
	b, err := e.End(p)
	if err != nil {
		t.Fatal(err)
	}
	recordbatch.Batch(b).SetBaseOffset(base)
	recordbatch.Batch(b).SetLeaderEpoch(3)
	return b
}

// newMem gives a file system with a durable directory data.
func newMem(t testing.TB) *vfs.Mem {
	t.Helper()
	fs := vfs.NewMem()
	if err := errors.Join(fs.MkdirAll("data", 0o700), fs.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	return fs
}

// fresh opens an empty partition, ready for appends.
func fresh(t testing.TB, fs vfs.FS, c Config) *Log {
	t.Helper()
	return reopen(t, fs, c, Known{})
}

func reopen(t testing.TB, fs vfs.FS, c Config, k Known) *Log {
	t.Helper()
	c.FS = fs
	l, err := Open("data/p", c, k)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.CutBehind(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// fill appends batches of n records each, and gives them with their places.
func fill(t testing.TB, l *Log, batches, n int) (all []recordbatch.Batch, places []Place) {
	t.Helper()
	for range batches {
		next := l.Next()
		b := newBatch(t, next, n, 1000+next, recordbatch.NoProducer)
		p, err := l.Append(b, now)
		if err != nil {
			t.Fatal(err)
		}
		all, places = append(all, b), append(places, p)
	}
	return all, places
}
