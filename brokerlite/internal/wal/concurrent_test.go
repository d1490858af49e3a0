package wal

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrun/millrun/internal/vfs"
)

// S-48, S-50.
func TestAppendersSeeTheirRecordsInOrderAndPublishedFirst(t *testing.T) {
	fs := newMem(t)
	var published atomic.Uint64
	l, _ := mustOpen(t, fs, Config{FileBytes: minFileBytes, OnDurable: func(lsn LSN) { published.Store(uint64(lsn)) }}, 0)
	const appenders, each = 16, 200
	var wg sync.WaitGroup
	for who := range appenders {
		wg.Go(func() {
			for i := range each {
				var p [8]byte
				binary.BigEndian.PutUint32(p[:], uint32(who))
				binary.BigEndian.PutUint32(p[4:], uint32(i))
				if err := l.Admit(context.Background()); err != nil {
					t.Error(err)
					return
				}
				lsn, err := l.Append(testKind, p[:4], p[4:])
				if err == nil && i%8 == 7 {
					err = l.Wait(context.Background(), lsn)
					if LSN(published.Load()) < lsn {
						t.Errorf("record %d is durable but was not published", lsn)
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, got := mustOpen(t, fs.Crash(), Config{FileBytes: minFileBytes}, 0)
	next := map[uint32]uint32{}
	for i, lsn := range got.lsns {
		who, n := binary.BigEndian.Uint32(got.payloads[lsn]), binary.BigEndian.Uint32(got.payloads[lsn][4:])
		if lsn != LSN(i+1) || n != next[who] {
			t.Fatalf("record %d: appender %d number %d, want %d", lsn, who, n, next[who])
		}
		next[who]++
	}
	if len(got.lsns) != appenders*each {
		t.Errorf("%d records, want %d", len(got.lsns), appenders*each)
	}
}

// S-48: what the owner publishes is there before anybody learns that the record is durable, however he asks.
func TestNobodyLearnsOfARecordBeforeItIsPublished(t *testing.T) {
	var l *Log
	ready := make(chan struct{})
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	l, _ = mustOpen(t, newMem(t), Config{OnDurable: func(lsn LSN) {
		<-ready
		if err := l.Wait(gone, lsn); !errors.Is(err, context.Canceled) {
			t.Errorf("Wait, while the record is published: %v", err)
		}
		if l.Durable() >= lsn {
			t.Errorf("durable %d, while the record is published", l.Durable())
		}
	}}, 0)
	close(ready)
	write(t, l, 100)
	if l.Durable() != 1 {
		t.Errorf("durable %d", l.Durable())
	}
}

// While one sync runs, the next group forms: many waiters, few syncs.
func TestOneSyncServesAllThatCameInMeanwhile(t *testing.T) {
	faulty := vfs.NewFaulty(newMem(t))
	l, _ := mustOpen(t, faulty, Config{}, 0)
	write(t, l, 10)
	hold, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	faulty.SetHook(func(op vfs.Op) error {
		if op.Kind == vfs.KindSync {
			once.Do(func() { close(hold); <-release })
		}
		return nil
	})
	before := faulty.Count(vfs.KindSync)
	var last LSN
	for i := range 100 {
		lsn, err := l.Append(testKind, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if last = lsn; i == 0 {
			<-hold
		}
	}
	close(release)
	if err := l.Wait(context.Background(), last); err != nil {
		t.Fatal(err)
	}
	if n := faulty.Count(vfs.KindSync) - before; n != 2 {
		t.Errorf("%d syncs for 100 records, want 2", n)
	}
}

func TestAdmitWaitsWhileTheQueueIsFull(t *testing.T) {
	faulty := vfs.NewFaulty(newMem(t))
	l, _ := mustOpen(t, faulty, Config{QueueBytes: 1000}, 0)
	hold, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	faulty.SetHook(func(op vfs.Op) error {
		if op.Kind == vfs.KindSync {
			once.Do(func() { close(hold); <-release })
		}
		return nil
	})
	if _, err := l.Append(testKind, nil); err != nil {
		t.Fatal(err)
	}
	<-hold
	if err := l.Admit(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(testKind, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := l.Admit(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Admit with a full queue: %v", err)
	}
	admitted := make(chan error)
	go func() { admitted <- l.Admit(context.Background()) }() // received below
	close(release)
	if err := <-admitted; err != nil {
		t.Error(err)
	}
}

func TestWaitGivesUpWithItsContextAndLeavesTheOutcomeOpen(t *testing.T) {
	faulty := vfs.NewFaulty(newMem(t))
	l, _ := mustOpen(t, faulty, Config{}, 0)
	hold, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	faulty.SetHook(func(op vfs.Op) error {
		if op.Kind == vfs.KindSync {
			once.Do(func() { close(hold); <-release })
		}
		return nil
	})
	lsn, err := l.Append(testKind, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-hold
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Wait(ctx, lsn); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
	close(release)
	if err := l.Wait(context.Background(), lsn); err != nil {
		t.Error(err)
	}
	if err := l.Wait(context.Background(), 0); err != nil {
		t.Error(err)
	}
	if err := l.Wait(context.Background(), lsn+1); err == nil {
		t.Error("Wait for a record that was never appended returned nil")
	}
}

func TestBytesIsTheDistanceFromWhatIsCovered(t *testing.T) {
	l, _ := mustOpen(t, newMem(t), Config{FileBytes: 256 << 10}, 0)
	for range 50 {
		write(t, l, 8000)
	}
	whole := l.Bytes()
	if whole != 50*8192 {
		t.Errorf("%d bytes, want %d", whole, 50*8192)
	}
	if err := l.Covered(25); err != nil {
		t.Fatal(err)
	}
	if n := l.Bytes(); n < 25*8192 || n > 25*8192+markBytes {
		t.Errorf("half covered: %d bytes, want %d", n, 25*8192)
	}
	if err := l.Covered(50); err != nil {
		t.Fatal(err)
	}
	if n := l.Bytes(); n != 0 {
		t.Errorf("all covered: %d bytes", n)
	}
}
