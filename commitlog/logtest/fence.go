package logtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrun/millrun/commitlog"
)

var fencing = []testCase{
	{name: "ASecondTransactorFencesTheFirst", run: secondTransactorFences},
	{name: "AFencedTransactorCannotFenceBack", run: fencedCannotFenceBack},
	{name: "OwnTimeoutIsNoFencing", needs: canAdvance, run: ownTimeoutIsNoFencing},
	{name: "ACommitGivenUpIsDecidedByRenew", run: commitGivenUpIsDecidedByRenew},
	{name: "AnOldGenerationCannotCommit", run: oldGenerationCannotCommit},
	{name: "AZombieWithoutOffsetsHoldsTheStableOffsetOnly", run: zombieHoldsTheStableOffset},
	{name: "ATransactionIsOneMomentInLogOrder", run: transactionIsOneMoment},
}

// secondTransactorFences is case C-44: the first one's records never come out.
func secondTransactorFences(k *kit) {
	p, id := k.partition(), k.name("id")
	first := k.transactorWith(commitlog.TransactorConfig{ID: id, BatchBytes: 100})
	k.append(first, p, "x", strings.Repeat("x", 100), strings.Repeat("x", 100))
	second := k.transactor(id)
	k.append(second, p, "y")
	_, err := second.Commit(k.ctx)
	k.ok(err)
	_, err = first.Commit(k.ctx)
	k.is(err, commitlog.ErrFenced)
	k.isNot(err, commitlog.ErrUnknownOutcome)
	k.equal("committed", k.committed(p), []string{"y"})
	k.equal("stable offset", k.end(p, commitlog.ReadCommitted), k.end(p, commitlog.ReadUncommitted))
}

func fencedCannotFenceBack(k *kit) {
	p, id := k.partition(), k.name("id")
	first := k.transactor(id)
	second := k.transactor(id)
	k.append(second, p, "y")
	k.is(first.Renew(k.ctx), commitlog.ErrFenced)
	_, err := second.Commit(k.ctx)
	k.ok(err)
	k.equal("committed", k.committed(p), []string{"y"})
}

func ownTimeoutIsNoFencing(k *kit) {
	p := k.partition()
	t := k.transactorWith(commitlog.TransactorConfig{ID: k.name("id"), Timeout: time.Second, BatchBytes: 100})
	for _, how := range []string{"commit", "append"} {
		k.append(t, p, "late", strings.Repeat("x", 100), strings.Repeat("x", 100))
		for k.end(p, commitlog.ReadUncommitted) == k.end(p, commitlog.ReadCommitted) && k.ctx.Err() == nil {
			continue // until the first batch is there, so that the log knows of the transaction
		}
		for k.end(p, commitlog.ReadUncommitted) != k.end(p, commitlog.ReadCommitted) && k.ctx.Err() == nil {
			k.Advance(500 * time.Millisecond)
		}
		var err error
		if how == "append" {
			for err == nil { // the fault of an earlier batch shows at a later call
				err = t.Append(k.ctx, p, values(strings.Repeat("x", 200)))
			}
		} else {
			_, err = t.Commit(k.ctx)
		}
		k.is(err, commitlog.ErrAborted)
		k.isNot(err, commitlog.ErrFenced)
		k.ok(t.Abort(k.ctx))
		k.append(t, p, "good")
		_, err = t.Commit(k.ctx)
		k.ok(err)
	}
	k.equal("committed", k.committed(p), []string{"good", "good"})
}

// commitGivenUpIsDecidedByRenew cuts commits at some moment: whatever came of one, Renew makes it final, the offsets say
// which, and the next transaction is not touched by it (S-7, C-60).
func commitGivenUpIsDecidedByRenew(k *kit) {
	p, group := k.partition(), k.name("group")
	t := k.transactor(k.name("id"))
	want := []string{}
	for i := range int64(30) {
		text := fmt.Sprint("cut ", i)
		k.append(t, p, text)
		ctx, cancel := context.WithCancel(k.ctx)
		go func() { // the race with the commit is the point; the commit waits for neither
			for range i * 20 {
				_ = ctx.Err() // a moment that differs from round to round
			}
			cancel()
		}()
		_, err := t.Commit(ctx, commitlog.GroupOffsets{Member: alone(group), Offsets: []commitlog.Position{at(p, i+1)}})
		cancel()
		if err != nil && !errors.Is(err, commitlog.ErrUnknownOutcome) && !errors.Is(err, commitlog.ErrAborted) {
			k.Fatalf("commit %d: %v", i, err)
		}
		if err != nil {
			k.ok(t.Renew(k.ctx))
		}
		decided := k.offsetOf(group, p) == i+1
		if decided {
			want = append(want, text)
		}
		if err == nil != decided && !errors.Is(err, commitlog.ErrUnknownOutcome) {
			k.Fatalf("commit %d: %v, and offsets committed: %v", i, err, decided)
		}
		k.equal("committed", k.committed(p), want)
		k.append(t, p, "aborted")
		k.ok(t.Abort(k.ctx))
	}
	k.equal("committed", k.committed(p), want)
}

// oldGenerationCannotCommit is S-3: the generation is checked in the commit of the offsets, and nowhere else.
func oldGenerationCannotCommit(k *kit) {
	p, group := k.partition(), k.name("group")
	old := k.joinAlone(group)
	zombie := k.transactor(k.name("id"))
	k.append(zombie, p, "zombie")
	_, err := k.Log.Join(k.ctx, k.request(old)) // the leader comes again: a new generation
	k.ok(err)
	_, err = zombie.Commit(k.ctx, commitlog.GroupOffsets{Member: old, Offsets: []commitlog.Position{at(p, 9)}})
	k.is(err, commitlog.ErrNotMember)
	k.ok(zombie.Abort(k.ctx))
	k.equal("committed", k.committed(p), []string{})
	k.equal("offset", k.offsetOf(group, p), -1)
}

// zombieHoldsTheStableOffset is S-5: an open transaction without offsets delays no FetchOffsets, and what others commit
// behind it is below the high watermark.
func zombieHoldsTheStableOffset(k *kit) {
	p, group := k.partition(), k.name("group")
	zombie := k.transactorWith(commitlog.TransactorConfig{ID: k.name("id"), BatchBytes: 100})
	k.append(zombie, p, "zombie", strings.Repeat("x", 100), strings.Repeat("x", 100))
	for k.end(p, commitlog.ReadUncommitted) == 0 && k.ctx.Err() == nil {
		continue // the batch is on its way
	}
	t := k.transactor(k.name("id"))
	k.append(t, p, "next owner")
	ends, err := t.Commit(k.ctx, commitlog.GroupOffsets{Member: alone(group), Offsets: []commitlog.Position{at(p, 4)}})
	k.ok(err)
	k.equal("offset", k.offsetOf(group, p), 4)
	k.equal("stable offset", k.end(p, commitlog.ReadCommitted), 0)
	if high := k.end(p, commitlog.ReadUncommitted); high <= ends[0].Offset {
		k.Errorf("high watermark %d does not cover the marker behind %d", high, ends[0].Offset)
	}
	k.ok(zombie.Abort(k.ctx))
	k.equal("committed", k.committed(p), []string{"next owner"})
}

// transactionIsOneMoment is case C-40: a reader does not pass an open transaction, then gets both in log order.
func transactionIsOneMoment(k *kit) {
	p := k.partition()
	a := k.transactorWith(commitlog.TransactorConfig{ID: k.name("id"), BatchBytes: 100})
	for i := range 10 {
		k.append(a, p, fmt.Sprintf("a%d %s", i, strings.Repeat("x", 80)))
	}
	for k.end(p, commitlog.ReadUncommitted) == 0 && k.ctx.Err() == nil {
		continue // the first batch is on its way
	}
	b := k.transactor(k.name("id"))
	k.append(b, p, "b")
	_, err := b.Commit(k.ctx)
	k.ok(err)
	r := k.reader(commitlog.ReaderConfig{})
	r.Seek(p, 0)
	k.equal("stable offset while A is open", k.end(p, commitlog.ReadCommitted), 0)
	if got, err := r.Poll(k.ctx, 0); got != nil || err != nil {
		k.Fatalf("Poll passes an open transaction: %v, %v", got, err)
	}
	_, err = a.Commit(k.ctx)
	k.ok(err)
	got := k.committed(p)
	k.equal("records", len(got), 11)
	k.equal("first", got[0][:2], "a0")
}
