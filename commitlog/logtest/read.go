package logtest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrun/millrun/commitlog"
)

var reading = []testCase{
	{name: "SeekInsideABatchGivesNothingBelow", run: seekInsideABatch},
	{name: "NextPassesTheMarkerOfACommit", run: nextPassesTheMarker},
	{name: "NextPassesAnAbortedTransactionAlone", run: nextPassesAnAbortedTransaction},
	{name: "NextPassesAMarkerWithoutRecords", run: nextPassesAMarkerWithoutRecords},
	{name: "AbortedAndCommittedInterleavedAreToldApart", run: interleavedTransactions},
	{name: "ReadUncommittedGivesEverything", run: readUncommitted},
	{name: "AFaultyPartitionLeavesTheOthersAlone", run: faultyPartition},
	{name: "SeekMovesAndDropStops", run: seekMovesAndDropStops},
	{name: "PartitionsWithDataTakeTurns", run: partitionsTakeTurns},
	{name: "WakeEndsThisPollOrTheNext", run: wakeEndsPoll},
	{name: "NewRecordsReachAWaitingPoll", run: newRecordsReachAWaitingPoll},
	{name: "ALargerBatchThanTheLimitsArrives", run: largeBatchArrives},
	{name: "ClosedReaderSaysSo", run: closedReaderSaysSo},
}

func seekInsideABatch(k *kit) {
	p := k.partition()
	k.write(p, "0", "1", "2", "3")
	got := k.read(p, 2, 4, commitlog.ReadCommitted)
	k.equal("number of records", len(got), 2)
	k.equal("first", string(got[0].Value), "2")
	k.equal("offset", got[0].Offset, 2)
}

func nextPassesTheMarker(k *kit) { // S-17, C-29
	p := k.partition()
	t := k.transactor(k.name("id"))
	k.append(t, p, "a", "b")
	ends, err := t.Commit(k.ctx)
	k.ok(err)
	k.equal("ends", ends, []commitlog.Position{at(p, 2)})
	high := k.end(p, commitlog.ReadUncommitted)
	k.equal("high watermark, marker included", high, 3)
	k.equal("number of records", len(k.read(p, 0, high, commitlog.ReadCommitted)), 2)
}

func nextPassesAnAbortedTransaction(k *kit) { // S-17
	p := k.partition()
	t := k.transactor(k.name("id"))
	k.append(t, p, strings.Repeat("a", 1000), "b")
	// A small batch size sends the records before the end is known.
	k.ok(t.Renew(k.ctx))
	small := k.transactorWith(commitlog.TransactorConfig{ID: k.name("id"), BatchBytes: 200})
	for range 10 {
		k.append(small, p, strings.Repeat("a", 150))
	}
	k.ok(small.Abort(k.ctx))
	high := k.end(p, commitlog.ReadUncommitted)
	if high == 0 {
		k.Fatal("nothing of the transaction has reached the log")
	}
	k.equal("last stable offset", k.end(p, commitlog.ReadCommitted), high)
	k.equal("committed records", len(k.read(p, 0, high, commitlog.ReadCommitted)), 0)
}

func nextPassesAMarkerWithoutRecords(k *kit) {
	p := k.partition()
	t := k.transactor(k.name("id"))
	k.append(t, p, "a")
	_, err := t.Commit(k.ctx)
	k.ok(err)
	// Position 1 is the marker alone.
	k.equal("records behind the last", len(k.read(p, 1, 2, commitlog.ReadCommitted)), 0)
}

func interleavedTransactions(k *kit) {
	p := k.partition()
	a := k.transactorWith(commitlog.TransactorConfig{ID: k.name("id"), BatchBytes: 100})
	b := k.transactorWith(commitlog.TransactorConfig{ID: k.name("id"), BatchBytes: 100})
	var want []string
	for i := range 6 {
		for n := range 3 {
			k.append(a, p, fmt.Sprintf("a%d.%d", i, n))
			k.append(b, p, fmt.Sprintf("b%d.%d", i, n))
		}
		if i%2 == 0 {
			k.ok(a.Abort(k.ctx))
		} else {
			_, err := a.Commit(k.ctx)
			k.ok(err)
			want = append(want, fmt.Sprintf("a%d.0", i), fmt.Sprintf("a%d.1", i), fmt.Sprintf("a%d.2", i))
		}
		if i%3 == 0 {
			k.ok(b.Abort(k.ctx))
		} else {
			_, err := b.Commit(k.ctx)
			k.ok(err)
			want = append(want, fmt.Sprintf("b%d.0", i), fmt.Sprintf("b%d.1", i), fmt.Sprintf("b%d.2", i))
		}
	}
	// Each transactor's own records keep their order; between the two only the log decides.
	split := func(texts []string) (of [2][]string) {
		for _, text := range texts {
			of[text[0]-'a'] = append(of[text[0]-'a'], text)
		}
		return of
	}
	k.equal("committed values", split(k.committed(p)), split(want))
}

func readUncommitted(k *kit) {
	p := k.partition()
	t := k.transactorWith(commitlog.TransactorConfig{ID: k.name("id"), BatchBytes: 100})
	k.append(t, p, "aborted 1", "aborted 2", strings.Repeat("x", 100))
	k.ok(t.Abort(k.ctx))
	k.write(p, "plain")
	all := k.texts(p, commitlog.ReadUncommitted)
	if len(all) < 2 || all[0] != "aborted 1" || all[len(all)-1] != "plain" {
		k.Errorf("read uncommitted gives %v", all)
	}
	k.equal("read committed", k.committed(p), []string{"plain"})
}

func faultyPartition(k *kit) {
	good, beyond := k.partition(), k.partition()
	k.write(good, "a")
	k.write(beyond, "b")
	unknown := commitlog.Partition{Topic: k.name("unknown")}
	r := k.reader(commitlog.ReaderConfig{})
	r.Seek(good, 0)
	r.Seek(beyond, 5)
	r.Seek(unknown, 0)
	want := map[commitlog.Partition]error{beyond: commitlog.ErrOutOfRange, unknown: commitlog.ErrUnknownTopic}
	read := false
	for len(want) > 0 || !read {
		b, err := k.poll(r)
		var where *commitlog.PartitionError
		switch {
		case b != nil:
			k.equal("partition with data", b.Partition, good)
			read = true
			b.Release()
		case !errors.As(err, &where) || want[where.Partition] == nil:
			k.Fatalf("unexpected error %v", err)
		default:
			k.is(err, want[where.Partition])
			delete(want, where.Partition)
		}
	}
	r.Drop(unknown)
	r.Seek(beyond, 0)
	b, err := k.poll(r)
	k.ok(err)
	k.equal("partition after Seek", b.Partition, beyond)
	b.Release()
	r.Seek(beyond, -1)
	_, err = k.poll(r)
	k.is(err, commitlog.ErrOutOfRange)
	k.write(good, "c")
	b, err = k.poll(r)
	k.ok(err)
	k.equal("partition that goes on", b.Partition, good)
	b.Release()
}

func seekMovesAndDropStops(k *kit) {
	p, q := k.partition(), k.partition()
	k.write(p, "0", "1")
	k.write(p, "2")
	r := k.reader(commitlog.ReaderConfig{})
	r.Seek(p, 0)
	b, err := k.poll(r)
	k.ok(err)
	b.Release()
	for _, offset := range []int64{2, 0, 1} {
		r.Seek(p, offset)
		b, err := k.poll(r)
		k.ok(err)
		k.equal("first offset after Seek", b.Records[0].Offset, offset)
		b.Release()
	}
	r.Seek(p, 0)
	r.Drop(p)
	r.Drop(p) // of a partition that is not read
	r.Seek(q, 0)
	k.write(q, "q")
	b, err = k.poll(r)
	k.ok(err)
	k.equal("only partition read", b.Partition, q)
	b.Release()
}

func partitionsTakeTurns(k *kit) {
	topic := k.topic(3)
	w := k.writer(commitlog.WriterConfig{})
	const each = 30
	for n := range each {
		for index := range int32(3) {
			_, err := w.Append(k.ctx, commitlog.Partition{Topic: topic, Index: index}, values(fmt.Sprint(n), strings.Repeat("x", 1000)))
			k.ok(err)
		}
	}
	r := k.reader(commitlog.ReaderConfig{BufferBytes: 6000, BatchBytes: 1500})
	for index := range int32(3) {
		r.Seek(commitlog.Partition{Topic: topic, Index: index}, 0)
	}
	next := make(map[int32]int64)
	for next[0]+next[1]+next[2] < 3*2*each {
		b, err := k.poll(r)
		k.ok(err)
		next[b.Partition.Index] = b.Next
		b.Release()
		low := min(next[0], next[1], next[2])
		if high := max(next[0], next[1], next[2]); low == 0 && high > 2*each/2 {
			k.Fatalf("one partition is at %d while another has not been read", high)
		}
	}
}

func wakeEndsPoll(k *kit) {
	p := k.partition()
	r := k.reader(commitlog.ReaderConfig{})
	r.Seek(p, 0)
	r.Wake() // before
	b, err := r.Poll(k.ctx, patience)
	k.ok(err)
	if b != nil {
		k.Fatal("a batch from an empty partition")
	}
	go r.Wake() // during, or before: either ends it
	b, err = r.Poll(k.ctx, patience)
	k.ok(err)
	if b != nil {
		k.Fatal("a batch from an empty partition")
	}
	if b, err := r.Poll(k.ctx, 0); b != nil || err != nil {
		k.Fatalf("Poll without waiting gives %v, %v", b, err)
	}
	if k.Advance == nil {
		if b, err := r.Poll(k.ctx, time.Millisecond); b != nil || err != nil {
			k.Fatalf("Poll that waits 1 ms gives %v, %v", b, err)
		}
	}
	if k.ctx.Err() != nil {
		k.Fatal("Wake did not end a Poll")
	}
}

func newRecordsReachAWaitingPoll(k *kit) {
	p := k.partition()
	r := k.reader(commitlog.ReaderConfig{MaxWait: patience})
	r.Seek(p, 0)
	if b, err := r.Poll(k.ctx, 0); b != nil || err != nil {
		k.Fatalf("empty partition gives %v, %v", b, err)
	}
	for i := range int64(3) {
		k.write(p, "v")
		b, err := k.poll(r)
		k.ok(err)
		k.equal("next", b.Next, i+1)
		k.equal("high watermark", b.High, i+1)
		k.equal("stable", b.Stable, i+1)
		b.Release()
	}
}

func largeBatchArrives(k *kit) {
	p := k.partition()
	k.write(p, "before", strings.Repeat("x", 100_000), "after")
	r := k.reader(commitlog.ReaderConfig{BufferBytes: 100, BatchBytes: 10})
	r.Seek(p, 0)
	b, err := k.poll(r)
	k.ok(err)
	k.equal("records", len(b.Records), 3)
	b.Release()
}

func closedReaderSaysSo(k *kit) {
	p := k.partition()
	k.write(p, "v")
	r, err := k.Log.OpenReader(k.ctx, commitlog.ReaderConfig{})
	k.ok(err)
	r.Seek(p, 0)
	b, err := k.poll(r)
	k.ok(err)
	k.ok(r.Close())
	k.equal("value after Close", string(b.Records[0].Value), "v")
	b.Release()
	_, err = r.Poll(k.ctx, 0)
	k.is(err, commitlog.ErrClosed)
}
