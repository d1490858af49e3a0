package view

import (
	"context"
	"errors"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// fill begins the copy of the serving edition, unless it answers or is filled already. On the way to the end of the control
// topic it waits: what served once may be gone.
func (f *follower) fill(ctx context.Context) error {
	edition, current := f.mu.serving, f.mu.current
	switch {
	case edition == 0 || !f.mu.known:
		return nil
	case f.mu.filling != nil && f.mu.filling.edition == edition:
		return nil
	case current != nil && current.edition == edition && !f.stale:
		f.giveUp(edition) // of one that served for a moment only
		return nil
	}
	f.giveUp(edition)
	c, err := f.openCopies(ctx, edition)
	if errors.Is(err, ErrNoTable) || errors.Is(err, commitlog.ErrUnknownTopic) {
		f.missing = true
		f.publish(func() { f.mu.absent = true })
		return nil
	}
	if err != nil {
		return err
	}
	f.stale = false
	for _, p := range c.parts {
		f.reader.Seek(p.partition, p.applied)
	}
	f.publish(func() { f.mu.absent, f.mu.filling = false, c })
	f.swapIfComplete()
	return nil
}

// takeChangelog adds to the copy that a batch is for; one that was dropped meanwhile has no use for it.
func (f *follower) takeChangelog(b *commitlog.Batch) error {
	if p := f.mu.filling.part(b.Partition); p != nil {
		visible, err := p.add(b, true)
		if errors.Is(err, errAnew) {
			if err := p.store.Reject(err.Error()); err != nil {
				return &storageError{err}
			}
			f.anew()
			f.again = time.Time{} // at once: the store is empty, so this cannot repeat itself
			return nil
		}
		if err != nil {
			return err
		}
		f.publish(func() { p.publish(visible, b.High) })
		f.swapIfComplete()
		return nil
	}
	p := f.mu.current.part(b.Partition)
	if p == nil {
		return nil
	}
	visible, err := p.add(b, false)
	if errors.Is(err, errAnew) {
		f.anew()
		return nil
	}
	if err == nil && (visible > p.applied || b.High > p.high) {
		f.publish(func() { p.publish(visible, b.High) })
	}
	return err
}

// swapIfComplete lets the new copy answer, in one step for all partitions (S-46).
func (f *follower) swapIfComplete() {
	if f.mu.filling == nil || !f.mu.filling.complete() {
		return
	}
	old, c := f.mu.current, f.mu.filling
	f.publish(func() { f.mu.current, f.mu.filling = c, nil })
	if old != nil && old.edition != c.edition { // else it was filled anew, and the reader is at the new one's places
		f.drop(old)
	}
	f.discard(old, true)
}

// drop stops reading what a copy was fed from.
func (f *follower) drop(c *copies) {
	if c == nil {
		return
	}
	for _, p := range c.parts {
		f.reader.Drop(p.partition)
	}
}

// anew fills the copy of the serving edition once more: the changelog is not what it was. What answers goes on until then.
func (f *follower) anew() {
	f.giveUp(f.mu.serving)
	f.stale, f.missing = true, true
}

// giveUp ends a filling. What it has on disk stays if it is of the edition that is filled next.
func (f *follower) giveUp(next int) {
	c := f.mu.filling
	if c == nil {
		return
	}
	f.drop(c)
	f.publish(func() { f.mu.filling = nil })
	f.discard(c, c.edition != next)
}
