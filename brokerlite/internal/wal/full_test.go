package wal

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

// fillDisk appends until the disk refuses, and gives the newest LSN that is durable and one that was refused.
func fillDisk(t *testing.T, l *Log) (durable, refused LSN) {
	t.Helper()
	for {
		l.mu.Lock()
		next := l.mu.next
		l.mu.Unlock()
		lsn, err := l.Append(testKind, payload(next, 20_000))
		if err != nil {
			t.Fatalf("Append refused before anybody was told: %v", err)
		}
		err = l.Wait(context.Background(), lsn)
		if errors.Is(err, syscall.ENOSPC) {
			return durable, lsn
		}
		if err != nil {
			t.Fatal(err)
		}
		durable = lsn
	}
}

// S-57: a full disk refuses new work, lets reserved records through, and is left by Resume.
func TestFullDisk(t *testing.T) {
	fs := newMem(t)
	fs.SetCapacity(1 << 20)
	var mu sync.Mutex
	var told []LSN
	c := Config{FileBytes: 256 << 10, SpareBytes: minFileBytes, OnFull: func(durable LSN, err error) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, durable)
	}}
	l, _ := mustOpen(t, fs, c, 0)
	durable, refused := fillDisk(t, l)
	if len(told) != 1 || told[0] != durable {
		t.Fatalf("OnFull got %v, want %d once", told, durable)
	}
	l.mu.Lock()
	name := fileName("wal", l.mu.live[len(l.mu.live)-1].number)
	l.mu.Unlock()
	at := rounds(t, fs, name)
	if end := at[len(at)-1]; int64(len(contents(t, fs, name))) != end {
		t.Errorf("%d bytes of the failed round take room", int64(len(contents(t, fs, name)))-end)
	}
	if _, err := l.Append(testKind, nil); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Append on a full disk: %v", err)
	}
	if err := l.Admit(context.Background()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Admit on a full disk: %v", err)
	}
	var kept []LSN
	for range 5 {
		lsn, err := l.AppendReserved(testKind, []byte("deletion"))
		if err == nil {
			err = l.Wait(context.Background(), lsn)
		}
		if err != nil {
			t.Fatalf("a reserved record: %v", err)
		}
		kept = append(kept, lsn)
	}
	if err := l.Resume(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Resume on a full disk: %v", err)
	}
	if !l.Failed(refused) || l.Failed(durable) || l.Failed(kept[0]) {
		t.Error("Failed is wrong")
	}
	_, got := mustOpen(t, fs.CrashClone(), c, 0)
	if got.last() != kept[4] || len(got.lsns) != int(durable)+5 {
		t.Errorf("replayed %v, want 1 to %d and %v", got.lsns, durable, kept)
	}

	fs.SetCapacity(4 << 20)
	if err := l.Resume(); err != nil {
		t.Fatal(err)
	}
	next := write(t, l, 20_000)
	if err := l.Wait(context.Background(), refused); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the refused record, asked for later: %v", err)
	}
	if l.Durable() != next {
		t.Errorf("durable %d, want %d", l.Durable(), next)
	}
	_, got = mustOpen(t, fs.CrashClone(), c, 0)
	if got.last() != next || len(got.lsns) != int(durable)+6 {
		t.Errorf("replayed %v, want 1 to %d, %v and %d", got.lsns, durable, kept, next)
	}
	if err := l.Err(); err != nil {
		t.Error(err)
	}
}

func TestSpareFileThatIsUsedUpRefusesReservedRecords(t *testing.T) {
	fs := newMem(t)
	fs.SetCapacity(1 << 20)
	l, _ := mustOpen(t, fs, Config{FileBytes: 256 << 10, SpareBytes: minFileBytes}, 0)
	durable, _ := fillDisk(t, l)
	n := 0
	for {
		lsn, err := l.AppendReserved(testKind, []byte("deletion"))
		if err != nil {
			t.Fatal(err)
		}
		if err = l.Wait(context.Background(), lsn); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != minFileBytes/blockBytes-1 {
		t.Errorf("%d reserved records, want one for each block", n)
	}
	_, got := mustOpen(t, fs.CrashClone(), Config{}, 0)
	if len(got.lsns) != int(durable)+n {
		t.Errorf("replayed %d records, want %d", len(got.lsns), int(durable)+n)
	}
}

// A disk that is full in the middle of a group: reserved records of it follow through the spare file, in order, and what
// was written of the round is not read.
func TestReservedRecordsOfAFailedGroupFollow(t *testing.T) {
	fs := newMem(t)
	faulty := vfs.NewFaulty(fs)
	l, _ := mustOpen(t, faulty, Config{}, 0)
	write(t, l, 100)

	hold, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	faulty.SetHook(func(op vfs.Op) error {
		if op.Kind == vfs.KindSync {
			once.Do(func() { close(hold); <-release })
		}
		return nil
	})
	if _, err := l.Append(testKind, payload(2, 100)); err != nil {
		t.Fatal(err)
	}
	<-hold // the group that now forms is 3 to 6
	lsns := make([]LSN, 4)
	for i := range lsns {
		var err error
		if i%2 == 0 {
			lsns[i], err = l.Append(testKind, payload(LSN(3+i), 100))
		} else {
			lsns[i], err = l.AppendReserved(testKind, payload(LSN(3+i), 100))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	faulty.FailNth(vfs.KindWrite, 1, syscall.ENOSPC)
	close(release)
	for i, lsn := range lsns {
		err := l.Wait(context.Background(), lsn)
		if reserved := i%2 == 1; reserved != (err == nil) || !reserved && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("record %d: %v", lsn, err)
		}
	}
	_, got := mustOpen(t, fs.CrashClone(), Config{}, 0)
	if want := []LSN{1, 2, 4, 6}; len(got.lsns) != 4 || got.lsns[2] != 4 || got.lsns[3] != 6 {
		t.Errorf("replayed %v, want %v", got.lsns, want)
	}
	if err := l.Resume(); err != nil {
		t.Fatal(err)
	}
	write(t, l, 100)
	_, got = mustOpen(t, fs.CrashClone(), Config{}, 0)
	if len(got.lsns) != 5 || got.last() != 7 {
		t.Errorf("replayed %v, want 1, 2, 4, 6, 7", got.lsns)
	}
}

// S-57; B14 of the reliability list.
func TestSyncErrorIsFinal(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		fs := newMem(t)
		faulty := vfs.NewFaulty(fs)
		l, _, err := openLog(faulty, Config{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		write(t, l, 100)
		faulty.FailNth(vfs.KindSync, 1, cause)
		lsn, err := l.Append(testKind, payload(2, 100))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Wait(context.Background(), lsn); !errors.Is(err, cause) {
			t.Errorf("the waiter got %v, want %v", err, cause)
		}
		if err := l.Err(); !errors.Is(err, cause) {
			t.Errorf("Err is %v, want %v", err, cause)
		}
		syncs := faulty.Count(vfs.KindSync)
		if _, err := l.Append(testKind, nil); !errors.Is(err, cause) {
			t.Errorf("Append: %v", err)
		}
		if err := l.Admit(context.Background()); !errors.Is(err, cause) {
			t.Errorf("Admit: %v", err)
		}
		if l.Durable() != 1 {
			t.Errorf("durable %d, want 1", l.Durable())
		}
		if err := l.Close(); !errors.Is(err, cause) {
			t.Errorf("Close: %v", err)
		}
		if n := faulty.Count(vfs.KindSync); n != syncs {
			t.Errorf("%d syncs after the one that failed", n-syncs)
		}
		_, got := mustOpen(t, fs.CrashClone(), Config{}, 0)
		got.wantUpTo(t, 1, 1, 100)
	}
}

func TestLogStartsOnAFullDisk(t *testing.T) {
	fs := newMem(t)
	l, _ := mustOpen(t, fs, Config{}, 0)
	write(t, l, 100)
	if err := errors.Join(l.Close(), fs.Remove("wal/spare")); err != nil {
		t.Fatal(err)
	}
	fs.SetCapacity(fs.Used())
	l, got := mustOpen(t, fs, Config{}, 0)
	got.wantUpTo(t, 1, 1, 100)
	if _, err := l.Append(testKind, nil); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	fs.SetCapacity(64 << 20)
	if err := l.Resume(); err != nil {
		t.Fatal(err)
	}
	write(t, l, 100)
}
