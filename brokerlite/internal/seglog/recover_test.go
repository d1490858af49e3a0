package seglog

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/internal/vfs"
)

// The story of S-49: a batch that an earlier life left in the segment, unsynced and valid, stands where an acknowledged
// one belongs.
func TestWriteAheadLogWinsOverTheSegment(t *testing.T) {
	disk := newMem(t)
	l := fresh(t, disk, Config{})
	fill(t, l, 2, 3)
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	known := l.Known()

	x := newBatch(t, 6, 5, 50, recordbatch.NoProducer)
	place, err := l.Append(x, now)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, l, 3, 1) // more that nobody acknowledged
	back := disk.Kill()

	y := newBatch(t, 6, 2, 70, recordbatch.NoProducer)
	l, err = Open("data/p", Config{FS: back}, known)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Redo(place, y), l.CutBehind()); err != nil {
		t.Fatal(err)
	}
	after := back.CrashClone() // all of that is durable
	for _, l := range []*Log{l, reopen(t, after, Config{}, l.Known())} {
		if l.Next() != 8 {
			t.Errorf("next offset %d, want 8", l.Next())
		}
		got, err := l.Read(6, 1<<20, l.Next(), nil)
		if err != nil || !bytes.Equal(got, y) {
			t.Errorf("%d bytes, %v; want the batch of the write-ahead log", len(got), err)
		}
	}
	if size := fileSize(t, after, "data/p/00000000000000000000.log"); size != l.Bytes() {
		t.Errorf("the file has %d bytes, want %d: nothing unknown stays", size, l.Bytes())
	}
}

func fileSize(t testing.TB, fs vfs.FS, name string) int64 {
	t.Helper()
	info, err := fs.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size
}

func TestCutBehindRemovesWhatNobodyKnows(t *testing.T) {
	disk := newMem(t)
	c := Config{Limits: Limits{SegmentBytes: 600}}
	l := fresh(t, disk, c)
	fill(t, l, 3, 3)
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	known := l.Known()
	fill(t, l, 10, 3) // rolls several times
	for _, name := range []string{"00000000000000000500.log", "00000000000000000500.index", "00000000000000000000.index.tmp", "notes.txt"} {
		f, err := disk.Create("data/p/" + name)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	l = reopen(t, disk.Kill(), c, known)
	names, err := l.c.FS.List("data/p")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"notes.txt": true}
	for _, s := range known.Segments {
		want[logName("", s.Base)] = true
		want[indexName("", s.Base)] = true
	}
	for _, name := range names {
		if !want[name] {
			t.Errorf("%s is still there", name)
		}
	}
	if l.Next() != 9 {
		t.Errorf("next offset %d, want 9", l.Next())
	}
}

func TestRedoBelowTheCheckpointIsPassedOver(t *testing.T) {
	disk := newMem(t)
	l := fresh(t, disk, Config{Limits: Limits{SegmentBytes: 600}})
	all, places := fill(t, l, 8, 3)
	if err := errors.Join(l.Sync(), l.DropBefore(9)); err != nil {
		t.Fatal(err)
	}
	re, err := Open("data/p", Config{FS: disk}, l.Known())
	if err != nil {
		t.Fatal(err)
	}
	defer re.Close()
	for i := range all {
		if err := re.Redo(places[i], all[i]); err != nil {
			t.Errorf("batch %d: %v", i, err)
		}
	}
	if re.Next() != 24 {
		t.Errorf("next offset %d, want 24", re.Next())
	}
}

// S-50.
func TestRedoRefusesAGap(t *testing.T) {
	disk := newMem(t)
	l := fresh(t, disk, Config{})
	_, places := fill(t, l, 2, 3)
	re, err := Open("data/p", Config{FS: disk}, Known{})
	if err != nil {
		t.Fatal(err)
	}
	defer re.Close()
	for name, c := range map[string]struct {
		at    Place
		first int64
	}{
		"hole between offsets":  {Place{}, 1},
		"hole between bytes":    {places[1], 0},
		"segment of no offset":  {Place{Base: 3}, 0},
		"offsets before it all": {Place{Base: 0, At: 7}, 0},
	} {
		var damage *Damage
		if err := re.Redo(c.at, newBatch(t, c.first, 1, 1, recordbatch.NoProducer)); !errors.As(err, &damage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// step is one thing that happens to a partition in the sweep.
type sweep struct {
	disk    *vfs.Mem
	journal []redo // what a write-ahead log would hold
	known   Known  // the newest durable checkpoint
	start   int64  // the newest start in the journal
}

type redo struct {
	place Place
	batch recordbatch.Batch
}

// live runs a life of a partition on a disk: appends with three rolls, checkpoints, a drop. The journal is ahead of the
// segment, as in the broker: a batch counts when it is in there.
func (s *sweep) live(fs vfs.FS, t *testing.T) error {
	l, err := Open("data/p", Config{FS: fs, Limits: Limits{SegmentBytes: 500}, IndexBytes: 300}, s.known)
	if err != nil {
		return err
	}
	defer l.Close()
	for _, r := range s.journal {
		if err := l.Redo(r.place, r.batch); err != nil {
			return err
		}
	}
	if err := errors.Join(l.DropBefore(s.start), l.CutBehind()); err != nil {
		return err
	}
	for i := range 24 {
		b := newBatch(t, l.Next(), 3, int64(i), recordbatch.NoProducer)
		p, err := l.Append(b, now)
		if err != nil {
			return err
		}
		s.journal = append(s.journal, redo{p, b})
		if i%7 == 6 {
			k := l.Known()
			if err := l.Sync(); err != nil {
				return err
			}
			s.known = k
		}
		if i == 17 {
			s.start = 20 // durable before the files go
			if err := l.DropBefore(20); err != nil {
				return err
			}
		}
	}
	return nil
}

var errCut = errors.New("power cut")

// B2, B3, B17 of the reliability list: a power cut before every operation, and once more in the life after it.
func TestNoCrashLosesWhatCheckpointAndWriteAheadLogKnow(t *testing.T) {
	n := int64(1)
	for ; ; n++ {
		first := crashAt(t, &sweep{disk: newMem(t)}, n)
		if first == nil {
			break
		}
		first.check(t, n)
		if n%4 == 0 {
			for k := int64(1); ; k += 5 {
				again := &sweep{disk: first.disk.Clone(), known: first.known, start: first.start, journal: append([]redo(nil), first.journal...)}
				second := crashAt(t, again, k)
				if second == nil {
					break
				}
				second.check(t, k)
			}
		}
	}
	if n < 60 {
		t.Errorf("the script has %d operations only", n)
	}
}

// crashAt runs a life and stops it before its nth operation; nil if it has fewer.
func crashAt(t *testing.T, s *sweep, n int64) *sweep {
	t.Helper()
	faulty := vfs.NewFaulty(s.disk)
	var image *vfs.Mem
	faulty.SetHook(func(vfs.Op) error {
		if faulty.Ops() < n {
			return nil
		}
		if image == nil {
			if image = s.disk.CrashClone(); n%2 == 0 {
				image = s.disk.Clone() // the process alone was killed
			}
		}
		return errCut
	})
	err := s.live(faulty, t)
	if image == nil {
		if err != nil {
			t.Fatal(err)
		}
		return nil
	}
	s.disk = image
	return s
}

// check recovers and reads everything.
func (s *sweep) check(t *testing.T, n int64) {
	t.Helper()
	l, err := Open("data/p", Config{FS: s.disk.Clone(), IndexBytes: 300}, s.known)
	if err != nil {
		t.Fatalf("operation %d: %v", n, err)
	}
	defer l.Close()
	for _, r := range s.journal {
		if err := l.Redo(r.place, r.batch); err != nil {
			t.Fatalf("operation %d: %v", n, err)
		}
	}
	if err := errors.Join(l.DropBefore(s.start), l.CutBehind()); err != nil {
		t.Fatalf("operation %d: %v", n, err)
	}
	if want := int64(3 * len(s.journal)); l.Next() != want {
		t.Fatalf("operation %d: next offset %d, want %d", n, l.Next(), want)
	}
	for i, r := range s.journal {
		if int64(3*i+2) < l.Start() {
			continue
		}
		got, err := l.Read(max(int64(3*i), l.Start()), 1, l.Next(), nil)
		if err != nil || !bytes.Equal(got, r.batch) {
			t.Fatalf("operation %d: batch %d: %d bytes, %v", n, i, len(got), err)
		}
	}
}

func TestKnownSegmentThatIsMissingOrShortIsDamage(t *testing.T) {
	disk := newMem(t)
	l := fresh(t, disk, Config{Limits: Limits{SegmentBytes: 600}})
	fill(t, l, 8, 3)
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	k := l.Known()
	for _, s := range k.Segments {
		name := logName("data/p", s.Base)
		short := disk.Clone()
		f, err := short.OpenReadWrite(name)
		if err = errors.Join(err, f.Truncate(s.Bytes-1), f.Close()); err != nil {
			t.Fatal(err)
		}
		missing := disk.Clone()
		if err := missing.Remove(name); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			fs *vfs.Mem
			at int64
		}{{short, s.Bytes - 1}, {missing, 0}} {
			l, err := Open("data/p", Config{FS: c.fs}, k)
			if err == nil {
				err = errors.Join(l.CutBehind(), l.Close())
			}
			var damage *Damage
			if !errors.As(err, &damage) || damage.File != name || damage.At != c.at {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// S-57: what the write-ahead log refused is taken back, across rolls too.
func TestTakeBackUndoesTheNewestAppends(t *testing.T) {
	for back := 1; back <= 12; back++ {
		disk := newMem(t)
		c := Config{Limits: Limits{SegmentBytes: 600}, IndexBytes: 200}
		l := fresh(t, disk, c)
		all, places := fill(t, l, 12, 3)
		if back%2 == 0 {
			if err := l.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		first := 12 - back
		if err := l.TakeBack(places[first], int64(3*first)); err != nil {
			t.Fatal(err)
		}
		if l.Next() != int64(3*first) {
			t.Fatalf("next offset %d, want %d", l.Next(), 3*first)
		}
		names, err := disk.List("data/p")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if base, ok := parseName(name, indexSuffix); ok && base >= places[first].Base {
				t.Errorf("%d back: %s is still there", back, name)
			}
		}
		again := newBatch(t, l.Next(), 2, 9, recordbatch.NoProducer)
		if _, err := l.Append(again, now); err != nil {
			t.Fatal(err)
		}
		for i := range first {
			if got, err := l.Read(int64(3*i), 1, l.Next(), nil); err != nil || !bytes.Equal(got, all[i]) {
				t.Fatalf("%d back: batch %d: %d bytes, %v", back, i, len(got), err)
			}
		}
		if got, err := l.Read(int64(3*first), 1, l.Next(), nil); err != nil || !bytes.Equal(got, again) {
			t.Fatalf("%d back: the new batch: %d bytes, %v", back, len(got), err)
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		if sum, err := Check(disk, "data/p"); err != nil || sum.Tail != nil || sum.Next != l.Next() || len(sum.Stale) > 0 {
			t.Fatalf("%d back: %+v, %v", back, sum, err)
		}
	}
}

func TestFailedSyncIsFinal(t *testing.T) {
	faulty := vfs.NewFaulty(newMem(t))
	l := fresh(t, faulty, Config{})
	fill(t, l, 1, 1)
	faulty.FailNth(vfs.KindSync, 1, errCut)
	for range 2 {
		if err := l.Sync(); !errors.Is(err, errCut) {
			t.Errorf("Sync: %v", err)
		}
	}
	if _, err := l.Append(newBatch(t, 1, 1, 1, recordbatch.NoProducer), now); !errors.Is(err, errCut) {
		t.Errorf("Append: %v", err)
	}
	if got, err := l.Read(0, 1, 1, nil); err != nil || len(got) == 0 {
		t.Errorf("Read: %v", err)
	}
}

// B12 of the reliability list.
func TestFailedWriteLeavesTheLogAsItWas(t *testing.T) {
	disk := newMem(t)
	l := fresh(t, disk, Config{})
	all, _ := fill(t, l, 3, 3)
	disk.SetCapacity(disk.Used())
	big := newBatch(t, 9, 1000, 1, recordbatch.NoProducer)
	if _, err := l.Append(big, now); err == nil {
		t.Fatal("an append on a full disk succeeded")
	}
	if size := fileSize(t, disk, logName("data/p", 0)); size != l.Bytes() || l.Next() != 9 {
		t.Errorf("file of %d bytes, log of %d, next offset %d", size, l.Bytes(), l.Next())
	}
	disk.SetCapacity(1 << 20)
	if _, err := l.Append(big, now); err != nil {
		t.Fatal(err)
	}
	for i, want := range append(all, big) {
		if got, err := l.Read(int64(3*i), 1, l.Next(), nil); err != nil || !bytes.Equal(got, want) {
			t.Errorf("batch %d: %d bytes, %v", i, len(got), err)
		}
	}
}

func TestSegmentsEndBySizeAndAge(t *testing.T) {
	l := fresh(t, newMem(t), Config{Limits: Limits{SegmentBytes: 1000, SegmentAge: time.Hour}})
	at := now
	put := func() int64 {
		p, err := l.Append(newBatch(t, l.Next(), 1, 1, recordbatch.NoProducer), at)
		if err != nil {
			t.Fatal(err)
		}
		return p.Base
	}
	if put(); put() != 0 {
		t.Error("a new segment without a reason")
	}
	if at = at.Add(time.Hour); put() != 2 {
		t.Error("no new segment after its age")
	}
	l.SetLimits(Limits{SegmentBytes: 100, SegmentAge: -1})
	if put() != 3 || put() != 4 {
		t.Error("a changed size is not kept")
	}
}

func TestReadersAreNotDisturbedByDropBeforeAndClose(t *testing.T) {
	disk := newMem(t)
	l := fresh(t, disk, Config{Limits: Limits{SegmentBytes: 600}})
	fill(t, l, 30, 3)
	done := make(chan error)
	for range 4 { // each ends with the log and is received below
		go func() {
			for offset := int64(0); ; {
				got, err := l.Read(offset, 500, l.Next(), nil)
				var out *OutOfRange
				switch {
				case errors.As(err, &out):
					offset = out.Start
					continue
				case err != nil:
					done <- err
					return
				}
				for rest := got; len(rest) > 0; {
					var b recordbatch.Batch
					if b, rest, err = recordbatch.Next(rest); err != nil {
						done <- err
						return
					}
					offset = b.NextOffset()
				}
				if offset >= l.Next() {
					offset = l.Start()
				}
			}
		}()
	}
	for i := range int64(60) {
		fill(t, l, 1, 3)
		if err := l.DropBefore(i * 2); err != nil {
			t.Fatal(err)
		}
		if i%8 == 0 {
			if err := l.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if err := <-done; !errors.Is(err, errClosed) {
			t.Errorf("a reader was disturbed: %v", err)
		}
	}
	if _, err := disk.Stat(logName("data/p", 0)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the first segment: %v", err)
	}
}

// A killed process leaves bytes in the page cache that are right and not on disk.
func TestRedoneBytesAreSyncedEvenIfTheyWereThere(t *testing.T) {
	disk := newMem(t)
	c := Config{Limits: Limits{SegmentBytes: 600}}
	l := fresh(t, disk, c)
	all, places := fill(t, l, 3, 3)
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	known := l.Known()
	more, morePlaces := fill(t, l, 7, 3)
	all, places = append(all, more...), append(places, morePlaces...)

	killed := disk.Clone()
	l, err := Open("data/p", Config{FS: killed}, known)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if err := l.Redo(places[i], all[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.CutBehind(); err != nil {
		t.Fatal(err)
	}
	l = reopen(t, killed.CrashClone(), c, l.Known())
	for i := range all {
		if got, err := l.Read(int64(3*i), 1, l.Next(), nil); err != nil || !bytes.Equal(got, all[i]) {
			t.Fatalf("batch %d: %d bytes, %v", i, len(got), err)
		}
	}
}

// The sidecar of an earlier life may fit a segment that was redone with other batches of the same sizes.
func TestSidecarsOfRedoneSegmentsAreRemoved(t *testing.T) {
	disk := newMem(t)
	l := fresh(t, disk, Config{Limits: Limits{SegmentBytes: 600}})
	all, places := fill(t, l, 12, 3)
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	re, err := Open("data/p", Config{FS: disk}, Known{})
	if err != nil {
		t.Fatal(err)
	}
	defer re.Close()
	for i := range all {
		if err := re.Redo(places[i], all[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := re.CutBehind(); err != nil {
		t.Fatal(err)
	}
	names, err := disk.List("data/p")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, ok := parseName(name, indexSuffix); ok {
			t.Errorf("%s is still there", name)
		}
	}
}
