package clock

import (
	"sync"
	"time"
)

// Durations counts spans of time in classes, for figures that are looked at now and then. The zero value is empty and ready.
// Safe for concurrent use. It takes what happens some thousand times per second, not what happens for each record.
type Durations struct {
	mu struct {
		sync.Mutex
		classes [len(bounds)]int64 // spans at most as long as the bound and longer than the one before
		count   int64
		total   time.Duration
	}
}

// bounds divide spans from a fast sync to a disk that hangs. They are part of what metrics show: adding one is a change that
// users see.
var bounds = [...]time.Duration{100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond,
	2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
	5 * time.Second, 10 * time.Second}

// Add counts one span. A negative one, from a clock that was set back, counts as 0.
func (d *Durations) Add(span time.Duration) {
	span = max(span, 0)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.count++
	d.mu.total += span
	for i, b := range bounds {
		if span <= b {
			d.mu.classes[i]++
			return
		}
	}
}

// Spread is what a Durations held at one moment.
type Spread struct {
	Count  int64                   // spans
	Total  time.Duration           // their sum
	AtMost map[time.Duration]int64 // spans that were not longer, for each bound
}

// Spread gives a copy.
func (d *Durations) Spread() Spread {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Spread{Count: d.mu.count, Total: d.mu.total, AtMost: make(map[time.Duration]int64, len(bounds))}
	sum := int64(0)
	for i, n := range d.mu.classes {
		sum += n
		s.AtMost[bounds[i]] = sum
	}
	return s
}
