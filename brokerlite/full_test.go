package brokerlite_test

import (
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
)

// S-57, S-54: the write-ahead log finds no room with requests of all kinds queued. What was refused leaves no trace: not in
// offsets, not in sequences, not in transactions; what must pass passes.
func TestFullWriteAheadLogTakesBackWhatItRefused(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 2)
	p, idle := r.init("tx"), r.init("")
	r.produce(p, "a", 0, "in")
	r.produce(idle, "a", 1, "first")
	faulty, gate := slowSync(r)
	idle.seq = 1
	held := make(chan error, 1)
	go func() {
		_, err := r.tryProduce(nobody, "a", 0, "held")
		held <- err
	}()
	<-gate.entered // this round is being synced; what follows is the next
	var queued sync.WaitGroup
	refusals := make([]error, 6)
	for i := range refusals {
		queued.Go(func() {
			switch i {
			case 0:
				_, refusals[i] = r.tryProduce(idle, "a", 1, "second")
			default:
				_, refusals[i] = r.tryProduce(nobody, "a", int32(i%2), "refused")
			}
		})
	}
	names, err := r.mem.List("data/wal")
	if err != nil {
		t.Fatal(err)
	}
	var full atomic.Bool
	full.Store(true)
	faulty.SetHook(func(op vfs.Op) error {
		if !full.Load() || path.Dir(op.Name) != "data/wal" {
			return nil
		}
		// The spare file, under whatever name it is used, has its blocks.
		grows := op.Kind == vfs.KindWrite && path.Base(op.Name) != "spare" && slices.Contains(names, path.Base(op.Name))
		if grows || op.Kind == vfs.KindCreate {
			return syscall.ENOSPC
		}
		return nil
	})
	close(gate.release)
	wantErr(t, "the round under way", <-held, nil)
	queued.Wait()
	for i, err := range refusals {
		wantErr(t, fmt.Sprint("request ", i), err, kerr.KafkaStorageError)
	}
	want(t, "high watermark", r.fetch("a", 1, 0, false).HighWatermark, 1)
	end, err := r.tryEnd(p, true)
	for err == kerr.CoordinatorNotAvailable { // the broker is still taking back; clients repeat
		runtime.Gosched()
		end, err = r.tryEnd(p, true)
	}
	wantErr(t, "the end of what was open", err, nil)
	full.Store(false)
	var base int64
	for range 1_000_000 {
		r.clock.Advance(time.Second)
		runtime.Gosched()
		if base, err = r.tryProduce(idle, "a", 1, "second"); err == nil {
			break
		}
	}
	end.id = p.id
	wantErr(t, "the repeat of a refused batch", err, nil)
	want(t, "its offset", base, 1)
	end.seq = 0
	r.produce(end, "a", 0, "next")
	r.end(end, true)
	for range 2 {
		want(t, "a/0", fmt.Sprint(r.values("a", 0, true)), "[0:in 1:held 3:next]")
		want(t, "a/1", fmt.Sprint(r.values("a", 1, true)), "[0:first 1:second]")
		r.crash()
	}
}

// S-55: segments go when no kept snapshot needs them, not before and not never.
func TestSegmentsOfDeletedRecordsGoWithTheOlderSnapshot(t *testing.T) {
	r := newRig(t, brokerlite.Config{SegmentBytes: 64 << 10})
	r.create("a", 1)
	for range 10 {
		r.produce(nobody, "a", 0, strings.Repeat("x", 30<<10))
	}
	r.restart() // a snapshot that begins at 0
	deleteRecords(r, "a", 0)
	r.restart() // one that begins at 5
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := r.mem.List("data/meta")
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.mem.OpenReadWrite("data/meta/" + names[len(names)-1])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("?"), 30); err != nil {
		t.Fatal(err)
	}
	f.Close()
	r.open() // from the older one
	want(t, "records", len(r.values("a", 0, true)), 5)
	r.produce(nobody, "a", 0, "more")
	r.restart()
	r.produce(nobody, "a", 0, "more")
	r.restart()
	if _, err := r.mem.Stat("data/topics/a-0.1/00000000000000000000.log"); err == nil {
		t.Error("the first segment is still there")
	}
	want(t, "records", len(r.values("a", 0, true)), 7)
}

// S-55
func TestHandlesAreNeverUsedTwice(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	for i := range 3 {
		name := fmt.Sprint("t", i)
		r.create(name, 1)
		r.produce(nobody, name, 0, name)
		r.crash()
	}
	for i := range 3 {
		want(t, "content", fmt.Sprint(r.values(fmt.Sprint("t", i), 0, true)), fmt.Sprintf("[0:t%d]", i))
	}
	seen := map[string]bool{}
	names, err := r.mem.List("data/topics")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		handle := n[strings.LastIndex(n, "."):]
		if seen[handle] {
			t.Errorf("handle %s is used twice: %v", handle, names)
		}
		seen[handle] = true
	}
}

// S12: the marker itself fences, also where no coordinator is asked.
func TestMarkerFencesLateBatches(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	p := r.init("tx")
	r.produce(p, "a", 0, "in")
	r.end(p, true)
	late := producer{pid: p.pid, epoch: p.epoch, seq: 1}
	for range 2 {
		_, err := r.tryProduce(late, "a", 0, "late")
		wantErr(t, "a plain batch of the old epoch", err, kerr.InvalidProducerEpoch)
		r.crash()
	}
}
