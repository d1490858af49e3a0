package view

import (
	"context"
	"errors"
	"fmt"

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

// await waits until done says so. done is called with f.mu held; its error ends the wait.
func (f *follower) await(ctx context.Context, done func() (bool, error)) error {
	for {
		f.mu.Lock()
		ok, err := false, f.mu.err
		if err == nil {
			ok, err = done()
		}
		changed, how := f.mu.changed, f.progress()
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
func (f *follower) progress() string {
	switch {
	case !f.mu.known:
		return "the control topic is read"
	case f.noTable():
		return "no edition has the table"
	case f.mu.current == nil || f.mu.current.edition != f.mu.serving:
		return f.mu.filled
	}
	return fmt.Sprintf("edition %d is followed", f.mu.current.edition)
}

// noTable tells whether it is known that there is nothing to wait for. f.mu is held.
func (f *follower) noTable() bool {
	return f.mu.known && f.mu.current == nil && (f.mu.serving == 0 || f.mu.absent)
}

// answering gives the copy that answers a read, when positions have taken effect in it. only, if it is not nil, chooses among
// the positions once the number of partitions is known.
func (f *follower) answering(ctx context.Context, positions []commitlog.Position, only func(p int32, n int) bool) (*copies, error) {
	if err := f.check(positions); err != nil {
		return nil, err
	}
	err := f.await(ctx, func() (bool, error) {
		if f.noTable() && len(positions) == 0 {
			return false, fmt.Errorf("view: table %s of processor %s in application %s: %w", f.table.Name, f.owner.Name, f.app, ErrNoTable)
		}
		return f.mu.current != nil, nil
	})
	if err != nil {
		return nil, err
	}
	c := f.copies()
	var wanted []commitlog.Position
	for _, p := range positions {
		if only == nil || int(p.Partition.Index) >= len(c.parts) || only(p.Partition.Index, len(c.parts)) {
			wanted = append(wanted, p)
		}
	}
	if len(wanted) == 0 {
		return c, nil
	}
	if err := f.atLeast(ctx, wanted); err != nil {
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
	err := f.await(ctx, func() (bool, error) {
		c := f.mu.current
		return f.mu.control >= end && c != nil && c.edition == f.mu.serving, nil
	})
	if err != nil {
		return err
	}
	var all []commitlog.Position
	for i := range f.copies().parts {
		all = append(all, commitlog.Position{Partition: commitlog.Partition{Index: int32(i)}})
	}
	return f.awaitHigh(ctx, all)
}
