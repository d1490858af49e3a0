package topologytest

import (
	"slices"
	"sync"
	"time"

	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/topology"
)

// The runtime sets alarms for three reasons, and the kit treats each in its way:
//
//   - to gather work before a commit: it gains nothing by waiting here, so these fire at once and time stands still
//   - to wait before a retry: settle moves time to it, and by no more
//   - to notice silence (sessions, transactions, polls, a handler that holds up a commit): they fire only when the story moves
//     time with Advance
//
// The kit tells them apart by their length: commitEvery is a span that nobody else would choose, and the spans of retries
// follow from the processors' policies.
const commitEvery = 20*time.Millisecond + 4*time.Nanosecond

// spans are the lengths by which alarms are told apart.
type spans struct{ retries []time.Duration }

func spansOf(app *topology.Topology) spans {
	var s spans
	for _, p := range app.Processors() {
		s.retries = append(s.retries, backoffs(p.OnError)...)
	}
	return s
}

// backoffs lists the waits of a policy: doubled from Backoff, up to MaxBackoff.
func backoffs(e decl.ErrorPolicy) (waits []time.Duration) {
	wait := e.Backoff
	for range e.Retries {
		waits = append(waits, min(wait, e.MaxBackoff))
		if wait >= e.MaxBackoff {
			break
		}
		wait *= 2
	}
	return waits
}

func (s spans) gathers(d time.Duration) bool { return d == commitEvery }
func (s spans) retry(d time.Duration) bool   { return slices.Contains(s.retries, d) }

// runtimeClock is the virtual time as the worker sees it.
type runtimeClock struct {
	virtual *clock.Virtual
	spans   spans
	wake    chan struct{} // a retry has been set
	mu      struct {
		sync.Mutex
		due []time.Time // of retries that were set and not passed
	}
}

func newRuntimeClock(v *clock.Virtual, s spans) *runtimeClock {
	return &runtimeClock{virtual: v, spans: s, wake: make(chan struct{}, 1)}
}

// Now implements clock.Clock.
func (c *runtimeClock) Now() time.Time { return c.virtual.Now() }

// NewTimer implements clock.Clock.
func (c *runtimeClock) NewTimer(d time.Duration) clock.Timer {
	t := &runtimeTimer{c.virtual.NewTimer(c.span(d)), c}
	c.note(d)
	return t
}

// AfterFunc implements clock.Clock.
func (c *runtimeClock) AfterFunc(d time.Duration, f func()) clock.Timer {
	t := &runtimeTimer{c.virtual.AfterFunc(c.span(d), f), c}
	c.note(d)
	return t
}

// span is how long an alarm really waits.
func (c *runtimeClock) span(d time.Duration) time.Duration {
	if c.spans.gathers(d) {
		return 0
	}
	return d
}

// note remembers a retry. It comes after the alarm is set: who then moves time to what is noted passes the alarm.
func (c *runtimeClock) note(d time.Duration) {
	if !c.spans.retry(d) {
		return
	}
	c.mu.Lock()
	c.mu.due = append(c.mu.due, c.virtual.Now().Add(d))
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// nextRetry gives the earliest retry that time has not passed.
func (c *runtimeClock) nextRetry() (at time.Time, ok bool) {
	now := c.virtual.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.due = slices.DeleteFunc(c.mu.due, func(t time.Time) bool { return !t.After(now) })
	if len(c.mu.due) == 0 {
		return time.Time{}, false
	}
	return slices.MinFunc(c.mu.due, time.Time.Compare), true
}

type runtimeTimer struct {
	clock.Timer
	clock *runtimeClock
}

// Reset implements clock.Timer.
func (t *runtimeTimer) Reset(d time.Duration) bool {
	active := t.Timer.Reset(t.clock.span(d))
	t.clock.note(d)
	return active
}

// logClock is the virtual time as the log sees it. Its alarms stand by themselves, so that what settle moves is known.
type logClock struct {
	virtual *clock.Virtual // for the time
	alarms  *clock.Virtual
}

// Now implements clock.Clock.
func (c logClock) Now() time.Time { return c.virtual.Now() }

// NewTimer implements clock.Clock.
func (c logClock) NewTimer(d time.Duration) clock.Timer { return c.alarms.NewTimer(d) }

// AfterFunc implements clock.Clock.
func (c logClock) AfterFunc(d time.Duration, f func()) clock.Timer { return c.alarms.AfterFunc(d, f) }
