package brokerlite_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// S13, S14
func TestReadCommittedSeesCommittedAlone(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	r.produce(nobody, "a", 0, "plain")
	p := r.init("tx")
	r.produce(p, "a", 0, "dropped")
	r.produce(nobody, "a", 0, "behind")
	f := r.fetch("a", 0, 0, true)
	want(t, "stable", f.LastStableOffset, 1)
	want(t, "high", f.HighWatermark, 3)
	want(t, "while open", fmt.Sprint(r.values("a", 0, true)), "[0:plain]")
	want(t, "read uncommitted", fmt.Sprint(r.values("a", 0, false)), "[0:plain 1:dropped 2:behind]")
	p = r.end(p, false)
	want(t, "epoch after the end", p.epoch, 1)
	r.produce(p, "a", 0, "kept")
	r.end(p, true)
	for _, when := range []string{"live", "after a power cut", "after a clean stop"} {
		want(t, when, fmt.Sprint(r.values("a", 0, true)), "[0:plain 2:behind 4:kept]")
		want(t, when+", stable", r.fetch("a", 0, 0, true).LastStableOffset, 6)
		list := r.fetch("a", 0, 0, true).AbortedTransactions
		want(t, when+", aborted", len(list), 1)
		if f := r.fetch("a", 0, 4, true); len(f.AbortedTransactions) != 0 {
			t.Errorf("%s: a range behind the marker lists %v", when, f.AbortedTransactions)
		}
		if when == "live" {
			r.crash()
		} else {
			r.restart()
		}
	}
}

// S-53: a copy loop with a restart between any two requests ends with every record once.
func TestCopyLoopSurvivesARestartBetweenAnyTwoRequests(t *testing.T) {
	const rounds = 3
	for _, kind := range []string{"clean", "cut"} {
		for at := 0; ; at++ {
			r := newRig(t, brokerlite.Config{})
			step, stopped := 0, false
			tick := func() {
				if step == at {
					stopped = true
					if kind == "clean" {
						r.restart()
					} else {
						r.crash()
					}
				}
				step++
			}
			r.create("in", 1)
			r.create("out", 2)
			r.produce(nobody, "in", 0, "a", "b", "c")
			p := r.init("copy")
			for i := range rounds {
				tick()
				p.seq = 0
				r.produce(p, "out", 0, fmt.Sprint("x", i))
				tick()
				r.produce(p, "out", 1, fmt.Sprint("y", i))
				tick()
				if err := r.tryStage(p, "g", "in", 0, int64(i+1)); err != nil {
					t.Fatalf("%s %d: stage: %v", kind, at, err)
				}
				tick()
				if _, err := r.committed("g", "in", 0, true); err != kerr.UnstableOffsetCommit {
					t.Errorf("%s %d: pending offsets answered with %v, want UNSTABLE_OFFSET_COMMIT", kind, at, err)
				}
				next := r.end(p, true)
				tick()
				again, err := r.tryEnd(p, true)
				if err != nil || again != next {
					t.Fatalf("%s %d: repeated end: %v %v, want %v", kind, at, again, err, next)
				}
				p = next
				got, err := r.committed("g", "in", 0, true)
				if err != nil || got != int64(i+1) {
					t.Errorf("%s %d: committed %d %v, want %d", kind, at, got, err, i+1)
				}
			}
			for i, letter := range []string{"x", "y"} {
				want(t, fmt.Sprintf("%s %d: out/%d", kind, at, i), fmt.Sprint(r.values("out", int32(i), true)),
					fmt.Sprintf("[0:%s0 2:%s1 4:%s2]", letter, letter, letter))
			}
			r.b.Close()
			if !stopped {
				break
			}
		}
	}
}

// C-44: the same transactional id initialised again while its transaction is open.
func TestSecondOwnerFencesTheFirstC44(t *testing.T) {
	for at := range 5 {
		r := newRig(t, brokerlite.Config{})
		step := 0
		tick := func() {
			if step == at {
				r.crash()
			}
			step++
		}
		r.create("a", 1)
		p1 := r.init("tx-1")
		r.produce(p1, "a", 0, "x")
		tick()
		p2 := r.init("tx-1")
		tick()
		r.produce(p2, "a", 0, "y")
		tick()
		r.end(p2, true)
		tick()
		_, err := r.tryEnd(p1, true)
		wantErr(t, "the first owner's commit", err, kerr.ProducerFenced)
		_, err = r.tryEnd(p1, false)
		wantErr(t, "the first owner's abort", err, kerr.ProducerFenced)
		_, err = r.tryProduce(p1, "a", 0, "z")
		wantErr(t, "the first owner's produce", err, kerr.InvalidProducerEpoch)
		want(t, "visible", fmt.Sprint(r.values("a", 0, true)), "[2:y]")
		f := r.fetch("a", 0, 0, true)
		want(t, "stable", f.LastStableOffset, f.HighWatermark)
		r.b.Close()
	}
}

// S10: a transaction that is open too long is aborted, its owner goes on with Renew.
func TestTransactionTimesOut(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	p := r.init("tx")
	r.produce(p, "a", 0, "late")
	if err := r.tryStage(p, "g", "a", 0, 1); err != nil {
		t.Fatal(err)
	}
	r.crash() // the timeout runs anew
	r.clock.Advance(59 * time.Second)
	want(t, "stable before the timeout", r.fetch("a", 0, 0, true).LastStableOffset, 0)
	awaitStable(r, func() { r.clock.Advance(time.Second) }, "a", 0, 2)
	_, err := r.tryProduce(p, "a", 0, "later")
	wantErr(t, "produce of the timed out", err, kerr.InvalidProducerEpoch)
	_, err = r.tryEnd(p, true)
	wantErr(t, "commit of the timed out", err, kerr.ProducerFenced)
	next, err := r.initProducer("tx", p)
	wantErr(t, "renew", err, nil)
	want(t, "one bump", next.epoch, p.epoch+1)
	r.produce(next, "a", 0, "after")
	r.end(next, true)
	want(t, "visible", fmt.Sprint(r.values("a", 0, true)), "[2:after]")
	got, err := r.committed("g", "a", 0, true)
	wantErr(t, "offsets", err, nil)
	want(t, "offset of the aborted", got, -1)
}

// awaitStable lets time pass and waits, by a fetch that the marker wakes, until the last stable offset is there.
func awaitStable(r *rig, pass func(), topic string, index int32, stable int64) {
	r.t.Helper()
	pass()
	req := fetchRequest(topic, index, 0, true)
	req.MaxWaitMillis = 3_600_000
	p := r.do(req).(*kmsg.FetchResponse).Topics[0].Partitions[0]
	want(r.t, "last stable offset", p.LastStableOffset, stable)
}

func TestRenewAndLateRequests(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	old := r.init("tx")
	r.produce(old, "a", 0, "one")
	p, err := r.initProducer("tx", old) // renew with the transaction open: aborted
	wantErr(t, "renew", err, nil)
	again, err := r.initProducer("tx", old)
	wantErr(t, "renew repeated", err, nil)
	want(t, "the same epoch", again, p)
	r.produce(p, "a", 0, "two")
	_, err = r.tryEnd(old, true)
	wantErr(t, "late commit after renew", err, kerr.ProducerFenced)
	p = r.end(p, true)
	_, err = r.tryEnd(p, true)
	wantErr(t, "commit of nothing", err, kerr.InvalidTxnState)
	r.end(p, false) // an empty abort succeeds
	want(t, "visible", fmt.Sprint(r.values("a", 0, true)), "[2:two]")
}

// S11: at the last epoch a new producer id is given, and the retry of that end is still known.
func TestEpochsRunOutIntoANewProducerID(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	p := r.init("tx")
	for p.epoch < 32766 {
		p = r.end(p, false)
	}
	next := r.end(p, false)
	if next.pid == p.pid || next.epoch != 0 {
		t.Fatalf("after epoch 32766 of producer %d: producer %d epoch %d, want another producer, epoch 0", p.pid, next.pid, next.epoch)
	}
	again, err := r.tryEnd(p, false)
	wantErr(t, "repeat", err, nil)
	want(t, "repeat", again, next)
}

// S15
func TestPlainWriteInsideATransactionIsRefused(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	p := r.init("tx")
	r.produce(p, "a", 0, "in")
	plain := producer{pid: p.pid, epoch: p.epoch, seq: 1}
	_, err := r.tryProduce(plain, "a", 0, "out")
	wantErr(t, "plain batch", err, kerr.InvalidTxnState)
	req := produceRequest(p, "a", 0, batch(producer{id: "tx", pid: p.pid, epoch: p.epoch, seq: 1}, "v11"))
	req.Version = 11
	want(t, "version 11 in a joined partition", r.do(req).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode, 0)
	r.end(p, true)
}

// C-40: the reader stands before the open transaction until it ends, and sees both in log order.
func TestReaderWaitsForTheEarlierTransactionC40(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	a, b := r.init("A"), r.init("B")
	for i := range 10 {
		a.seq = int32(i)
		r.produce(a, "a", 0, fmt.Sprint("a", i))
	}
	b.seq = 0
	r.produce(b, "a", 0, "b")
	r.end(b, true)
	want(t, "before A ends", len(r.values("a", 0, true)), 0)
	r.end(a, true)
	got := r.values("a", 0, true)
	want(t, "after", len(got), 11)
	want(t, "first", got[0], "0:a0")
	want(t, "last", got[10], "10:b")
}

// The timers wait for the deadline of the first; the second's comes before it.
func TestShorterTransactionTimesOutBeforeALongerOne(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 2)
	long := r.init("long")
	r.produce(long, "a", 0, "x")
	req := initRequest("short", nobody)
	req.TransactionTimeoutMillis = 10_000
	ip := r.do(req).(*kmsg.InitProducerIDResponse)
	if err := r.clock.AwaitPending(t.Context(), 1); err != nil { // the timers wait for the first deadline
		t.Fatal(err)
	}
	r.produce(producer{id: "short", pid: ip.ProducerID, epoch: ip.ProducerEpoch}, "a", 1, "y")
	r.clock.Advance(10 * time.Second)
	for r.b.Stats().OpenTransactions != 1 {
		runtime.Gosched()
	}
	want(t, "the longer one is open", r.fetch("a", 0, 0, true).LastStableOffset, 0)
	want(t, "committed", fmt.Sprint(r.end(long, true).epoch), "1")
}
