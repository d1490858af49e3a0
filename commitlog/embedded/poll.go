package embedded

import (
	"context"
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// Poll implements commitlog.Reader.
func (r *reader) Poll(ctx context.Context, wait time.Duration) (*commitlog.Batch, error) {
	armed := false
	for {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("poll: %w", context.Cause(ctx))
		}
		b, woken, err := r.next()
		if b != nil || woken || err != nil {
			return b, err
		}
		if wait <= 0 {
			return nil, nil
		}
		if !armed {
			r.arm(wait)
			armed = true
		}
		select {
		case <-r.ready:
		case <-ctx.Done():
		case <-r.timer.C():
			return nil, nil
		}
	}
}

// arm starts the timer that Poll calls share.
func (r *reader) arm(wait time.Duration) {
	if r.timer == nil {
		r.timer = r.log.clock.NewTimer(wait)
		return
	}
	r.timer.Stop()
	r.timer.Reset(wait)
}

// next gives the next batch or fault that is there, partitions in turn; woken says that somebody called Wake.
func (r *reader) next() (b *commitlog.Batch, woken bool, err error) {
	for {
		r.mu.Lock()
		switch {
		case r.mu.closed:
			err = fmt.Errorf("poll: %w", commitlog.ErrClosed)
		case r.mu.woken:
			r.mu.woken, woken = false, true
		}
		if err != nil || woken {
			r.mu.Unlock()
			return nil, woken, err
		}
		s := r.pick()
		if s == nil {
			err = r.mu.fatal
			r.mu.Unlock()
			return nil, false, err
		}
		if len(s.answers) == 0 {
			err, s.fault = s.fault, nil
			r.mu.Unlock()
			return nil, false, err
		}
		a, to := s.answers[0], r.spare()
		r.mu.Unlock()

		// Only Poll, Seek and Drop touch answers[0], and they are one goroutine.
		before := len(a.rest)
		fault := r.fill(to, s, a)
		r.taken(s, a, to, before-len(a.rest), fault)
		if to.moved {
			return &to.Batch, false, nil
		}
		to.Owner = nil
		to.Recycle(&to.Batch)
	}
}

// pick gives the next source that has something, starting behind the last one; nil for none.
func (r *reader) pick() *source {
	for i := range r.mu.sources {
		at := (r.mu.turn + i) % len(r.mu.sources)
		if s := r.mu.sources[at]; len(s.answers) > 0 || s.fault != nil {
			r.mu.turn = (at + 1) % len(r.mu.sources)
			return s
		}
	}
	return nil
}

// taken books what fill has used of an answer. A fault drops the rest of the source.
func (r *reader) taken(s *source, a *answer, to *batch, used int, fault error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	to.bytes, to.source = used, s
	s.given += used
	r.mu.queued -= used
	r.widen(s)
	if len(a.rest) == 0 {
		s.answers = s.answers[1:]
	}
	if fault != nil {
		r.discard(s)
		s.dropped = false
		s.fail(corruptError(fault), s.position)
		signal(r.ready)
	}
	signal(r.kick)
}
