package brokerlite_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// S-48: a refusal by sequence or epoch tells of the batch that is queued.
func TestRefusalOfAProduceWaitsForWhatItSpeaksOf(t *testing.T) {
	given, cancel := context.WithCancel(context.Background())
	cancel()
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	plain, owner := r.init(""), r.init("tx")
	_, gate := slowSync(r)
	done := make(chan error, 1)
	go func() { _, err := r.tryProduce(plain, "a", 0, "first"); done <- err }()
	<-gate.entered
	gap := plain
	gap.seq = 7
	_, err := r.b.Handle(given, brokerlite.Embedded, produceRequest(gap, "a", 0, batch(gap, "x")))
	wantErr(t, "out of order", err, context.Canceled)
	r.b.Handle(given, brokerlite.Embedded, initRequest("tx", nobody)) // fences owner, and is not durable
	_, err = r.b.Handle(given, brokerlite.Embedded, produceRequest(owner, "a", 0, batch(owner, "x")))
	wantErr(t, "an old epoch", err, context.Canceled)
	close(gate.release)
	wantErr(t, "the queued one", <-done, nil)
	_, err = r.tryProduce(gap, "a", 0, "x")
	wantErr(t, "out of order, durable", err, kerr.OutOfOrderSequenceNumber)
	_, err = r.tryProduce(owner, "a", 0, "x")
	wantErr(t, "an old epoch, durable", err, kerr.InvalidProducerEpoch)
}

// S-57: the disk is full for the first batch of a request and has room again for the second.
func TestRequestAcrossAFullDiskTellsWhatWasRefused(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	r.create("b", 1)
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	var armed, queued atomic.Bool
	var full, back sync.Once
	resumes := make(chan struct{})
	r.through(func(op vfs.Op) (fault error) {
		switch {
		case !armed.Load():
		case segmentOf(op, "a-0.1", vfs.KindWrite):
			queued.Store(true)
		case queued.Load() && op.Kind == vfs.KindWrite && op.Bytes < 64<<10 && strings.Contains(op.Name, "/wal/"):
			// The round of the first batch, not the zeros that the log writes ahead of the rounds before it.
			full.Do(func() { fault = syscall.ENOSPC })
		case op.Kind == vfs.KindCreate && strings.HasSuffix(op.Name, "/reserve"):
			back.Do(func() { close(resumes) })
		case segmentOf(op, "b-0.2", vfs.KindWrite):
			<-resumes
			for r.b.Stats().DiskFull {
				runtime.Gosched()
			}
		}
		return fault
	})
	r.produce(nobody, "a", 0, "before")
	armed.Store(true)
	req := produceRequest(nobody, "a", 0, batch(nobody, "lost"))
	req.Topics = append(req.Topics, produceRequest(nobody, "b", 0, batch(nobody, "kept")).Topics...)
	resp := r.do(req).(*kmsg.ProduceResponse)
	want(t, "the refused one", resp.Topics[0].Partitions[0].ErrorCode, kerr.KafkaStorageError.Code)
	want(t, "the other", resp.Topics[1].Partitions[0].ErrorCode, 0)
	r.crash()
	want(t, "records of a", len(r.values("a", 0, true)), 1)
	want(t, "records of b", len(r.values("b", 0, true)), 1)
}

// S24: nobody waits for more than an answer may have.
func TestFetchDoesNotWaitForMoreThanItMayAnswer(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	r.produce(nobody, "a", 0, strings.Repeat("x", 1000))
	req := fetchRequest("a", 0, 0, false)
	req.MinBytes, req.MaxBytes, req.MaxWaitMillis = 1<<20, 500, 60_000
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // of real time; the broker's clock stands still
	defer cancel()
	_, err := r.b.Handle(ctx, brokerlite.Embedded, req)
	wantErr(t, "fetch", err, nil)
}

// S27: a reader at the log start whose last epoch was deleted with its records has read no other history.
func TestDeletedEpochIsNoDivergence(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	r.produce(nobody, "a", 0, "x", "y")
	r.crash() // epoch 1
	r.produce(nobody, "a", 0, "z")
	req := kmsg.NewPtrDeleteRecordsRequest()
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic = "a"
	rt.Partitions = append(rt.Partitions, kmsg.DeleteRecordsRequestTopicPartition{Offset: 2})
	req.Topics = append(req.Topics, rt)
	r.do(req)
	fetch := fetchRequest("a", 0, 2, false)
	fetch.Topics[0].Partitions[0].LastFetchedEpoch = 0
	p := r.do(fetch).(*kmsg.FetchResponse).Topics[0].Partitions[0]
	want(t, "diverging epoch", p.DivergingEpoch.Epoch, -1)
	want(t, "records", len(p.RecordBatches) > 0, true)
}

// C-42: an offset that was committed while its topic was being deleted is not one of the topic made anew, not after a power
// cut either: the log has the commit behind the deletion.
func TestOffsetCommittedDuringADeletionDiesWithItC42(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	r.create("other", 1)
	_, gate := slowSync(r)
	gone := make(chan error, 1)
	go func() {
		_, err := r.b.Handle(context.Background(), brokerlite.Embedded, deleteRequest("a"))
		gone <- err
	}()
	<-gate.entered // the deletion is written and not durable
	given, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := r.b.Handle(given, brokerlite.Embedded, commitRequest("g", "a", 0, 7))
	wantErr(t, "the commit waits", err, context.Canceled)
	close(gate.release)
	wantErr(t, "delete", <-gone, nil)
	r.produce(nobody, "other", 0, "x") // the commit is durable with it
	r.crash()
	r.create("a", 1)
	got, err := r.committed("g", "a", 0, true)
	want(t, fmt.Sprint("offset ", err), got, -1)
	r.crash()
	got, err = r.committed("g", "a", 0, true)
	want(t, fmt.Sprint("offset after another cut ", err), got, -1)
}
