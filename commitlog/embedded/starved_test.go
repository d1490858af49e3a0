package embedded

import (
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// Who reads two partitions in an order of its own keeps what it has of one until a record of the other is there.
func TestAFullBufferDoesNotKeepTheOtherPartitionOut(t *testing.T) {
	log, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	ctx := t.Context()
	if err := log.CreateTopic(ctx, commitlog.TopicSpec{Name: "in", Partitions: 2}); err != nil {
		t.Fatal(err)
	}
	w, err := log.OpenWriter(ctx, commitlog.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	write := func(p int32, records int) {
		t.Helper()
		for range records {
			record := commitlog.Record{Value: make([]byte, 1000), Timestamp: -1}
			if _, err := w.Append(ctx, commitlog.Partition{Topic: "in", Index: p}, []commitlog.Record{record}); err != nil {
				t.Fatal(err)
			}
		}
	}
	r, err := log.OpenReader(ctx, commitlog.ReaderConfig{BufferBytes: 1, BatchBytes: 1, MaxWait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	poll := func(want int32) *commitlog.Batch {
		t.Helper()
		b, err := r.Poll(ctx, 20*time.Second)
		if err != nil || b == nil || b.Partition.Index != want {
			t.Fatalf("Poll gives %+v, %v, want a batch of partition %d", b, err, want)
		}
		return b
	}
	write(0, 2)
	r.Seek(commitlog.Partition{Topic: "in", Index: 0}, 0)
	kept := poll(0)
	r.Seek(commitlog.Partition{Topic: "in", Index: 1}, 0)
	if b, err := r.Poll(ctx, 0); b != nil || err != nil {
		t.Fatalf("with a full buffer Poll gives %+v, %v, want nothing yet", b, err)
	}
	write(1, 1)
	poll(1).Release()
	kept.Release() // ends the wait for partition 1, although nothing came, and makes room for the rest of partition 0
	poll(0).Release()
}
