package logtest

import (
	"context"
	"time"

	"github.com/millrun/millrun/commitlog"
)

var stability = []testCase{
	{name: "FetchOffsetsWaitsForUndecidedOffsets", run: fetchOffsetsWaits},
	{name: "OffsetsOfAnUnknownGroupAreNone", run: offsetsOfAnUnknownGroup},
}

// fetchOffsetsWaits leaves offsets undecided: of two groups in one commit the second refuses its member.
func fetchOffsetsWaits(k *kit) {
	p, q := k.partition(), k.partition()
	good, bad := k.name("group"), k.name("group")
	t := k.transactor(k.name("id"))
	_, err := t.Commit(k.ctx, commitlog.GroupOffsets{Member: alone(good), Offsets: []commitlog.Position{at(p, 3)}})
	k.ok(err)
	_, err = t.Commit(k.ctx,
		commitlog.GroupOffsets{Member: alone(good), Offsets: []commitlog.Position{at(p, 4)}},
		commitlog.GroupOffsets{Member: commitlog.Member{Group: bad, ID: "nobody", Generation: 1}, Offsets: []commitlog.Position{at(p, 4)}})
	k.is(err, commitlog.ErrNotMember)

	short, cancel := context.WithTimeout(k.ctx, 200*time.Millisecond)
	_, err = k.Log.FetchOffsets(short, good, []commitlog.Partition{p})
	cancel()
	k.is(err, commitlog.ErrUnavailable)
	k.is(err, context.DeadlineExceeded)
	k.equal("offset of a partition nobody writes", k.offsetOf(good, q), -1)

	got := make(chan int64, 1)
	go func() { // ends when FetchOffsets does; the test receives
		offsets, err := k.Log.FetchOffsets(k.ctx, good, []commitlog.Partition{p})
		if err != nil {
			got <- -2
			return
		}
		got <- offsets[0].Offset
	}()
	k.ok(t.Abort(k.ctx))
	k.equal("offset after the abort", <-got, 3)
}

func offsetsOfAnUnknownGroup(k *kit) {
	p, q := k.partition(), k.partition()
	got, err := k.Log.FetchOffsets(k.ctx, k.name("group"), []commitlog.Partition{q, p})
	k.ok(err)
	k.equal("offsets", got, []commitlog.Position{at(q, -1), at(p, -1)})
}
