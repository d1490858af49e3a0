package view

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/names"
)

const (
	// askEvery is how often the log is asked where the changelogs end. A reader hears of records when they are committed; what an
	// open transaction holds back, and that nobody answers, shows only to one who asks.
	askEvery = time.Second
	// answerWithin is how long the log may take for an answer before it counts as away.
	answerWithin = 10 * time.Second
)

// ask asks where the changelogs end, for the status.
func (f *follower) ask(ctx context.Context) error {
	now := f.config.Clock.Now()
	if f.mu.away == nil && now.Sub(f.asked) < askEvery {
		return nil
	}
	f.asked = now
	c := f.mu.current
	if c == nil {
		c = f.mu.filling
	}
	asked := []commitlog.Partition{{Topic: names.Control(f.app)}}
	if c != nil {
		asked = nil
		for _, p := range c.parts {
			asked = append(asked, p.partition)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	ends, err := f.log.Offsets(ctx, asked, commitlog.End, commitlog.ReadUncommitted)
	if err != nil && away(err) {
		return fmt.Errorf("end of %v: %w", asked[0], err)
	}
	if err != nil || c == nil {
		return nil // what is wrong with a topic is told by Poll, and dealt with there
	}
	f.publish(func() {
		for _, e := range ends {
			if p := c.part(e.Partition); p != nil {
				p.high = max(p.high, e.Offset)
			}
		}
	})
	return nil
}

// away tells whether an error says that the log does not answer.
func away(err error) bool {
	return errors.Is(err, commitlog.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// heard notes whether the log answers. While it does not, the view waits and answers from what it has.
func (f *follower) heard(ctx context.Context, err error) error {
	if err == nil || !away(err) {
		if err == nil && f.mu.away != nil { // then ask has got an answer
			f.publish(func() { f.mu.away, f.mu.awaySince = nil, time.Time{} })
		}
		return err
	}
	f.missing = true // what was looked for may not be there
	now := f.config.Clock.Now()
	f.publish(func() {
		if f.mu.away == nil {
			f.mu.awaySince = now
		}
		f.mu.away = err
	})
	pause := f.config.Clock.NewTimer(lookAgain)
	defer pause.Stop()
	select {
	case <-pause.C():
	case <-ctx.Done():
	}
	return nil
}
