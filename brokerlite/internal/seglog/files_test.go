package seglog

import (
	"errors"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

func TestFilesOfSealedSegmentsAreOpenedOnceAndBounded(t *testing.T) {
	faulty := vfs.NewFaulty(newMem(t))
	files := NewFiles(2)
	l := fresh(t, faulty, Config{Limits: Limits{SegmentBytes: 600}, Files: files})
	fill(t, l, 20, 3)
	sealed := l.set.Load().sealed
	before := faulty.Count(vfs.KindOpen)
	for range 10 {
		if _, err := l.Read(0, 1, l.Next(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := faulty.Count(vfs.KindOpen) - before; n != 1 {
		t.Errorf("opened %d times, want once", n)
	}
	first, err := files.acquire(faulty, sealed[0])
	if err != nil {
		t.Fatal(err)
	}
	closed := faulty.Count(vfs.KindClose)
	for _, s := range sealed[1:] {
		o, err := files.acquire(faulty, s)
		if err = errors.Join(err, o.h.done()); err != nil {
			t.Fatal(err)
		}
	}
	if n := faulty.Count(vfs.KindClose) - closed; n != int64(len(sealed)-3) {
		t.Errorf("%d files closed, want all of %d but 2 and the one in use", n, len(sealed))
	}
	if _, err := first.h.f.ReadAt(make([]byte, 10), 0); err != nil {
		t.Errorf("the file in use: %v", err)
	}
	if err := first.h.done(); err != nil {
		t.Fatal(err)
	}
	if _, err := first.h.f.ReadAt(make([]byte, 10), 0); err == nil {
		t.Error("the file stays open when nobody uses it any more")
	}
}
