package worker

import (
	"testing"
	"time"
)

func TestAgeCountsFromTheFirstSightOfWhatIsNotHandled(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	var b trail
	if !b.since(0).IsZero() {
		t.Error("an age before anything was seen")
	}
	b.saw(10, at(1))
	b.saw(10, at(2)) // the same end is no news
	b.saw(20, at(3))
	b.saw(30, at(4))
	for _, c := range []struct {
		position int64
		want     time.Time
	}{{0, at(1)}, {9, at(1)}, {10, at(3)}, {29, at(4)}, {30, time.Time{}}} {
		if got := b.since(c.position); !got.Equal(c.want) {
			t.Errorf("position %d: behind since %v, want %v", c.position, got, c.want)
		}
	}
	b.saw(30, at(5))
	if !b.since(30).IsZero() {
		t.Error("behind though everything is handled")
	}
	b.saw(31, at(6))
	if got := b.since(30); !got.Equal(at(6)) {
		t.Errorf("behind since %v, want the sight of the new end", got)
	}
}

func TestATrailStaysShortAndNeverMakesAnAgeTooOld(t *testing.T) {
	var b trail
	for i := range 10_000 {
		b.saw(int64(i+1), time.Unix(int64(i), 0)) // offset i was first seen at second i
		if len(b.seen) > maxSights {
			t.Fatalf("%d sights, want at most %d", len(b.seen), maxSights)
		}
	}
	for _, position := range []int64{0, 1, 17, 5_000, 9_999} {
		if got := b.since(position).Unix(); got < position {
			t.Errorf("offset %d is said to be there since second %d, before it was", position, got)
		}
	}
}
