package view

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/names"
)

// publish changes what others see and wakes those who wait.
func (f *follower) publish(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.mu.changed)
	f.mu.changed = make(chan struct{})
}

// fail ends the view: the first reason stays.
func (f *follower) fail(err error) {
	f.publish(func() {
		if f.mu.err == nil {
			f.mu.err = err
		}
	})
}

// await waits until done says so. done is called with f.mu held; its error ends the wait, and so does a fault that keeps the
// view from ever getting there. what, unless it is nil, says what is still waited for, for the message of a wait in vain; f.mu
// is held.
func (f *follower) await(ctx context.Context, what func() string, done func() (bool, error)) error {
	for {
		f.mu.Lock()
		ok, err := false, f.mu.err
		if err == nil {
			ok, err = done()
		}
		if !ok && err == nil {
			err = f.mu.fault
		}
		changed, how := f.mu.changed, f.progress(what)
		f.mu.Unlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("view: table %s: waited in vain (%s): %w", f.table.Name, how, context.Cause(ctx))
		}
	}
}

// progress says what the view is doing. f.mu is held.
func (f *follower) progress(what func() string) string {
	how := ""
	switch {
	case !f.mu.known:
		how = "the control topic is read"
	case f.noTable():
		how = "no edition has the table"
	case f.mu.filling != nil:
		how = f.mu.filling.progress()
	case f.mu.current == nil:
		how = fmt.Sprintf("the copy of edition %d is opened", f.mu.serving)
	default:
		how = fmt.Sprintf("edition %d is followed", f.mu.current.edition)
	}
	if what != nil && f.mu.current != nil {
		if missing := what(); missing != "" {
			how += "; " + missing
		}
	}
	if f.mu.away != nil {
		how += fmt.Sprintf("; the log has not answered since %s: %v", f.mu.awaySince.Format(time.TimeOnly), f.mu.away)
	}
	return how
}

// noTable tells whether it is known that there is nothing to wait for. f.mu is held.
func (f *follower) noTable() bool {
	return f.mu.known && f.mu.current == nil && (f.mu.serving == 0 || f.mu.absent)
}

// first gives the copy that answers, once there is one. wait: a table that does not exist is waited for too.
func (f *follower) first(ctx context.Context, wait bool) (*copies, error) {
	err := f.await(ctx, nil, func() (bool, error) {
		if f.noTable() && !wait {
			return false, fmt.Errorf("view: table %s of processor %s in application %s: %w", f.table.Name, f.owner.Name, f.app, ErrNoTable)
		}
		return f.mu.current != nil, nil
	})
	if err != nil {
		return nil, err
	}
	return f.copies(), nil
}

func (f *follower) copies() *copies {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.current
}

// ended gives the reason why the view has ended, nil if it goes on.
func (f *follower) ended() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.err
}

// ready waits until the edition that serves now answers, and then for the end of its changelog.
func (f *follower) ready(ctx context.Context) error {
	p := []commitlog.Partition{{Topic: names.Control(f.app)}}
	var end int64
	switch ends, err := f.log.Offsets(ctx, p, commitlog.End, commitlog.ReadUncommitted); {
	case err == nil:
		end = ends[0].Offset
	case !errors.Is(err, commitlog.ErrUnknownTopic):
		return fmt.Errorf("view: table %s: end of the control topic: %w", f.table.Name, err)
	}
	err := f.await(ctx, nil, func() (bool, error) {
		c := f.mu.current
		return f.mu.control >= end && c != nil && c.edition == f.mu.serving, nil
	})
	if err != nil {
		return err
	}
	var all []commitlog.Position
	for _, p := range f.copies().parts {
		all = append(all, commitlog.Position{Partition: p.partition})
	}
	return f.awaitHigh(ctx, all)
}
