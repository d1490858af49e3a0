package wal

import (
	"errors"
	"syscall"

	"github.com/millrun/millrun/internal/clock"
)

// run is the committer: the one goroutine that writes. While it syncs one round, the next group forms.
func (l *Log) run() {
	defer close(l.stopped)
	for {
		select {
		case <-l.wake:
			l.commitNext()
		case answer := <-l.resume:
			answer <- l.leaveFull()
		case <-l.stop:
			l.commitNext()
			l.finish()
			return
		}
	}
}

// commitNext takes all that is queued and makes it durable.
func (l *Log) commitNext() {
	if g := l.take(); g != nil {
		l.commit(g)
	}
}

// commit writes a group, syncs it and tells whoever waits.
func (l *Log) commit(g *group) {
	err := l.disk.write(l, g)
	if err == nil && !l.c.NoSync {
		err = l.sync()
	}
	switch {
	case err == nil:
		l.publish(g)
	case isFull(err):
		l.becomeFull(g, err)
	default:
		l.fail(err)
	}
}

// sync makes what was written durable, and times it.
func (l *Log) sync() error {
	if l.c.Clock == nil {
		return l.disk.sync()
	}
	began := l.c.Clock.Now()
	err := l.disk.sync()
	if err == nil {
		l.syncs.Add(l.c.Clock.Now().Sub(began))
	}
	return err
}

// Syncs are the syncs that succeeded since Open, one for each round, and how long they took; empty without Config.Clock.
func (l *Log) Syncs() clock.Spread { return l.syncs.Spread() }

// take makes the forming group the one that is written, nil if it is empty or nothing may be written any more.
func (l *Log) take() *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.mu.forming
	if g.count == 0 || l.mu.err != nil {
		return nil
	}
	l.mu.writing = g
	l.mu.forming = newGroup(l.mu.buf)
	l.mu.buf = nil
	close(g.taken)
	return g
}

// publish makes a group's records count: first what the owner publishes, then the LSN, so that nobody who asks meanwhile
// is faster, then the waiters. The buffer serves the next group but one.
func (l *Log) publish(g *group) {
	if l.c.OnDurable != nil {
		l.c.OnDurable(g.last)
	}
	l.mu.Lock()
	l.mu.decided = g.last
	l.mu.written.add(g.last, roundUp(int64(len(g.buf))))
	l.mu.writing = nil
	if cap(g.buf) <= 2*l.c.QueueBytes {
		l.mu.buf = g.buf
	}
	l.mu.Unlock()
	close(g.done)
}

// fail ends the log: all waiters get err, and nothing is written any more.
func (l *Log) fail(err error) {
	l.mu.Lock()
	l.mu.err = &finalError{dir: l.dir, cause: err}
	writing, forming := l.mu.writing, l.mu.forming
	l.mu.writing, l.mu.forming = nil, newGroup(nil)
	l.mu.Unlock()
	if writing != nil {
		close(writing.done)
	}
	close(forming.taken)
	close(forming.done)
}

// finish closes the file; without a sync so far, it makes the stop a clean one.
func (l *Log) finish() {
	if l.Err() != nil {
		l.disk.close()
		return
	}
	if l.c.NoSync && l.disk.f != nil {
		if err := l.disk.sync(); err != nil {
			l.fail(err)
		}
	}
	if err := l.disk.close(); err != nil && l.Err() == nil {
		l.fail(err)
	}
}

// finalError is what Err gives.
type finalError struct {
	dir   string
	cause error
}

func (e *finalError) Error() string {
	return "wal: " + e.dir + ": stopped for good, open it again to go on from what the disk has: " + e.cause.Error()
}

func (e *finalError) Unwrap() error { return e.cause }

// syncError marks an error of a sync: final, whatever its cause (S-57).
type syncError struct{ cause error }

func (e *syncError) Error() string { return "sync: " + e.cause.Error() }
func (e *syncError) Unwrap() error { return e.cause }

// isFull says that a write found no room and nothing else is wrong.
func isFull(err error) bool {
	var failed *syncError
	return errors.Is(err, syscall.ENOSPC) && !errors.As(err, &failed)
}
