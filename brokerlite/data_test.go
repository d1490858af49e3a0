package brokerlite_test

import (
	"fmt"
	"testing"

	"github.com/millrun/millrun/brokerlite"
	"github.com/twmb/franz-go/pkg/kerr"
)

func TestProducedIsFetchedAfterEveryKindOfStop(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 2)
	want(t, "first offset", r.produce(nobody, "a", 0, "x", "y"), 0)
	want(t, "second offset", r.produce(nobody, "a", 0, "z"), 2)
	r.produce(nobody, "a", 1, "other")
	check := func(when string) {
		t.Helper()
		want(t, when, fmt.Sprint(r.values("a", 0, true)), "[0:x 1:y 2:z]")
		want(t, when, fmt.Sprint(r.values("a", 1, false)), "[0:other]")
	}
	check("live")
	r.restart()
	check("after a clean stop")
	r.crash()
	check("after a power cut")
	want(t, "offset goes on", r.produce(nobody, "a", 0, "w"), 3)
	r.crash()
	want(t, "after the second cut", fmt.Sprint(r.values("a", 0, true)), "[0:x 1:y 2:z 3:w]")
}

// S7, S8
func TestRetryIsRecognisedAcrossACrash(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	p := r.init("")
	for i := range 7 {
		p.seq = int32(i)
		want(t, "offset", r.produce(p, "a", 0, fmt.Sprint(i)), int64(i))
	}
	for range 2 {
		for seq := 2; seq < 7; seq++ {
			p.seq = int32(seq)
			want(t, "offset of the repeat", r.produce(p, "a", 0, fmt.Sprint(seq)), int64(seq))
		}
		p.seq = 1
		_, err := r.tryProduce(p, "a", 0, "1")
		wantErr(t, "a repeat older than the window", err, kerr.OutOfOrderSequenceNumber)
		p.seq = 9
		_, err = r.tryProduce(p, "a", 0, "9")
		wantErr(t, "a gap", err, kerr.OutOfOrderSequenceNumber)
		r.crash()
	}
	p.seq = 7
	want(t, "next", r.produce(p, "a", 0, "7"), 7)
	p.seq, p.epoch = 8, p.epoch-1
	_, err := r.tryProduce(p, "a", 0, "8")
	if p.epoch < 0 {
		p.epoch = 0
	} else {
		wantErr(t, "an older epoch", err, kerr.InvalidProducerEpoch)
	}
}
