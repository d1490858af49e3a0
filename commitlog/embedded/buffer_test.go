package embedded

import (
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/vfs"
)

// What is counted when bytes come must be counted off when they go, by Release, Seek, Drop or Close; else a reader that
// lives long narrows to one answer at a time.
func TestEveryByteLeavesTheBuffer(t *testing.T) {
	l, err := OpenConfig("data", Config{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fillTopic(t, l, "t", 2, 20_000)
	opened, err := l.OpenReader(t.Context(), commitlog.ReaderConfig{BufferBytes: 1 << 20, BatchBytes: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	r := opened.(*reader)
	p, q := commitlog.Partition{Topic: "t", Index: 0}, commitlog.Partition{Topic: "t", Index: 1}
	r.Seek(p, 0)
	r.Seek(q, 0)
	var late *commitlog.Batch
	for i := range 12 {
		switch i {
		case 3:
			r.Seek(p, 100)
		case 5:
			r.Drop(q)
		case 7:
			r.Seek(q, 19_000)
		}
		wait := 10 * time.Millisecond
		if late == nil {
			wait = requestTimeout // there is data
		}
		b, err := r.Poll(t.Context(), wait)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case b == nil:
		case i == 2:
			late = b // outlives the Seek
		default:
			b.Release()
		}
	}
	r.Drop(p)
	r.Drop(q)
	late.Release()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.held != 0 || r.mu.queued != 0 {
		t.Errorf("an empty reader counts %d bytes held and %d queued", r.mu.held, r.mu.queued)
	}
}
