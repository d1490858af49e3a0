package logtest

import (
	"errors"
	"strings"

	"github.com/millrun/millrun/commitlog"
)

var offsets = []testCase{
	{name: "OffsetMetadataHasALimit", run: offsetMetadataHasALimit},
	{name: "CommitOffsetsOfUnknownPartitionsIsRefused", run: commitOfUnknownPartitions},
	{name: "StartAndEnd", run: startAndEnd},
	{name: "OffsetsByTime", run: offsetsByTime},
	{name: "OffsetsByTimeSeeNothingUndecided", run: offsetsByTimeUndecided},
	{name: "DeleteRecordsMovesTheStart", needs: canDeleteRecords, run: deleteRecords},
}

func offsetMetadataHasALimit(k *kit) {
	p, group := k.partition(), k.name("group")
	most := strings.Repeat("m", commitlog.MaxOffsetMetadataBytes)
	k.ok(k.Log.CommitOffsets(k.ctx, alone(group), []commitlog.Position{{Partition: p, Offset: 1, Metadata: most}}))
	got, err := k.Log.FetchOffsets(k.ctx, group, []commitlog.Partition{p})
	k.ok(err)
	if got[0].Metadata != most {
		k.Errorf("metadata comes back with %d bytes, want %d", len(got[0].Metadata), len(most))
	}
	k.is(k.Log.CommitOffsets(k.ctx, alone(group), []commitlog.Position{{Partition: p, Offset: 2, Metadata: most + "m"}}),
		commitlog.ErrInvalidConfig)
	t := k.transactor(k.name("id"))
	_, err = t.Commit(k.ctx, commitlog.GroupOffsets{Member: alone(group),
		Offsets: []commitlog.Position{{Partition: p, Offset: 3, Metadata: most + "m"}}})
	k.is(err, commitlog.ErrAborted)
	k.is(err, commitlog.ErrInvalidConfig)
	k.ok(t.Abort(k.ctx))
	k.equal("offset", k.offsetOf(group, p), 1)
}

func commitOfUnknownPartitions(k *kit) {
	group, p := k.name("group"), k.partition()
	for _, unknown := range []commitlog.Partition{{Topic: k.name("unknown")}, {Topic: p.Topic, Index: 1}} {
		k.is(k.Log.CommitOffsets(k.ctx, alone(group), []commitlog.Position{at(unknown, 1)}), commitlog.ErrUnknownTopic)
	}
}

func startAndEnd(k *kit) {
	p, empty := k.partition(), k.partition()
	k.write(p, "a", "b")
	t := k.transactorWith(commitlog.TransactorConfig{ID: k.name("id"), BatchBytes: 100})
	k.append(t, p, "open", strings.Repeat("x", 100), "y")
	for k.end(p, commitlog.ReadUncommitted) == 2 && k.ctx.Err() == nil {
		continue // the batch is on its way
	}
	both := []commitlog.Partition{empty, p}
	got, err := k.Log.Offsets(k.ctx, both, commitlog.Start, commitlog.ReadCommitted)
	k.ok(err)
	k.equal("start", got, []commitlog.Position{at(empty, 0), at(p, 0)})
	got, err = k.Log.Offsets(k.ctx, both, commitlog.End, commitlog.ReadCommitted)
	k.ok(err)
	k.equal("stable end", got, []commitlog.Position{at(empty, 0), at(p, 2)})
	if high := k.end(p, commitlog.ReadUncommitted); high <= 2 {
		k.Errorf("high watermark is %d with an open transaction at 2", high)
	}
	_, err = k.Log.Offsets(k.ctx, []commitlog.Partition{p, {Topic: k.name("unknown")}}, commitlog.End, commitlog.ReadCommitted)
	k.is(err, commitlog.ErrUnknownTopic)
	_, err = k.Log.Offsets(k.ctx, []commitlog.Partition{p}, -3, commitlog.ReadCommitted)
	k.is(err, commitlog.ErrInvalidConfig)
}

// offsetsByTime is case C-43.
func offsetsByTime(k *kit) {
	const base = 1700000000000
	stamped := func(ms ...int64) commitlog.Partition {
		p := k.partition()
		w := k.writer(commitlog.WriterConfig{})
		batch := []commitlog.Record{}
		for _, t := range ms {
			if t < 0 { // a new batch
				_, err := w.Append(k.ctx, p, batch)
				k.ok(err)
				batch = nil
				continue
			}
			batch = append(batch, commitlog.Record{Value: []byte("v"), Timestamp: base + t})
		}
		_, err := w.Append(k.ctx, p, batch)
		k.ok(err)
		return p
	}
	one, three := stamped(0, 10, 10, 20), stamped(100, -1, 50, -1, 120)
	for _, test := range []struct {
		p        commitlog.Partition
		ms, want int64
	}{{one, -1, 0}, {one, 5, 1}, {one, 10, 1}, {one, 20, 3}, {one, 21, 4}, {three, 60, 0}, {three, 110, 2}, {three, 121, 3}} {
		got, err := k.Log.Offsets(k.ctx, []commitlog.Partition{test.p}, commitlog.At(base+test.ms), commitlog.ReadCommitted)
		k.ok(err)
		if got[0].Offset != test.want {
			k.Errorf("at base%+d: offset %d, want %d", test.ms, got[0].Offset, test.want)
		}
	}
	got, err := k.Log.Offsets(k.ctx, []commitlog.Partition{one, three}, 1234, commitlog.ReadCommitted)
	k.ok(err)
	k.equal("very old timestamp", got, []commitlog.Position{at(one, 0), at(three, 0)})
}

func offsetsByTimeUndecided(k *kit) {
	p := k.partition()
	t := k.transactorWith(commitlog.TransactorConfig{ID: k.name("id"), BatchBytes: 100})
	k.append(t, p, "open", strings.Repeat("x", 100), "y")
	for k.end(p, commitlog.ReadUncommitted) == 0 && k.ctx.Err() == nil {
		continue // the batch is on its way
	}
	ask := func() int64 {
		got, err := k.Log.Offsets(k.ctx, []commitlog.Partition{p}, 1, commitlog.ReadCommitted)
		k.ok(err)
		return got[0].Offset
	}
	k.equal("offset while the transaction is open", ask(), 0) // End, which is 0
	k.write(p, "behind")
	k.equal("offset while the transaction is open", ask(), k.end(p, commitlog.ReadCommitted))
	_, err := t.Commit(k.ctx)
	k.ok(err)
	k.equal("offset once it is committed", ask(), 0)
}

func deleteRecords(k *kit) {
	p := k.partition()
	k.write(p, "0", "1", "2", "3")
	k.ok(k.Log.DeleteRecords(k.ctx, []commitlog.Position{at(p, 2)}))
	got, err := k.Log.Offsets(k.ctx, []commitlog.Partition{p}, commitlog.Start, commitlog.ReadCommitted)
	k.ok(err)
	k.equal("start", got[0].Offset, 2)
	r := k.reader(commitlog.ReaderConfig{})
	r.Seek(p, 1)
	_, err = k.poll(r)
	k.is(err, commitlog.ErrOutOfRange)
	var where *commitlog.PartitionError
	if !errors.As(err, &where) || where.Offset != 1 {
		k.Errorf("error %v does not name offset 1", err)
	}
	k.equal("first readable", k.read(p, 2, 4, commitlog.ReadCommitted)[0].Offset, 2)
	k.is(k.Log.DeleteRecords(k.ctx, []commitlog.Position{at(p, 9)}), commitlog.ErrOutOfRange)
	k.ok(k.Log.DeleteRecords(k.ctx, []commitlog.Position{at(p, -1)}))
	got, err = k.Log.Offsets(k.ctx, []commitlog.Partition{p}, commitlog.Start, commitlog.ReadCommitted)
	k.ok(err)
	k.equal("start", got[0].Offset, 4)
	compacted := commitlog.Partition{Topic: k.topicWith(1, map[string]string{"cleanup.policy": "compact"})}
	k.write(compacted, "v")
	k.is(k.Log.DeleteRecords(k.ctx, []commitlog.Position{at(compacted, 1)}), commitlog.ErrInvalidConfig)
}
