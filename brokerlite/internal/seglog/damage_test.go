package seglog

import (
	"bytes"
	"errors"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

func contents(t testing.TB, fs vfs.FS, name string) []byte {
	t.Helper()
	b, err := readAll(fs, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func overwrite(t testing.TB, fs vfs.FS, name string, b []byte, at int64) {
	t.Helper()
	f, err := fs.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(b, at)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// B9 of the reliability list: a changed bit gives *Damage for that batch, never wrong bytes, and nothing for the others.
// The leader epoch alone has no checksum and no rule to be held against.
func TestEachFlippedBitOfASegmentIsFound(t *testing.T) {
	disk := newMem(t)
	c := Config{Limits: Limits{SegmentBytes: 600}}
	l := fresh(t, disk, c)
	all, places := fill(t, l, 6, 3)
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	known := l.Known()
	name := logName("data/p", 0)
	b := contents(t, disk, name)
	bad := 1 // the second batch of the first segment
	start := places[bad].At
	if places[bad].Base != 0 || len(b) <= int(start)+len(all[bad]) {
		t.Fatal("the second batch is not in the middle of the first segment")
	}
	for at := start; at < start+int64(len(all[bad])); at++ {
		if at >= start+12 && at < start+16 {
			continue
		}
		for bit := range 8 {
			image := disk.Clone()
			overwrite(t, image, name, []byte{b[at] ^ 1<<bit}, at)
			l, err := Open("data/p", Config{FS: image, Limits: c.Limits}, known)
			if err = errors.Join(err, l.CutBehind()); err != nil {
				t.Fatal(err)
			}
			_, err = l.Read(int64(3*bad), 1, l.Next(), nil)
			var damage *Damage
			if !errors.As(err, &damage) || damage.File != name || damage.At < start || damage.At >= start+int64(len(all[bad])) {
				t.Fatalf("byte %d bit %d: %v", at-start, bit, err)
			}
			if got, err := l.Read(0, 1<<20, l.Next(), nil); err != nil || !bytes.Equal(got, all[0]) {
				t.Fatalf("byte %d bit %d: the batch before: %d bytes, %v", at-start, bit, len(got), err)
			}
			if _, err := Check(image, "data/p"); !errors.As(err, &damage) || damage.File != name {
				t.Fatalf("byte %d bit %d: Check: %v", at-start, bit, err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// B10 of the reliability list.
func TestSidecarIsRebuiltOnAnyDoubt(t *testing.T) {
	disk := newMem(t)
	c := Config{Limits: Limits{SegmentBytes: 2000}, IndexBytes: 300}
	l := fresh(t, disk, c)
	all, _ := fill(t, l, 40, 3)
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	known := l.Known()
	name := indexName("data/p", 0)
	whole := contents(t, disk, name)
	ask := func(l *Log) {
		t.Helper()
		for i := range 12 {
			if got, err := l.Read(int64(3*i+1), 1, l.Next(), nil); err != nil || !bytes.Equal(got, all[i]) {
				t.Fatalf("batch %d: %d bytes, %v", i, len(got), err)
			}
			ts := int64(1000 + 3*i + 2)
			if s, found, err := l.OffsetForTime(ts, l.Next()); err != nil || !found || s.Offset != int64(3*i+2) || s.Timestamp != ts {
				t.Fatalf("time %d: %+v, %v, %v", ts, s, found, err)
			}
		}
	}
	damage := func(what string, change func(*vfs.Mem)) {
		t.Helper()
		image := disk.Clone()
		change(image)
		l := reopen(t, image, c, known)
		ask(l)
		if err := errors.Join(l.Sync(), l.Close()); err != nil {
			t.Fatal(err)
		}
		if got := contents(t, image, name); !bytes.Equal(got, whole) {
			t.Errorf("%s: the sidecar was not written anew", what)
		}
	}
	for at := 0; at < len(whole); at += 5 {
		damage("flipped bit", func(fs *vfs.Mem) { overwrite(t, fs, name, []byte{whole[at] ^ 4}, int64(at)) })
	}
	for _, n := range []int64{0, 10, int64(len(whole)) - 1} {
		damage("cut", func(fs *vfs.Mem) {
			f, err := fs.OpenReadWrite(name)
			if err = errors.Join(err, f.Truncate(n), f.Close()); err != nil {
				t.Fatal(err)
			}
		})
	}
	damage("missing", func(fs *vfs.Mem) {
		if err := fs.Remove(name); err != nil {
			t.Fatal(err)
		}
	})
	damage("of another segment", func(fs *vfs.Mem) {
		other := contents(t, fs, indexName("data/p", known.Segments[1].Base))
		f, err := fs.Create(name)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		overwrite(t, fs, name, other, 0)
	})
}
