package engine

import "time"

// retryAfter is how long after a full disk things are tried again.
const retryAfter = time.Second

// runTimers is the loop that owns time: group sessions, transaction timeouts, a full disk. Open starts it, Close ends it.
func (e *Engine) runTimers() {
	defer e.loops.Done()
	for {
		var fires <-chan time.Time
		now := e.Now()
		if next := e.due(now); !next.IsZero() {
			t := e.c.Clock.NewTimer(next.Sub(now))
			fires = t.C()
			select {
			case <-fires:
			case <-e.timersKick:
			case <-e.stop:
			}
			t.Stop()
		} else {
			select {
			case <-e.timersKick:
			case <-e.stop:
			}
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

// due does what is due and gives the earliest time of what is not, zero for nothing.
func (e *Engine) due(now time.Time) time.Time {
	next := e.groupTick(now)
	if t := e.expire(now); !t.IsZero() && (next.IsZero() || t.Before(next)) {
		next = t
	}
	if e.Full() {
		e.resume()
		if t := now.Add(retryAfter); e.Full() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next
}

// runCheckpoints writes a snapshot whenever one is due. Open starts it, Close ends it.
func (e *Engine) runCheckpoints() {
	defer e.loops.Done()
	for {
		select {
		case <-e.checkpoint:
		case <-e.stop:
			return
		case <-e.failed:
			return
		}
		if err := e.Checkpoint(false); err != nil && e.Err() == nil {
			e.c.Logger.Error("checkpoint failed; recovery would take longer", "dir", e.dir, "error", err)
		}
	}
}
