package edition

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/topology"
)

// Drop gives a retired edition up for good: List shows it as Dropped from then on, and its changelogs, internal streams, group
// and the dead letters of its build are deleted before Drop returns. Each worker of the application removes its directories of
// the edition, at once if it runs, else at its next start.
//
// It waits until the workers have left the edition, which they do when they see that another one serves. After an error, call it
// again: what is gone already is fine. It also sweeps up after a cancelled build of which something is left.
//
// The serving edition and one that is being built are refused, as is every number while a build is under way (ErrBusy). A
// program that reads the tables in another process should have gone over to the serving edition before.
func (e *Editions) Drop(ctx context.Context, number int) error {
	p, err := e.refresh(ctx)
	if err != nil {
		return err
	}
	ed := p.Editions[number]
	switch {
	case ed == nil:
		return fmt.Errorf("processor %s has no edition %d: %w", e.decl.Name, number, ErrUnknown)
	case number == p.Serving:
		return fmt.Errorf("edition %d of processor %s serves and cannot be dropped: %w", number, e.decl.Name, ErrUnknown)
	case p.Build != nil && p.Build.To == number:
		return fmt.Errorf("edition %d of processor %s is being built, Cancel ends that: %w", number, e.decl.Name, ErrBusy)
	case p.Build != nil:
		return fmt.Errorf("processor %s: edition %d is being built: %w", e.decl.Name, p.Build.To, ErrBusy)
	case !ed.Dropped:
		if err := e.write(ctx, control.Event{Kind: control.Dropped, Edition: number}); err != nil {
			return err
		}
	}
	return e.remove(ctx, number, topology.Fingerprint(ed.Fingerprint).Topics(e.app.Name(), e.decl.Name, number))
}

// leaveEvery is how often remove looks whether the members of a group have left.
const leaveEvery = 50 * time.Millisecond

// remove deletes the group and the topics as soon as nobody is in the group.
func (e *Editions) remove(ctx context.Context, number int, topics []string) error {
	timer := clock.System.NewTimer(leaveEvery)
	defer timer.Stop()
	for {
		err := control.Remove(ctx, e.log, names.Group(e.app.Name(), e.decl.Name, number), topics)
		if !errors.Is(err, commitlog.ErrGroupNotEmpty) {
			return wrap(err, e.decl.Name, number)
		}
		select {
		case <-timer.C():
			timer.Reset(leaveEvery)
		case <-ctx.Done():
			return wrap(fmt.Errorf("%w: %w", context.Cause(ctx), err), e.decl.Name, number)
		}
	}
}

func wrap(err error, processor string, number int) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("drop edition %d of processor %s: %w", number, processor, err)
}
