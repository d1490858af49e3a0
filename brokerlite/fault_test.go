package brokerlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestSecondOwnerIsRefusedByName(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	_, err := brokerlite.Open("data", r.c)
	if !errors.Is(err, vfs.ErrLocked) || !strings.HasSuffix(err.Error(), "data directory data is in use by another broker: close that one first") {
		t.Errorf("second owner: %v, want ErrLocked and the directory's name", err)
	}
	if _, err := brokerlite.Check(r.mem, "data"); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("check of a directory in use: %v, want ErrLocked", err)
	}
	r.restart()
}

func TestConfigReportsEveryFault(t *testing.T) {
	_, err := brokerlite.Open("data", brokerlite.Config{FS: vfs.NewMem(), Flush: 7, SegmentBytes: 1, DefaultPartitions: -1})
	for _, field := range []string{"Flush", "SegmentBytes", "DefaultPartitions"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
}

// S-57: a failed sync stops the broker; what was waiting fails; the next start has what the disk has.
func TestSyncErrorStopsTheBroker(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	r.produce(nobody, "a", 0, "kept")
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	faulty := vfs.NewFaulty(r.mem)
	r.fs = faulty
	r.open()
	faulty.SetHook(func(op vfs.Op) error {
		if op.Kind == vfs.KindSync && strings.Contains(op.Name, "/wal/") {
			return syscall.EIO
		}
		return nil
	})
	_, err := r.tryProduce(nobody, "a", 0, "lost")
	wantErr(t, "produce", err, syscall.EIO)
	<-r.b.Failed()
	wantErr(t, "Err", r.b.Err(), syscall.EIO)
	_, err = r.tryValues("a", 0, true)
	wantErr(t, "a later request", err, syscall.EIO)
	faulty.SetHook(nil)
	if err := r.b.Close(); err != nil {
		t.Errorf("close after a failure: %v", err)
	}
	r.fs = nil
	r.mem = r.mem.CrashClone()
	r.open()
	want(t, "after a start", fmt.Sprint(r.values("a", 0, true)), "[0:kept]")
}

// S-57: a full disk refuses produces, reading and deleting go on, and there is a way back.
func TestFullDiskRefusesWritesAndServesReads(t *testing.T) {
	r := newRig(t, brokerlite.Config{WALFileBytes: 256 << 10, MaxMessageBytes: 64 << 10})
	r.create("a", 1)
	r.create("big", 1)
	big := strings.Repeat("x", 30<<10)
	kept := 0
	for range 5 {
		r.produce(nobody, "big", 0, big)
	}
	r.mem.SetCapacity(r.mem.Used() + 200<<10)
	var err error
	for err == nil && kept < 100 {
		if _, err = r.tryProduce(nobody, "a", 0, fmt.Sprint(kept, big)); err == nil {
			kept++
		}
	}
	wantErr(t, "produce on a full disk", err, kerr.KafkaStorageError)
	if kept == 0 || kept == 100 {
		t.Fatalf("%d batches fitted", kept)
	}
	want(t, "reading", len(r.values("a", 0, true)), kept)
	if r.b.Err() != nil {
		t.Fatalf("a full disk stopped the broker: %v", r.b.Err())
	}
	r.delete("big")
	r.mem.SetCapacity(0)
	var base int64
	for range 1_000_000 { // the broker looks for room once a second of its clock
		r.clock.Advance(time.Second)
		runtime.Gosched()
		if base, err = r.tryProduce(nobody, "a", 0, "after"); err == nil {
			break
		}
	}
	wantErr(t, "produce with room again", err, nil)
	want(t, "no hole", base, int64(kept))
	r.crash()
	got := r.values("a", 0, true)
	want(t, "after a power cut", len(got), kept+1)
	want(t, "deleted", r.has("big"), false)
}

// S-54: a full disk refuses new work, never the end of what is open.
func TestTransactionEndsOnAFullDisk(t *testing.T) {
	for _, commit := range []bool{true, false} {
		r := newRig(t, brokerlite.Config{WALFileBytes: 256 << 10, MaxMessageBytes: 64 << 10})
		r.create("a", 20)
		big := strings.Repeat("x", 30<<10)
		p := r.init("tx")
		for i := range 20 {
			r.produce(p, "a", int32(i), "in")
		}
		if err := r.tryStage(p, "g", "a", 0, 7); err != nil {
			t.Fatal(err)
		}
		r.mem.SetCapacity(r.mem.Used() + 100<<10)
		kept, refused := 0, 0
		for ; ; kept++ {
			if _, err := r.tryProduce(nobody, "a", 3, big[:min(len(big), 30<<10>>(kept/5))]); err != nil {
				wantErr(t, "new work", err, kerr.KafkaStorageError)
				if kept > 60 {
					break
				}
				kept += 5 // smaller ones may still fit
				refused += 6
			}
		}
		end, err := r.tryEnd(p, commit)
		if err == kerr.CoordinatorNotAvailable { // the refusal that told the broker; clients repeat
			end, err = r.tryEnd(p, commit)
		}
		wantErr(t, "end", err, nil)
		want(t, "epoch", end.epoch, p.epoch+1)
		r.mem.SetCapacity(0)
		for _, when := range []string{"live", "after a power cut"} {
			for i := range 20 {
				n := 0
				for _, v := range r.values("a", int32(i), true) {
					if strings.HasSuffix(v, ":in") {
						n++
					}
				}
				want(t, fmt.Sprint(when, ", partition ", i, " has it"), n == 1, commit)
				f := r.fetch("a", int32(i), 0, true)
				want(t, when+", stable", f.LastStableOffset, f.HighWatermark)
			}
			got, err := r.committed("g", "a", 0, true)
			wantErr(t, "offsets", err, nil)
			want(t, "offset", got == 7, commit)
			want(t, "the others", len(r.values("a", 3, false)), kept-refused+1)
			if when == "live" {
				r.crash()
			}
		}
		r.b.Close()
	}
}

func TestDamagedSegmentTakesItsPartitionAlone(t *testing.T) {
	var logged bytes.Buffer
	r := newRig(t, brokerlite.Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	r.create("a", 2)
	r.produce(nobody, "a", 0, "one", "two")
	r.produce(nobody, "a", 1, "good")
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	name := "data/topics/a-0.1/00000000000000000000.log"
	f, err := r.mem.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff, 0xff}, 70); err != nil {
		t.Fatal(err)
	}
	f.Close()
	findings, err := brokerlite.Check(r.mem, "data")
	if err != nil || len(findings) != 1 || !findings[0].Damage || findings[0].File != name {
		t.Errorf("check: %v %v, want one damage in %s", findings, err, name)
	}
	r.open()
	_, err = r.tryValues("a", 0, true)
	wantErr(t, "the damaged partition", err, kerr.KafkaStorageError)
	_, err = r.tryProduce(nobody, "a", 0, "three")
	wantErr(t, "appending to it", err, kerr.KafkaStorageError)
	want(t, "its neighbour", fmt.Sprint(r.values("a", 1, true)), "[0:good]")
	if !strings.Contains(logged.String(), name) {
		t.Errorf("the log does not name %s:\n%s", name, logged.String())
	}
}

func TestUnknownDirectoryIsReportedAndKept(t *testing.T) {
	var logged bytes.Buffer
	r := newRig(t, brokerlite.Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	r.create("a", 1)
	if err := r.mem.MkdirAll("data/topics/lost-0.77", 0o700); err != nil {
		t.Fatal(err)
	}
	r.restart()
	if !strings.Contains(logged.String(), "lost-0.77") {
		t.Error("the directory is not reported")
	}
	if _, err := r.mem.Stat("data/topics/lost-0.77"); err != nil {
		t.Error(err)
	}
}

func TestLostSnapshotIsNotAnEmptyBroker(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	r.produce(nobody, "a", 0, "x")
	r.restart()
	names, err := r.mem.List("data/meta")
	if err != nil || len(names) != 2 {
		t.Fatalf("snapshots: %v %v, want two", names, err)
	}
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	damage := func(name string) {
		f, err := r.mem.OpenReadWrite("data/meta/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt([]byte("?"), 30); err != nil {
			t.Fatal(err)
		}
	}
	names, _ = r.mem.List("data/meta")
	damage(names[len(names)-1])
	r.open() // from the older one and the log
	want(t, "content", fmt.Sprint(r.values("a", 0, true)), "[0:x]")
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	names, _ = r.mem.List("data/meta")
	for _, n := range names {
		damage(n)
	}
	if _, err := brokerlite.Open("data", r.c); err == nil || !strings.Contains(err.Error(), names[0]) {
		t.Errorf("open with all snapshots damaged: %v, want an error that names them", err)
	}
	for _, n := range names {
		r.mem.Remove("data/meta/" + n)
	}
	if _, err := brokerlite.Open("data", r.c); err == nil {
		t.Error("a directory with data and without snapshots was opened as an empty broker")
	}
	r.mem = vfs.NewMem()
	r.open()
}

func TestCheckpointLetsGoOfTheLog(t *testing.T) {
	r := newRig(t, brokerlite.Config{WALFileBytes: 192 << 10, CheckpointBytes: 300 << 10, MaxMessageBytes: 64 << 10})
	r.create("a", 1)
	big := strings.Repeat("x", 30<<10)
	first := "data/wal/00000000000000000001.wal"
	n := 0
	for ; n < 5000; n++ {
		if _, err := r.mem.Stat(first); n > 20 && err != nil {
			break
		}
		r.produce(nobody, "a", 0, big)
		runtime.Gosched() // the checkpoint is another goroutine's
	}
	if n == 5000 {
		t.Fatalf("%s is still there after %d batches, with checkpoints every 300 KB", first, n)
	}
	r.crash()
	want(t, "records", len(r.values("a", 0, true)), n)
}

// S-50: the end of a transaction over many partitions, with appends to all of them meanwhile, leaves no hole.
func TestEndOverManyPartitionsLeavesNoHole(t *testing.T) {
	const partitions = 100
	r := newRig(t, brokerlite.Config{WALFileBytes: 1 << 20, MaxMessageBytes: 64 << 10})
	r.create("a", partitions)
	stop := make(chan struct{})
	var others sync.WaitGroup
	for w := range 4 {
		others.Go(func() {
			for i := w; ; i += 4 {
				select {
				case <-stop:
					return
				default:
					r.tryProduce(nobody, "a", int32(i%partitions), "noise")
				}
			}
		})
	}
	var image *vfs.Mem
	p := r.init("tx")
	for round := range 5 {
		p.seq = 0
		for i := range partitions {
			r.produce(p, "a", int32(i), fmt.Sprint("t", round))
		}
		if round == 4 {
			image = r.mem.CrashClone()
		}
		p = r.end(p, round%2 == 0)
	}
	end := r.mem.CrashClone()
	close(stop)
	others.Wait()
	for _, m := range []*vfs.Mem{image, end} {
		after := &rig{t: t, mem: m, clock: r.clock, c: r.c}
		after.open() // replay refuses a gap
		for i := range partitions {
			var mine []string
			for _, v := range after.values("a", int32(i), true) {
				if _, v, _ = strings.Cut(v, ":"); v[0] == 't' {
					mine = append(mine, v)
				}
			}
			expect := "[t0 t2]"
			if m == end {
				expect = "[t0 t2 t4]"
			}
			want(t, fmt.Sprint("partition ", i), fmt.Sprint(mine), expect)
		}
		after.b.Close()
	}
}

func TestFetchWaitsAndWakes(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	fetch := func(ctx context.Context, minBytes int32) chan error {
		req := fetchRequest("a", 0, r.fetch("a", 0, 0, false).HighWatermark, false)
		req.MinBytes, req.MaxWaitMillis = minBytes, 3_600_000
		done := make(chan error, 1)
		go func() {
			resp, err := r.b.Handle(ctx, brokerlite.Embedded, req)
			if err == nil && len(resp.(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches) < int(minBytes) {
				err = errors.New("woken without data")
			}
			done <- err
		}()
		return done
	}
	await := func() { // the fetch has set its timer: it waits
		if err := r.clock.AwaitPending(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
	}
	done := fetch(context.Background(), 1)
	await()
	r.produce(nobody, "a", 0, "x")
	wantErr(t, "woken by data", <-done, nil)

	done = fetch(context.Background(), 200)
	await()
	for range 4 {
		r.produce(nobody, "a", 0, "y")
	}
	wantErr(t, "woken by enough", <-done, nil)

	ctx, cancel := context.WithCancel(context.Background())
	done = fetch(ctx, 1)
	await()
	cancel()
	wantErr(t, "cancelled", <-done, context.Canceled)

	done = fetch(context.Background(), 1)
	await()
	r.clock.Advance(time.Hour)
	if err := <-done; err == nil || err.Error() != "woken without data" {
		t.Errorf("after the wait: %v", err)
	}

	done = fetch(context.Background(), 1)
	await()
	if err := r.b.Close(); err != nil {
		t.Error(err)
	}
	wantErr(t, "closed", <-done, brokerlite.ErrClosed)
	r.open()
}

// closed is a file system whose owner keeps others out.
type closed struct{ vfs.FS }

func (closed) Stat(name string) (vfs.Info, error) {
	return vfs.Info{}, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrPermission}
}

func TestADirectoryThatMayNotBeLookedIntoIsNotCalledMissing(t *testing.T) {
	_, err := brokerlite.Check(closed{vfs.NewMem()}, "data")
	if !errors.Is(err, fs.ErrPermission) || strings.Contains(err.Error(), "no data directory") {
		t.Errorf("got %v", err)
	}
}
