package brokerlite_test

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
)

// through puts faults between a stopped broker and its disk, and starts it.
func (r *rig) through(hook func(vfs.Op) error) {
	r.t.Helper()
	faulty := vfs.NewFaulty(r.mem)
	faulty.SetHook(hook)
	r.fs = faulty
	r.open()
}

// sound stops the broker and starts it without faults.
func (r *rig) sound() {
	r.t.Helper()
	if err := r.b.Close(); err != nil {
		r.t.Fatalf("close: %v", err)
	}
	r.fs = nil
	r.open()
}

// segmentOf says that an operation is of a kind and of the segments of a partition.
func segmentOf(op vfs.Op, dir string, kinds ...vfs.Kind) bool {
	for _, k := range kinds {
		if op.Kind == k && strings.Contains(op.Name, "/"+dir+"/") {
			return true
		}
	}
	return false
}

// S-49: what recovery could not write into a segment is in the write-ahead log alone. It is there after any number of clean
// stops, until a start can write it.
func TestWhatRecoveryCouldNotWriteIsKept(t *testing.T) {
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC} {
		r := newRig(t, brokerlite.Config{})
		r.create("a", 2)
		r.produce(nobody, "a", 0, "one", "two")
		r.produce(nobody, "a", 1, "good")
		image := r.mem.Crash()
		r.b.Close()
		r.mem = image
		for range 3 {
			r.through(func(op vfs.Op) error {
				if segmentOf(op, "a-0.1", vfs.KindWrite) {
					return fault
				}
				return nil
			})
			_, err := r.tryValues("a", 0, true)
			wantErr(t, "the partition that could not be written", err, kerr.KafkaStorageError)
			r.produce(nobody, "a", 1, "more")
			if err := r.b.Close(); err != nil {
				t.Fatal(err)
			}
		}
		r.fs = nil
		r.open()
		want(t, fmt.Sprint("after ", fault), fmt.Sprint(r.values("a", 0, true)), "[0:one 1:two]")
		want(t, "its neighbour", len(r.values("a", 1, true)), 4)
		r.restart()
		want(t, "after a clean stop", fmt.Sprint(r.values("a", 0, true)), "[0:one 1:two]")
	}
}

// A partition out of service when a transaction ends gets its marker when it is back: the transaction is not open there for
// ever, and the next one does not decide about its records.
func TestMarkerLeftOutIsWrittenLater(t *testing.T) {
	for _, commit := range []bool{true, false} {
		for _, crash := range []bool{true, false} {
			r := newRig(t, brokerlite.Config{})
			r.create("a", 2)
			bad := true
			if err := r.b.Close(); err != nil {
				t.Fatal(err)
			}
			r.through(func(op vfs.Op) error {
				if bad && segmentOf(op, "a-0.1", vfs.KindRead) {
					return syscall.EIO
				}
				return nil
			})
			p := r.init("tx")
			r.produce(p, "a", 0, "x")
			r.produce(p, "a", 1, "y")
			_, err := r.tryValues("a", 0, false)
			wantErr(t, "reading the bad one", err, kerr.KafkaStorageError)
			p = r.end(p, commit)
			all := map[bool]string{true: "[0:y]", false: "[]"}[commit]
			want(t, "the other partition", fmt.Sprint(r.values("a", 1, true)), all)
			bad = false
			if crash {
				r.crash()
			} else {
				r.sound()
			}
			for range 2 {
				want(t, "the partition that is back", fmt.Sprint(r.values("a", 0, true)), map[bool]string{true: "[0:x]", false: "[]"}[commit])
				want(t, "its last stable offset", r.fetch("a", 0, 2, true).LastStableOffset, 2)
				if crash {
					r.crash() // the marker is in the log behind the end that lacks it: it is not written twice
				} else {
					r.restart()
				}
			}
			r.produce(p, "a", 0, "z")
			r.end(p, !commit)
			want(t, "the next transaction decides about itself alone", fmt.Sprint(r.values("a", 0, true)),
				map[bool]string{true: "[0:x]", false: "[2:z]"}[commit])
		}
	}
}

// A file that can be written no more takes its partition out of service, and neither the broker nor a transaction with it.
func TestBrokenSegmentTakesItsPartitionAlone(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 2)
	r.produce(nobody, "a", 0, "kept")
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	bad := false
	r.through(func(op vfs.Op) error {
		if bad && segmentOf(op, "a-0.1", vfs.KindWrite, vfs.KindTruncate) {
			return syscall.EIO
		}
		return nil
	})
	p := r.init("tx")
	r.produce(p, "a", 0, "x")
	r.produce(p, "a", 1, "y")
	bad = true
	_, err := r.tryProduce(nobody, "a", 0, "lost")
	wantErr(t, "append", err, kerr.KafkaStorageError)
	r.end(p, true)
	want(t, "the other partition", fmt.Sprint(r.values("a", 1, true)), "[0:y]")
	want(t, "faulty partitions", r.b.Stats().FaultyPartitions, 1)
	bad = false
	r.sound()
	want(t, "after a start", fmt.Sprint(r.values("a", 0, true)), "[0:kept 1:x]")
}

// No descriptor to give is no fault of the file: the partition stays in service.
func TestLackOfDescriptorsPasses(t *testing.T) {
	r := newRig(t, brokerlite.Config{SegmentBytes: 64 << 10})
	r.create("a", 1)
	for range 3 {
		r.produce(nobody, "a", 0, strings.Repeat("x", 40<<10))
	}
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	lack := true
	r.through(func(op vfs.Op) error {
		if lack && segmentOf(op, "a-0.1", vfs.KindOpen) {
			return syscall.EMFILE
		}
		return nil
	})
	_, err := r.tryValues("a", 0, false)
	wantErr(t, "read", err, kerr.KafkaStorageError)
	lack = false
	want(t, "the next read", len(r.values("a", 0, false)), 3)
}

// The topic of a partition out of service is deleted between the copy of the state and the sync of its segments: the
// checkpoint has nothing to complain of.
func TestDamagedTopicIsDeletedDuringACheckpoint(t *testing.T) {
	const before = 16 // partitions that are synced at once
	r := newRig(t, brokerlite.Config{CheckpointBytes: 160 << 10})
	r.create("b", before)
	r.create("a", 1)
	r.produce(nobody, "a", 0, "x")
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}, 100*before), make(chan struct{})
	r.through(func(op vfs.Op) error {
		switch {
		case segmentOf(op, "a-0.17", vfs.KindRead):
			return syscall.EIO
		case op.Kind == vfs.KindSync && strings.Contains(op.Name, "/topics/b-"):
			entered <- struct{}{}
			<-release
		}
		return nil
	})
	r.produce(nobody, "a", 0, "y")
	_, err := r.tryValues("a", 0, true)
	wantErr(t, "the damaged partition", err, kerr.KafkaStorageError)
	for i := range int32(before) {
		r.produce(nobody, "b", i, "z")
	}
	for len(entered) < before {
		r.clock.Advance(time.Second)
		r.produce(nobody, "b", 0, "z")
	}
	r.delete("a")
	close(release)
	for r.b.Stats().Checkpoints.Count == 0 && r.b.Err() == nil {
		runtime.Gosched()
	}
	wantErr(t, "broker", r.b.Err(), nil)
}
