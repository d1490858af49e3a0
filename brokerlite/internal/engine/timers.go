package engine

import (
	"time"

	"github.com/millrun/millrun/internal/clock"
)

// retryAfter is how long after a full disk things are tried again.
const retryAfter = time.Second

// runTimers is the loop that owns time: group sessions, transaction timeouts, a full disk. Open starts it, Close ends it.
func (e *Engine) runTimers() {
	defer e.loops.Done()
	for {
		var fires <-chan time.Time
		var t clock.Timer
		e.alarm.Store(nil)
		next := e.due(e.Now())
		e.alarm.Store(&next)
		if !next.IsZero() {
			t = e.timerAt(next)
			fires = t.C()
		}
		select {
		case <-fires:
		case <-e.timersKick:
		case <-e.stop:
		case <-e.failed:
		}
		if t != nil {
			t.Stop()
		}
		select {
		case <-e.stop:
			return
		case <-e.failed:
			return
		default:
		}
	}
}

// remind sees to it that the timers look at a deadline in time. They look at everything each time, so a deadline behind
// the one they wait for anyway is no news.
func (e *Engine) remind(deadline time.Time) {
	if next := e.alarm.Load(); next == nil || next.IsZero() || deadline.Before(*next) {
		signal(e.timersKick)
	}
}

// timerAt makes a timer for a point in time. Timers take spans, so a clock that is moved between asking it and setting
// the timer would make it late; a clock that only runs is late by that much anyway, so few attempts do.
func (e *Engine) timerAt(at time.Time) clock.Timer {
	for try := 0; ; try++ {
		now := e.Now()
		t := e.c.Clock.NewTimer(at.Sub(now))
		if try == 3 || e.Now().Equal(now) {
			return t
		}
		t.Stop()
	}
}

// due does what is due and gives the earliest time of what is not, zero for nothing.
func (e *Engine) due(now time.Time) time.Time {
	next := e.groupTick(now)
	if t := e.expire(now); !t.IsZero() && (next.IsZero() || t.Before(next)) {
		next = t
	}
	e.resume()
	if t := now.Add(retryAfter); (e.Full() || !e.reserved.Load()) && (next.IsZero() || t.Before(next)) {
		next = t
	}
	return next
}

// runCheckpoints writes a snapshot whenever one is due. Open starts it, Close ends it. After one that failed it pauses: each
// round of the log asks for the next, and each try keeps writers out for a moment.
func (e *Engine) runCheckpoints() {
	defer e.loops.Done()
	pause := retryAfter
	for {
		select {
		case <-e.checkpoint:
		case <-e.stop:
			return
		case <-e.failed:
			return
		}
		if err := e.Checkpoint(false); err == nil {
			pause = retryAfter
		} else if e.Err() == nil {
			e.c.Logger.Error("checkpoint failed; recovery would take longer", "dir", e.dir, "error", err)
			e.rest(pause)
			pause = min(2*pause, maxPause)
		}
	}
}

// maxPause is the longest time between a checkpoint that failed and the next try.
const maxPause = time.Minute

// rest waits until d has passed or the engine ends.
func (e *Engine) rest(d time.Duration) {
	t := e.c.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
	case <-e.stop:
	case <-e.failed:
	}
}
