package wal

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

// crashScript is a life of a log in which every kind of step occurs: rolls, a round larger than a file, groups, a covered
// file that is used again.
type crashScript struct {
	mu       sync.Mutex
	queued   LSN // appended so far
	acked    LSN // Wait returned nil
	covered  LSN // what a checkpoint may say
	appended map[LSN]int
}

func (s *crashScript) run(l *Log) error {
	sizes := []int{100, 20_000, 30_000, 90_000, 10, 40_000, 40_000, 40_000, 500, 40_000, 40_000, 7}
	for i, n := range sizes {
		for range 1 + i%3 {
			if err := s.append(l, n); err != nil {
				return err
			}
		}
		if err := s.wait(l); err != nil {
			return err
		}
		if i == 4 || i == 8 {
			s.mu.Lock()
			s.covered = s.acked - 1
			s.mu.Unlock()
			if err := l.Covered(s.covered); err != nil {
				return err
			}
		}
	}
	return l.Close()
}

func (s *crashScript) append(l *Log, n int) error {
	l.mu.Lock()
	next := l.mu.next
	l.mu.Unlock()
	s.mu.Lock() // before the append: the committer is fast
	s.queued = next
	s.appended[next] = max(n, 32)
	s.mu.Unlock()
	_, err := l.Append(testKind, payload(next, n))
	return err
}

func (s *crashScript) wait(l *Log) error {
	s.mu.Lock()
	lsn := s.queued
	s.mu.Unlock()
	if err := l.Wait(context.Background(), lsn); err != nil {
		return err
	}
	s.mu.Lock()
	s.acked = lsn
	s.mu.Unlock()
	return nil
}

// image is a disk at one moment and what the outside world knew then.
type image struct {
	fs                     *vfs.Mem
	queued, acked, covered LSN
	appended               map[LSN]int
}

// imageAt runs the script from a disk on and takes an image before its nth operation; nil if there are fewer.
func imageAt(t *testing.T, disk *vfs.Mem, before image, n int64, take func(*vfs.Mem) *vfs.Mem) *image {
	t.Helper()
	faulty := vfs.NewFaulty(disk)
	s := &crashScript{queued: before.queued, acked: before.acked, covered: before.covered, appended: map[LSN]int{}}
	for lsn, size := range before.appended {
		s.appended[lsn] = size
	}
	var taken *image
	faulty.SetHook(func(vfs.Op) error {
		if faulty.Ops() == n {
			s.mu.Lock()
			taken = &image{fs: take(disk), queued: s.queued, acked: s.acked, covered: s.covered, appended: map[LSN]int{}}
			for lsn, size := range s.appended {
				taken.appended[lsn] = size
			}
			s.mu.Unlock()
		}
		return nil
	})
	l, got, err := openLog(faulty, Config{FileBytes: minFileBytes, SpareBytes: minFileBytes, Random: salts(uint64(n))}, before.covered)
	if err != nil {
		t.Fatalf("operation %d: %v", n, err)
	}
	s.mu.Lock()
	s.queued, s.acked = max(got.last(), s.covered), max(got.last(), s.covered)
	s.mu.Unlock()
	if err := s.run(l); err != nil {
		t.Fatalf("operation %d: %v", n, err)
	}
	return taken
}

// check opens an image: every acknowledged record is there, none that was never appended, and no hole.
func (m *image) check(t *testing.T, n int64) {
	t.Helper()
	l, got, err := openLog(m.fs.Clone(), Config{FileBytes: minFileBytes, SpareBytes: minFileBytes}, m.covered)
	if err != nil {
		t.Fatalf("crash before operation %d: %v", n, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for i, lsn := range got.lsns {
		if lsn != m.covered+1+LSN(i) {
			t.Fatalf("crash before operation %d: record %d follows %d", n, lsn, m.covered+LSN(i))
		}
		if p := got.payloads[lsn]; len(p) != m.appended[lsn] || p[len(p)-1] != byte(lsn) && len(p) > 32 {
			t.Fatalf("crash before operation %d: record %d has %d bytes, want %d", n, lsn, len(p), m.appended[lsn])
		}
	}
	if last := max(got.last(), m.covered); last < m.acked || last > m.queued {
		t.Fatalf("crash before operation %d: the log ends at %d; acknowledged up to %d, appended up to %d", n, last, m.acked, m.queued)
	}
}

// S-49, S-50, S-56; B2 and B17 of the reliability list.
func TestNoCrashLosesAcknowledgedRecordsOrMakesHoles(t *testing.T) {
	for name, take := range map[string]func(*vfs.Mem) *vfs.Mem{"power cut": (*vfs.Mem).CrashClone, "kill": (*vfs.Mem).Clone} {
		t.Run(name, func(t *testing.T) {
			n := int64(1)
			for ; ; n++ {
				m := imageAt(t, newMem(t), image{}, n, take)
				if m == nil {
					break
				}
				m.check(t, n)
				if n%7 != 0 {
					continue
				}
				for k := n / 7 % 3; ; k += 13 { // a second crash, the first ones of them during recovery
					second := imageAt(t, m.fs.Clone(), *m, k+1, take)
					if second == nil {
						break
					}
					second.check(t, k+1)
				}
			}
			if n < 50 {
				t.Errorf("the script has %d operations only", n)
			}
		})
	}
}

// What was replayed is shown to the world, so it must survive a power cut right after Open, although before it was in the
// page cache only.
func TestReplayedRecordsAreDurableWhenOpenReturns(t *testing.T) {
	fs := newMem(t)
	faulty := vfs.NewFaulty(fs)
	l, _ := mustOpen(t, faulty, Config{}, 0)
	write(t, l, 100)
	write(t, l, 100)
	var killed *vfs.Mem
	faulty.SetHook(func(op vfs.Op) error {
		if op.Kind == vfs.KindSync && killed == nil {
			killed = fs.Clone() // written, not synced
		}
		return nil
	})
	write(t, l, 100)
	faulty.SetHook(nil)

	_, got := mustOpen(t, killed, Config{}, 0)
	got.wantUpTo(t, 1, 3, 100)
	_, got = mustOpen(t, killed.CrashClone(), Config{}, 0)
	got.wantUpTo(t, 1, 3, 100)
}

func TestNoSyncSyncsOnlyAtOpenAndClose(t *testing.T) {
	fs := newMem(t)
	faulty := vfs.NewFaulty(fs)
	l, _ := mustOpen(t, faulty, Config{NoSync: true, FileBytes: minFileBytes}, 0)
	before := faulty.Count(vfs.KindSync) + faulty.Count(vfs.KindSyncDir)
	for range 20 {
		write(t, l, 9000)
	}
	if n := faulty.Count(vfs.KindSync) + faulty.Count(vfs.KindSyncDir); n != before {
		t.Errorf("%d syncs", n-before)
	}
	_, got := mustOpen(t, fs.Clone(), Config{}, 0)
	got.wantUpTo(t, 1, 20, 9000)
	_, got = mustOpen(t, fs.CrashClone(), Config{}, 0)
	got.wantUpTo(t, 1, 0, 9000)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, got = mustOpen(t, fs.Clone(), Config{}, 0)
	got.wantUpTo(t, 1, 20, 9000)
}

func TestReplayErrorEndsOpen(t *testing.T) {
	fs := newMem(t)
	l, _ := mustOpen(t, fs, Config{}, 0)
	write(t, l, 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	want := errors.New("no")
	_, _, err := Open("wal", Config{FS: fs}, 0, func(LSN, byte, []byte) error { return want })
	if !errors.Is(err, want) {
		t.Fatal(err)
	}
}
