package logtest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/millrun/millrun/commitlog"
)

var writing = []testCase{
	{name: "RecordsComeBackUnchanged", run: recordsComeBackUnchanged},
	{name: "EveryCompressionIsReadBack", run: everyCompressionIsReadBack},
	{name: "TimestampMinusOneMeansNow", run: timestampMinusOneMeansNow},
	{name: "TimestampBelowMinusOneIsRefused", run: timestampBelowMinusOneIsRefused},
	{name: "AppendGivesTheFirstOffset", run: appendGivesTheFirstOffset},
	{name: "ConcurrentAppendsAreWrittenOnceInOrder", run: concurrentAppendsAreWrittenOnceInOrder},
	{name: "TooLargeWritesNothingAndHarmsNobody", run: tooLargeWritesNothing},
	{name: "CompactedTopicRefusesNilKeys", run: compactedTopicRefusesNilKeys},
	{name: "AppendToAnUnknownTopicSaysSo", run: appendToAnUnknownTopic},
	{name: "ClosedWriterSaysSo", run: closedWriterSaysSo},
}

func recordsComeBackUnchanged(k *kit) {
	p := k.partition()
	want := []commitlog.Record{
		{Key: nil, Value: nil, Timestamp: 0},
		{Key: []byte{}, Value: []byte{}, Timestamp: 1},
		{Key: []byte("k"), Value: nil, Timestamp: 1700000000000},
		{Key: nil, Value: []byte("v"), Timestamp: 1600000000000},
		{Key: []byte("h"), Value: []byte("v"), Timestamp: 1700000000001, Headers: []commitlog.Header{
			{Key: "b", Value: []byte("1")}, {Key: "a", Value: nil}, {Key: "b", Value: []byte{}}, {Key: "", Value: []byte("x")}}},
		{Key: bytes.Repeat([]byte("k"), 300), Value: bytes.Repeat([]byte("v"), 100_000), Timestamp: 1700000000000},
	}
	w := k.writer(commitlog.WriterConfig{})
	_, err := w.Append(k.ctx, p, want)
	k.ok(err)
	t := k.transactor(k.name("id"))
	k.ok(t.Append(k.ctx, p, want))
	_, err = t.Commit(k.ctx)
	k.ok(err)
	got := k.read(p, 0, k.end(p, commitlog.ReadCommitted), commitlog.ReadCommitted)
	k.equal("number of records", len(got), 2*len(want))
	for i, r := range got {
		k.equal(fmt.Sprint("record ", i), show(r), show(want[i%len(want)]))
		k.equal("offset", r.Offset, i)
	}
}

func everyCompressionIsReadBack(k *kit) {
	p := k.partition()
	var want []string
	for _, compression := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		w := k.writer(commitlog.WriterConfig{Compression: compression})
		texts := []string{compression, string(bytes.Repeat([]byte(compression), 2000))}
		_, err := w.Append(k.ctx, p, values(texts...))
		k.ok(err)
		t := k.transactorWith(commitlog.TransactorConfig{ID: k.name("id"), Compression: compression})
		k.append(t, p, texts...)
		_, err = t.Commit(k.ctx)
		k.ok(err)
		want = append(append(want, texts...), texts...)
	}
	k.equal("values", k.committed(p), want)
	_, err := k.Log.OpenWriter(k.ctx, commitlog.WriterConfig{Compression: "rar"})
	k.is(err, commitlog.ErrInvalidConfig)
}

func timestampMinusOneMeansNow(k *kit) {
	p := k.partition()
	w := k.writer(commitlog.WriterConfig{})
	_, err := w.Append(k.ctx, p, []commitlog.Record{{Value: []byte("v"), Timestamp: -1}})
	k.ok(err)
	got := k.read(p, 0, 1, commitlog.ReadCommitted)[0].Timestamp
	if now := time.Now().UnixMilli(); k.Advance == nil && (got < now-60_000 || got > now) || got < 0 {
		k.Errorf("timestamp is %d, now is %d", got, now)
	}
}

func timestampBelowMinusOneIsRefused(k *kit) {
	p := k.partition()
	w := k.writer(commitlog.WriterConfig{})
	_, err := w.Append(k.ctx, p, []commitlog.Record{{Value: []byte("good")}, {Value: []byte("bad"), Timestamp: -2}})
	k.is(err, commitlog.ErrInvalidRecord)
	t := k.transactor(k.name("id"))
	k.append(t, p, "before")
	k.is(t.Append(k.ctx, p, []commitlog.Record{{Value: []byte("good")}, {Timestamp: -2}}), commitlog.ErrInvalidRecord)
	k.append(t, p, "after")
	_, err = t.Commit(k.ctx)
	k.ok(err)
	k.equal("values", k.committed(p), []string{"before", "after"})
}

func appendGivesTheFirstOffset(k *kit) {
	p := k.partition()
	w := k.writer(commitlog.WriterConfig{})
	for _, want := range []int64{0, 2, 4} {
		got, err := w.Append(k.ctx, p, values("a", "b"))
		k.ok(err)
		k.equal("position", got, at(p, want))
	}
	got, err := w.Append(k.ctx, p, nil)
	k.ok(err)
	k.equal("position of nothing", got.Offset, -1)
}

func concurrentAppendsAreWrittenOnceInOrder(k *kit) {
	const writers, each = 16, 40
	topic := k.topic(2)
	w := k.writer(commitlog.WriterConfig{BufferBytes: 4096})
	var done sync.WaitGroup
	faults := make(chan error, writers)
	for i := range writers {
		done.Go(func() {
			p := commitlog.Partition{Topic: topic, Index: int32(i % 2)}
			for n := range each {
				if _, err := w.Append(k.ctx, p, values(fmt.Sprintf("%d/%d", i, n), "x")); err != nil {
					faults <- err
					return
				}
			}
		})
	}
	done.Wait()
	select {
	case err := <-faults:
		k.Fatal(err)
	default:
	}
	next := make(map[int]int)
	for index := range int32(2) {
		for i, text := range k.committed(commitlog.Partition{Topic: topic, Index: index}) {
			if i%2 == 1 {
				k.equal("second record of a call", text, "x")
				continue
			}
			var writer, n int
			if _, err := fmt.Sscanf(text, "%d/%d", &writer, &n); err != nil {
				k.Fatal(err)
			}
			k.equal(fmt.Sprint("next of writer ", writer), n, next[writer])
			next[writer]++
		}
	}
	for i := range writers {
		k.equal(fmt.Sprint("records of writer ", i), next[i], each)
	}
}

func tooLargeWritesNothing(k *kit) {
	p := commitlog.Partition{Topic: k.topicWith(1, map[string]string{"max.message.bytes": "2000"})}
	w := k.writer(commitlog.WriterConfig{Linger: 20 * time.Millisecond})
	var done sync.WaitGroup
	errs := make([]error, 3)
	for i, size := range []int{100, 3000, 1200} { // 100 and 1200 may share a batch with 3000, and must not suffer
		done.Go(func() { _, errs[i] = w.Append(k.ctx, p, values(string(make([]byte, size)))) })
	}
	waiting := make(chan struct{})
	go func() { // ends with the appends
		done.Wait()
		close(waiting)
	}()
	k.until(waiting)
	k.ok(errs[0])
	k.is(errs[1], commitlog.ErrTooLarge)
	k.ok(errs[2])
	k.equal("records", len(k.committed(p)), 2)
	k.write(p, "still works")
}

// until waits, moving the clock where the test holds it, so that lingering ends.
func (k *kit) until(done <-chan struct{}) {
	k.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if k.Advance != nil {
				k.Advance(20 * time.Millisecond)
			}
		case <-k.ctx.Done():
			k.Fatal("nothing happens any more")
		}
	}
}

func compactedTopicRefusesNilKeys(k *kit) {
	p := commitlog.Partition{Topic: k.topicWith(1, map[string]string{"cleanup.policy": "compact"})}
	w := k.writer(commitlog.WriterConfig{})
	_, err := w.Append(k.ctx, p, []commitlog.Record{{Value: []byte("no key")}})
	k.is(err, commitlog.ErrInvalidRecord)
	_, err = w.Append(k.ctx, p, []commitlog.Record{{Key: []byte{}, Value: []byte("empty key")}})
	k.ok(err)
	t := k.transactor(k.name("id"))
	k.is(t.Append(k.ctx, p, []commitlog.Record{{Value: []byte("no key")}}), commitlog.ErrInvalidRecord)
	k.append(t, p, "keyed")
	_, err = t.Commit(k.ctx)
	k.ok(err)
	k.equal("values", k.committed(p), []string{"empty key", "keyed"})
}

func appendToAnUnknownTopic(k *kit) {
	p := k.partition()
	w := k.writer(commitlog.WriterConfig{})
	for _, unknown := range []commitlog.Partition{{Topic: k.name("unknown")}, {Topic: p.Topic, Index: 1}} {
		_, err := w.Append(k.ctx, unknown, values("v"))
		k.is(err, commitlog.ErrUnknownTopic)
		var where *commitlog.PartitionError
		if !errors.As(err, &where) || where.Partition != unknown {
			k.Errorf("error %v does not name %v", err, unknown)
		}
	}
	_, err := w.Append(k.ctx, p, values("v"))
	k.ok(err)
}

func closedWriterSaysSo(k *kit) {
	p := k.partition()
	w, err := k.Log.OpenWriter(k.ctx, commitlog.WriterConfig{})
	k.ok(err)
	k.ok(w.Close())
	_, err = w.Append(k.ctx, p, values("v"))
	k.is(err, commitlog.ErrClosed)
	k.equal("end", k.end(p, commitlog.ReadUncommitted), 0)
}
