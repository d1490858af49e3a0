package clock

import (
	"testing"
	"time"
)

func TestSpansAreCountedUpToEachBound(t *testing.T) {
	var d Durations
	for _, span := range []time.Duration{-time.Second, 100 * time.Microsecond, 101 * time.Microsecond, 3 * time.Second, time.Hour} {
		d.Add(span)
	}
	s := d.Spread()
	if s.Count != 5 || s.Total != time.Hour+3*time.Second+201*time.Microsecond {
		t.Errorf("%d spans of %v", s.Count, s.Total)
	}
	for bound, want := range map[time.Duration]int64{100 * time.Microsecond: 2, 250 * time.Microsecond: 3, 2500 * time.Millisecond: 3,
		5 * time.Second: 4, 10 * time.Second: 4} {
		if got := s.AtMost[bound]; got != want {
			t.Errorf("%d spans of at most %v, want %d", got, bound, want)
		}
	}
}
