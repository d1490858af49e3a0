package embedded

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/vfs"
)

// batchAt is a batch of one record at an offset.
func batchAt(t *testing.T, offset int64, p recordbatch.Producer, value string) []byte {
	t.Helper()
	var e recordbatch.Encoder
	e.Begin(nil, recordbatch.None)
	e.Append(nil, []byte(value), nil, 0)
	raw, err := e.End(p)
	if err != nil {
		t.Fatal(err)
	}
	recordbatch.Batch(raw).SetBaseOffset(offset)
	return raw
}

// readerOf is a reader without a broker that has one answer.
func readerOf(p *kmsg.FetchResponseTopicPartition) (*reader, *source) {
	r := &reader{kick: make(chan struct{}, 1), ready: make(chan struct{}, 1)}
	s := newSource(commitlog.Partition{Topic: "t"}, 0)
	r.mu.sources = append(r.mu.sources, s)
	r.queue(s, p)
	return r, s
}

func TestDamageIsReportedBehindWhatCameBefore(t *testing.T) {
	for _, spoil := range []func(second []byte){
		func(b []byte) { b[len(b)-2] ^= 1 },             // checksum
		func(b []byte) { b[16] = 1 },                    // magic
		func(b []byte) { b[8], b[9] = 0xff, 0xff },      // length below a header
		func(b []byte) { b[60] = 9; resum(b) },          // more records than there are
		func(b []byte) { b[22] |= 1; resum(b) },         // said to be gzip
		func(b []byte) { b[len(b)-3] = 0x55; resum(b) }, // a length inside the record
	} {
		second := batchAt(t, 1, recordbatch.NoProducer, "b")
		spoil(second)
		raw := append(batchAt(t, 0, recordbatch.NoProducer, "a"), second...)
		r, _ := readerOf(&kmsg.FetchResponseTopicPartition{RecordBatches: append(raw, batchAt(t, 2, recordbatch.NoProducer, "c")...)})
		b, _, err := r.next()
		if err != nil || len(b.Records) != 1 || b.Next != 1 {
			t.Fatalf("before the damage: %+v, %v", b, err)
		}
		b, _, err = r.next()
		var where *commitlog.PartitionError
		if b != nil || !errors.Is(err, commitlog.ErrCorrupt) || !errors.As(err, &where) || where.Offset != 1 {
			t.Fatalf("at the damage: %+v, %v", b, err)
		}
		if b, _, err = r.next(); b != nil || err != nil {
			t.Fatalf("the fault comes again: %+v, %v", b, err)
		}
		if r.mu.queued != 0 {
			t.Errorf("%d bytes are still counted as queued", r.mu.queued)
		}
	}
}

// resum makes the checksum right again.
func resum(b []byte) {
	batch := recordbatch.Batch(b)
	batch.SetProducer(recordbatch.Producer{ID: batch.ProducerID(), Epoch: batch.ProducerEpoch(), Sequence: batch.BaseSequence()})
}

// The list of aborted transactions may come unsorted, may hold a producer twice, and ends at each one's marker.
func TestAbortedRecordsAreLeftOut(t *testing.T) {
	one := recordbatch.Producer{ID: 1, Transactional: true}
	two := recordbatch.Producer{ID: 2, Transactional: true}
	marker := func(offset, id int64, commit bool) []byte {
		return recordbatch.AppendMarker(nil, recordbatch.Marker{BaseOffset: offset, ProducerID: id, Commit: commit})
	}
	var raw []byte
	for _, b := range [][]byte{
		batchAt(t, 0, one, "aborted"), batchAt(t, 1, two, "two"), marker(2, 1, false),
		batchAt(t, 3, one, "one"), marker(4, 1, true), batchAt(t, 5, recordbatch.NoProducer, "plain"),
		batchAt(t, 6, one, "aborted"), marker(7, 2, true), batchAt(t, 8, two, "two again"), marker(9, 1, false), marker(10, 2, true),
	} {
		raw = append(raw, b...)
	}
	r, _ := readerOf(&kmsg.FetchResponseTopicPartition{RecordBatches: raw,
		AbortedTransactions: []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 1, FirstOffset: 6}, {ProducerID: 1, FirstOffset: 0}}})
	b, _, err := r.next()
	if err != nil || b.Next != 11 {
		t.Fatalf("batch %+v, %v", b, err)
	}
	got := ""
	for _, record := range b.Records {
		got += string(record.Value) + ";"
	}
	if want := "two;one;plain;two again;"; got != want {
		t.Errorf("records are %s, want %s", got, want)
	}
}

// An operator must learn what to do: the code alone says that something of the storage is wrong, somewhere.
func TestADamagedPartitionSaysWhatToDo(t *testing.T) {
	disk, ctx := vfs.NewMem(), t.Context()
	open := func() *Log {
		l, err := OpenConfig("data", Config{FS: disk})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := open()
	fillTopic(t, l, "orders", 1, 3)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	spoil(t, disk, "data/topics/orders-0.1/00000000000000000000.log", 16)
	l = open()
	defer l.Close()
	orders := commitlog.Partition{Topic: "orders"}
	says := func(what string, err error) {
		t.Helper()
		const want = `it is damaged or its disk failed; see the log's own messages, or run "millrun log check data" while no program has it open`
		if !errors.Is(err, commitlog.ErrStorage) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v\nwant ErrStorage and: %s", what, err, want)
		}
	}
	r, err := l.OpenReader(ctx, commitlog.ReaderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Seek(orders, 0)
	_, err = r.Poll(ctx, 10*time.Second)
	says("Poll", err)
	w, err := l.OpenWriter(ctx, commitlog.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_, err = w.Append(ctx, orders, []commitlog.Record{{Value: []byte("x"), Timestamp: -1}})
	says("Append", err)
}

func TestAFullDiskIsNotCalledDamage(t *testing.T) {
	err := (&Log{dir: "data"}).partitionError(codeStorage, "disk full")
	if want := "commitlog: storage fault or full disk: KAFKA_STORAGE_ERROR: disk full"; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// spoil changes one byte of a file.
func spoil(t *testing.T, disk vfs.FS, name string, at int64) {
	t.Helper()
	f, err := disk.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err = f.ReadAt(b, at); err == nil {
		b[0] ^= 1
		_, err = f.WriteAt(b, at)
	}
	if err != nil {
		t.Fatal(err)
	}
}
