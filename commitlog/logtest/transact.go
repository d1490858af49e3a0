package logtest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/millrun/millrun/commitlog"
)

var transactions = []testCase{
	{name: "CommitMakesAllPartitionsAndOffsetsTakeEffect", run: commitTakesEffect},
	{name: "CommitWithNothingWritesNothing", run: commitWithNothing},
	{name: "CommitWithOffsetsOnly", run: commitWithOffsetsOnly},
	{name: "AbortLeavesNothing", run: abortLeavesNothing},
	{name: "TransactionsFollowEachOther", run: transactionsFollowEachOther},
	{name: "LargeTransactionsAreSplitAndStayWhole", run: largeTransactions},
	{name: "TooLargeLeavesTheTransactionUsable", run: tooLargeLeavesTheTransaction},
	{name: "AppendCopiesItsRecords", run: appendCopies},
	{name: "AnUnknownTopicAbortsAndIsNamed", run: unknownTopicAborts},
	{name: "AfterAFaultOnlyAbortHelps", run: afterAFaultOnlyAbortHelps},
	{name: "ClosedTransactorSaysSo", run: closedTransactorSaysSo},
	{name: "TransactorNeedsAnID", run: transactorNeedsAnID},
}

// alone is the member of a group that has none: allowed to commit while the group is empty.
func alone(group string) commitlog.Member { return commitlog.Member{Group: group, Generation: -1} }

func (k *kit) offsetOf(group string, p commitlog.Partition) int64 {
	k.Helper()
	got, err := k.Log.FetchOffsets(k.ctx, group, []commitlog.Partition{p})
	k.ok(err)
	return got[0].Offset
}

func commitTakesEffect(k *kit) {
	topic, group := k.topic(2), k.name("group")
	p, q := commitlog.Partition{Topic: topic, Index: 0}, commitlog.Partition{Topic: topic, Index: 1}
	k.write(q, "before")
	t := k.transactor(k.name("id"))
	k.append(t, q, "q0")
	k.append(t, p, "p0")
	k.append(t, q, "q1")
	k.equal("committed before the commit", [][]string{k.committed(p), k.committed(q)}, [][]string{{}, {"before"}})
	ends, err := t.Commit(k.ctx, commitlog.GroupOffsets{Member: alone(group),
		Offsets: []commitlog.Position{{Partition: p, Offset: 7, Metadata: "seven"}, at(q, 8)}})
	k.ok(err)
	k.equal("ends, in the order first written", ends, []commitlog.Position{at(q, 3), at(p, 1)})
	k.equal("committed", [][]string{k.committed(p), k.committed(q)}, [][]string{{"p0"}, {"before", "q0", "q1"}})
	got, err := k.Log.FetchOffsets(k.ctx, group, []commitlog.Partition{q, p})
	k.ok(err)
	if got[0] != at(q, 8) || got[1] != (commitlog.Position{Partition: p, Offset: 7, Metadata: "seven"}) {
		k.Errorf("offsets are %+v", got)
	}
}

func commitWithNothing(k *kit) {
	p := k.partition()
	t := k.transactor(k.name("id"))
	for range 3 {
		ends, err := t.Commit(k.ctx)
		k.ok(err)
		k.equal("ends", len(ends), 0)
	}
	k.ok(t.Append(k.ctx, p, nil))
	_, err := t.Commit(k.ctx)
	k.ok(err)
	k.equal("end", k.end(p, commitlog.ReadUncommitted), 0) // C-82: no marker where nothing was written
}

func commitWithOffsetsOnly(k *kit) {
	p, group := k.partition(), k.name("group")
	t := k.transactor(k.name("id"))
	for i := range int64(3) { // the same position again counts too (S-3)
		_, err := t.Commit(k.ctx, commitlog.GroupOffsets{Member: alone(group), Offsets: []commitlog.Position{at(p, 5+i/2)}})
		k.ok(err)
		k.equal("offset", k.offsetOf(group, p), 5+i/2)
	}
	k.equal("end", k.end(p, commitlog.ReadUncommitted), 0)
}

func abortLeavesNothing(k *kit) {
	p, group := k.partition(), k.name("group")
	t := k.transactor(k.name("id"))
	k.ok(t.Abort(k.ctx)) // nothing open
	k.append(t, p, "aborted")
	k.ok(t.Abort(k.ctx))
	k.append(t, p, "aborted too")
	_, err := t.Commit(k.ctx, commitlog.GroupOffsets{
		Member: commitlog.Member{Group: group, ID: "nobody", Generation: 3}, Offsets: []commitlog.Position{at(p, 1)}})
	k.is(err, commitlog.ErrNotMember)
	k.ok(t.Abort(k.ctx))
	k.append(t, p, "committed")
	_, err = t.Commit(k.ctx)
	k.ok(err)
	k.equal("committed", k.committed(p), []string{"committed"})
	k.equal("offset", k.offsetOf(group, p), -1)
	k.equal("undecided records", k.end(p, commitlog.ReadUncommitted)-k.end(p, commitlog.ReadCommitted), 0)
}

func transactionsFollowEachOther(k *kit) {
	p := k.partition()
	t := k.transactor(k.name("id"))
	var want []string
	for i := range 100 {
		text := fmt.Sprint(i)
		k.append(t, p, text)
		if i%7 == 3 {
			k.ok(t.Renew(k.ctx)) // aborts what is open
			continue
		}
		ends, err := t.Commit(k.ctx)
		k.ok(err)
		want = append(want, text)
		k.equal("end after the commit", k.end(p, commitlog.ReadCommitted), ends[0].Offset+1)
	}
	k.equal("committed", k.committed(p), want)
}

func largeTransactions(k *kit) {
	topic := k.topic(3)
	t := k.transactorWith(commitlog.TransactorConfig{ID: k.name("id"), BatchBytes: 10_000})
	const each = 2000
	for i := range each {
		for index := range int32(3) {
			k.append(t, commitlog.Partition{Topic: topic, Index: index}, fmt.Sprint(i))
		}
	}
	big := commitlog.Partition{Topic: topic, Index: 0}
	k.append(t, big, strings.Repeat("x", 50_000)) // above BatchBytes, below the topic's limit
	ends, err := t.Commit(k.ctx)
	k.ok(err)
	k.equal("ends", ends, []commitlog.Position{at(big, each+1), at(commitlog.Partition{Topic: topic, Index: 1}, each),
		at(commitlog.Partition{Topic: topic, Index: 2}, each)})
	for index := range int32(3) {
		for i, text := range k.committed(commitlog.Partition{Topic: topic, Index: index})[:each] {
			k.equal("value", text, i)
		}
	}
}

func tooLargeLeavesTheTransaction(k *kit) {
	p := commitlog.Partition{Topic: k.topicWith(1, map[string]string{"max.message.bytes": "2000"})}
	t := k.transactor(k.name("id"))
	k.append(t, p, "before")
	err := t.Append(k.ctx, p, values("goes with", strings.Repeat("x", 2000)))
	k.is(err, commitlog.ErrTooLarge)
	k.isNot(err, commitlog.ErrAborted)
	for range 5 { // together above the limit, each below: split
		k.append(t, p, strings.Repeat("y", 1000))
	}
	_, err = t.Commit(k.ctx)
	k.ok(err)
	got := k.committed(p)
	k.equal("records", len(got), 6)
	k.equal("first", got[0], "before")
	k.ok(k.Log.SetTopicConfig(k.ctx, p.Topic, map[string]string{"max.message.bytes": "5000"}))
	k.append(t, p, strings.Repeat("x", 3000))
	_, err = t.Commit(k.ctx)
	k.ok(err)
}

func appendCopies(k *kit) {
	p := k.partition()
	t := k.transactor(k.name("id"))
	value := []byte("first")
	records := []commitlog.Record{{Key: []byte("k"), Value: value}}
	k.ok(t.Append(k.ctx, p, records))
	copy(value, "xxxxx")
	records[0] = commitlog.Record{}
	_, err := t.Commit(k.ctx)
	k.ok(err)
	k.equal("committed", k.committed(p), []string{"first"})
}

func unknownTopicAborts(k *kit) {
	p, unknown := k.partition(), commitlog.Partition{Topic: k.name("unknown")}
	t := k.transactor(k.name("id"))
	k.append(t, p, "goes too")
	err := t.Append(k.ctx, unknown, values("v"))
	if err == nil { // a driver may learn it later
		_, err = t.Commit(k.ctx)
	}
	k.is(err, commitlog.ErrAborted)
	k.is(err, commitlog.ErrUnknownTopic)
	var where *commitlog.PartitionError
	if !errors.As(err, &where) || where.Partition != unknown {
		k.Errorf("error %v does not name %v", err, unknown)
	}
	k.ok(t.Abort(k.ctx))
	k.append(t, p, "committed")
	_, err = t.Commit(k.ctx)
	k.ok(err)
	k.equal("committed", k.committed(p), []string{"committed"})
}

func afterAFaultOnlyAbortHelps(k *kit) {
	p := k.partition()
	t := k.transactor(k.name("id"))
	k.append(t, p, "lost")
	_, err := t.Commit(k.ctx, commitlog.GroupOffsets{
		Member: commitlog.Member{Group: k.name("group"), ID: "nobody", Generation: 3}, Offsets: []commitlog.Position{at(p, 1)}})
	k.is(err, commitlog.ErrNotMember)
	k.is(t.Append(k.ctx, p, values("refused")), commitlog.ErrAborted)
	_, err = t.Commit(k.ctx)
	k.is(err, commitlog.ErrAborted)
	k.ok(t.Renew(k.ctx))
	_, err = t.Commit(k.ctx)
	k.ok(err)
	k.equal("committed", k.committed(p), []string{})
}

func closedTransactorSaysSo(k *kit) {
	p := k.partition()
	t, err := k.Log.OpenTransactor(k.ctx, commitlog.TransactorConfig{ID: k.name("id")})
	k.ok(err)
	k.append(t, p, "never committed")
	k.ok(t.Close())
	k.is(t.Append(k.ctx, p, values("v")), commitlog.ErrClosed)
	_, err = t.Commit(k.ctx)
	k.is(err, commitlog.ErrClosed)
	k.is(t.Abort(k.ctx), commitlog.ErrClosed)
	k.is(t.Renew(k.ctx), commitlog.ErrClosed)
}

func transactorNeedsAnID(k *kit) {
	_, err := k.Log.OpenTransactor(k.ctx, commitlog.TransactorConfig{})
	k.is(err, commitlog.ErrInvalidConfig)
}
