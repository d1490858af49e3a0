package brokerlite_test

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// counted counts the files that are open.
type counted struct {
	vfs.FS
	open atomic.Int64
}

type countedFile struct {
	vfs.File
	of *counted
}

func (c *counted) count(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	return countedFile{f, c}, nil
}

func (c *counted) Create(name string) (vfs.File, error) { return c.count(c.FS.Create(name)) }
func (c *counted) Open(name string) (vfs.File, error)   { return c.count(c.FS.Open(name)) }
func (c *counted) OpenReadWrite(name string) (vfs.File, error) {
	return c.count(c.FS.OpenReadWrite(name))
}

func (f countedFile) Close() error {
	f.of.open.Add(-1)
	return f.File.Close()
}

func TestAStartThatFailsLeavesNoFileOpen(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 3)
	for i := range int32(3) {
		r.produce(nobody, "a", i, "x")
	}
	r.restart() // the snapshot knows segments
	for range 3 {
		r.produce(nobody, "a", 0, "y")
	}
	image := r.mem.CrashClone()
	names, err := image.List("data/wal")
	if err != nil {
		t.Fatal(err)
	}
	flip(t, image, "data/wal/"+names[1], 2*4096+70)
	fs := &counted{FS: image}
	c := r.c
	c.FS = fs
	_, err = brokerlite.Open("data", c)
	wantErr(t, "open", err, brokerlite.ErrDamaged)
	want(t, "open files", fs.open.Load(), 0)
}

// S-56: the older snapshot is there for the loss of the newer. A log that is damaged where only the older one needs it starts.
func TestDamageBelowTheNewerSnapshotIsNoLoss(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	r.restart()
	for range 3 {
		r.produce(nobody, "a", 0, "x")
	}
	r.restart()
	r.produce(nobody, "a", 0, "y")
	image := r.mem.Crash()
	r.b.Close()
	r.mem = image
	flip(t, image, "data/wal/00000000000000000002.wal", 2*4096+70)
	findings, err := brokerlite.Check(image, "data")
	if err != nil || len(findings) > 0 {
		t.Errorf("check: %v %v, want nothing", findings, err)
	}
	for range 3 {
		r.open()
		want(t, "records", fmt.Sprint(r.values("a", 0, true)), "[0:x 1:x 2:x 3:y]")
		if err := r.b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r.open()
}

// S-57: a start without room for anything can be read, refuses what it would have to write, and takes it when there is room.
func TestStartOnAFullDisk(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	r.produce(nobody, "a", 0, "x")
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.mem.Remove("data/wal/spare"); err != nil { // it was used up before
		t.Fatal(err)
	}
	r.mem.SetCapacity(r.mem.Used())
	r.open()
	want(t, "full", r.b.Stats().DiskFull, true)
	want(t, "reading", fmt.Sprint(r.values("a", 0, true)), "[0:x]")
	_, err := r.tryProduce(nobody, "a", 0, "y")
	wantErr(t, "produce", err, kerr.KafkaStorageError)
	want(t, "offset commit", r.commitOffset("g", "a", 0, 7), kerr.CoordinatorNotAvailable.Code)
	got, err := r.committed("g", "a", 0, true)
	want(t, fmt.Sprint("offset of the refused commit ", err), got, -1)
	r.mem.SetCapacity(0)
	for err = kerr.KafkaStorageError; err != nil; _, err = r.tryProduce(nobody, "a", 0, "y") {
		r.clock.Advance(time.Second)
		runtime.Gosched()
	}
	want(t, "offset commit with room", r.commitOffset("g", "a", 0, 7), 0)
	want(t, "failed", r.b.Err(), nil)
}

func commitRequest(group, topic string, index int32, offset int64) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group, req.Generation = 8, group, -1
	rt := kmsg.NewOffsetCommitRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewOffsetCommitRequestTopicPartition()
	rp.Partition, rp.Offset = index, offset
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	return req
}

func (r *rig) commitOffset(group, topic string, index int32, offset int64) int16 {
	r.t.Helper()
	resp, err := r.b.Handle(context.Background(), brokerlite.Embedded, commitRequest(group, topic, index, offset))
	if err != nil {
		r.t.Errorf("offset commit: %v", err)
		return -1
	}
	return resp.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode
}

// Each round asks for a checkpoint that is due; one that failed is tried again after a pause.
func TestFailedCheckpointIsNotTriedWithEachRound(t *testing.T) {
	r := newRig(t, brokerlite.Config{CheckpointBytes: 64 << 10})
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	var bad atomic.Bool
	tries := make(chan struct{}, 1000)
	r.through(func(op vfs.Op) error {
		if bad.Load() && op.Kind == vfs.KindCreate && path.Dir(op.Name) == "data/meta" {
			tries <- struct{}{}
			return syscall.EACCES
		}
		return nil
	})
	r.create("a", 1)
	bad.Store(true)
	for len(tries) == 0 {
		r.produce(nobody, "a", 0, "x")
	}
	for range 200 {
		r.produce(nobody, "a", 0, "x")
	}
	want(t, "tries", len(tries), 1)
	bad.Store(false)
	for r.b.Stats().Checkpoints.Count == 0 {
		r.clock.Advance(time.Second)
		r.produce(nobody, "a", 0, "x")
	}
	want(t, "failures", r.b.Stats().CheckpointFailures, 1)
}

// S-56: the older snapshot is for the loss of the newer. That it cannot be read is no reason not to start from the newer.
func TestStartDoesNotNeedTheOlderSnapshot(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	r.restart()
	r.produce(nobody, "a", 0, "x")
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := r.mem.List("data/meta")
	if err != nil || len(names) != 2 {
		t.Fatalf("snapshots %v %v, want two", names, err)
	}
	for _, name := range []string{names[1], names[0]} { // the newer, then the older
		faulty := vfs.NewFaulty(r.mem)
		faulty.SetHook(func(op vfs.Op) error {
			if op.Kind == vfs.KindRead && op.Name == "data/meta/"+name {
				return syscall.EIO
			}
			return nil
		})
		c := r.c
		c.FS = faulty
		b, err := brokerlite.Open("data", c)
		if name == names[1] {
			wantErr(t, "open without the newer", err, syscall.EIO)
			continue
		}
		wantErr(t, "open without the older", err, nil)
		r.b = b
		want(t, "records", fmt.Sprint(r.values("a", 0, true)), "[0:x]")
	}
}
