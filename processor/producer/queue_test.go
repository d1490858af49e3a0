package producer_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
)

func TestQueuedRecordsKeepTheOrderOfTheirKey(t *testing.T) {
	l := newLog(map[string]int32{"in": 4})
	p := open(t, l, producer.Config{BufferBytes: 4 << 10})
	const keys, each = 8, 2000
	var wait sync.WaitGroup
	for k := range keys {
		wait.Go(func() {
			for i := range each {
				if err := p.Queue(t.Context(), fmt.Sprint("key", k), int64(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	records, batches := l.count()
	if records != keys*each {
		t.Errorf("%d records after Flush, want %d", records, keys*each)
	}
	if batches == records {
		t.Error("each record was a batch of its own")
	}
	next := map[string]uint64{}
	for i := range int32(4) {
		for _, r := range l.of("in", i) {
			if got := binary.BigEndian.Uint64(r.Value); got != next[string(r.Key)] {
				t.Fatalf("%s: got %d, want %d", r.Key, got, next[string(r.Key)])
			}
			next[string(r.Key)]++
		}
	}
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
}

func TestAFullQueueWaitsForTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(map[string]int32{"in": 1})
		l.hold = make(chan struct{})
		p := open(t, l, producer.Config{BufferBytes: 20}) // two records of 9 bytes
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 {
			if err := p.Queue(ctx, "a", 1); err != nil {
				t.Fatal(err)
			}
		}
		third := make(chan error, 1)
		go func() { third <- p.Queue(ctx, "a", 2) }() // ends below
		synctest.Wait()
		select {
		case err := <-third:
			t.Fatalf("a full queue took a record: %v", err)
		default:
		}
		cancel()
		if err := <-third; !errors.Is(err, context.Canceled) {
			t.Errorf("a wait whose context ended gives %v", err)
		}
		if err := p.Flush(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Flush whose context ended gives %v", err)
		}
		go func() { third <- p.Queue(t.Context(), "a", 3) }()
		close(l.hold)
		if err := <-third; err != nil {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if n, _ := l.count(); n != 3 {
			t.Errorf("%d records after Close, want 3", n)
		}
		if err := p.Queue(t.Context(), "a", 4); !errors.Is(err, commitlog.ErrClosed) {
			t.Errorf("Queue after Close gives %v", err)
		}
	})
}

func TestARecordLargerThanTheBufferStillGoes(t *testing.T) {
	l := newLog(map[string]int32{"big": 1})
	big := processor.NewStream("big", codec.String, codec.Bytes)
	p, err := producer.Open(t.Context(), l, big, producer.Config{BufferBytes: 10})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := p.Queue(t.Context(), "a", make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if n, _ := l.count(); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
}

// The first failure is what the caller must learn; what came behind it must not slip in.
func TestAFailureStaysAndNothingFollowsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(map[string]int32{"in": 4})
		l.hold = make(chan struct{})
		p := open(t, l, producer.Config{})
		for i := range 100 {
			if err := p.Queue(t.Context(), fmt.Sprint(i), int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait() // all lanes hold a batch
		l.fail(commitlog.ErrTooLarge)
		l.hold <- struct{}{}
		synctest.Wait()
		if err := p.Queue(t.Context(), "a", 1); !errors.Is(err, commitlog.ErrTooLarge) {
			t.Errorf("Queue after a failure gives %v", err)
		}
		l.fail(nil)
		close(l.hold)
		if err := p.Flush(t.Context()); !errors.Is(err, commitlog.ErrTooLarge) {
			t.Errorf("Flush after a failure gives %v", err)
		}
		if err := p.Close(); !errors.Is(err, commitlog.ErrTooLarge) {
			t.Errorf("Close after a failure gives %v", err)
		}
		before, _ := l.count()
		if _, err := p.Send(t.Context(), "a", 1); err != nil {
			t.Errorf("Send shares the failure of the queue: %v", err)
		}
		if after, _ := l.count(); after != before+1 {
			t.Errorf("%d records came with one Send", after-before)
		}
	})
}

func TestQueuedRecordsWithoutKeysUseAllPartitions(t *testing.T) {
	l := newLog(map[string]int32{"lines": 3})
	lines := processor.NewStream("lines", codec.Unkeyed, codec.String)
	p, err := producer.Open(t.Context(), l, lines, producer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := errors.Join(p.Queue(t.Context(), struct{}{}, "x"), p.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	for i := range int32(3) {
		if n := len(l.of("lines", i)); n != 1 {
			t.Errorf("partition %d has %d records, want 1", i, n)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}
