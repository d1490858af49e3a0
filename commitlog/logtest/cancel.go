package logtest

import (
	"context"

	"github.com/millrun/millrun/commitlog"
)

var cancelling = []testCase{
	{name: "ACancelledPollReturns", run: cancelledPoll},
	{name: "ACancelledJoinReturns", run: cancelledJoin},
	{name: "ACancelledCommitReturns", run: cancelledCommit},
	{name: "ACancelledAppendReturns", run: cancelledAppend},
	{name: "AnEndedContextSendsNothing", run: endedContextSendsNothing},
	{name: "AClosedLogSaysSo", run: closedLogSaysSo},
}

func cancelledPoll(k *kit) {
	r := k.reader(commitlog.ReaderConfig{MaxWait: patience})
	r.Seek(k.partition(), 0)
	err := k.promptly("Poll", func(ctx context.Context) error {
		_, err := r.Poll(ctx, patience)
		return err
	})
	k.is(err, context.Canceled)
}

func cancelledJoin(k *kit) {
	group := k.name("group")
	k.joinAlone(group)
	// The first member does not come again, so this one waits.
	err := k.promptly("Join", func(ctx context.Context) error {
		_, err := k.Log.Join(ctx, k.request(commitlog.Member{Group: group, Generation: -1}))
		return err
	})
	k.is(err, context.Canceled)
	k.is(err, commitlog.ErrUnavailable)
}

func cancelledCommit(k *kit) {
	p := k.partition()
	t := k.transactor(k.name("id"))
	k.append(t, p, "v")
	err := k.promptly("Commit", func(ctx context.Context) error {
		_, err := t.Commit(ctx)
		return err
	})
	if err != nil {
		k.is(err, context.Canceled)
	}
	k.ok(t.Renew(k.ctx))
	k.append(t, p, "next")
	_, err = t.Commit(k.ctx)
	k.ok(err)
	got := k.committed(p)
	k.equal("last value", got[len(got)-1], "next")
}

func cancelledAppend(k *kit) {
	p := k.partition()
	w := k.writer(commitlog.WriterConfig{Linger: patience})
	err := k.promptly("Append", func(ctx context.Context) error {
		_, err := w.Append(ctx, p, values("v"))
		return err
	})
	k.is(err, context.Canceled)
}

func endedContextSendsNothing(k *kit) {
	p, group := k.partition(), k.name("group")
	w := k.writer(commitlog.WriterConfig{})
	t := k.transactor(k.name("id"))
	r := k.reader(commitlog.ReaderConfig{})
	ctx, cancel := context.WithCancel(k.ctx)
	cancel()
	_, err := w.Append(ctx, p, values("v"))
	k.is(err, context.Canceled)
	_, err = r.Poll(ctx, 0)
	k.is(err, context.Canceled)
	k.is(k.Log.CommitOffsets(ctx, alone(group), []commitlog.Position{at(p, 1)}), context.Canceled)
	_, err = k.Log.Topics(ctx)
	k.is(err, context.Canceled)
	_, err = t.Commit(ctx, commitlog.GroupOffsets{Member: alone(group), Offsets: []commitlog.Position{at(p, 1)}})
	k.is(err, context.Canceled)
	k.ok(t.Renew(k.ctx))
	k.equal("end", k.end(p, commitlog.ReadUncommitted), 0)
	k.equal("offset", k.offsetOf(group, p), -1)
}

func closedLogSaysSo(k *kit) {
	p := k.partition()
	r, err := k.Log.OpenReader(k.ctx, commitlog.ReaderConfig{})
	k.ok(err)
	k.ok(k.Log.Close())
	_, err = k.Log.Topics(k.ctx)
	k.is(err, commitlog.ErrClosed)
	_, err = k.Log.OpenTransactor(k.ctx, commitlog.TransactorConfig{ID: "x"})
	k.is(err, commitlog.ErrClosed)
	r.Seek(p, 0)
	_, err = k.poll(r)
	k.is(err, commitlog.ErrClosed)
	k.ok(r.Close())
	k.ok(k.Log.Close()) // twice is no error
}
