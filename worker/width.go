package worker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// watchWidth looks now and then whether the inputs still have as many partitions as there are tasks (S-68): when one was added,
// keys have moved, and the processor stops.
func (u *unit) watchWidth(ctx context.Context) {
	timer := u.worker.config.Clock.NewTimer(widthEvery)
	defer timer.Stop()
	for {
		select {
		case <-timer.C():
		case <-ctx.Done():
			return
		}
		if err := u.checkWidthNow(ctx); err != nil {
			u.tell(unitFailed{err})
			return
		}
		timer.Reset(widthEvery)
	}
}

// widthEvery is the time between two looks at the width of the inputs.
const widthEvery = 5 * time.Second

// checkWidthNow fails when an input has another number of partitions than this processor has tasks. A log that does not
// answer says nothing about it.
func (u *unit) checkWidthNow(ctx context.Context) error {
	for _, in := range u.decl.Inputs {
		if in.Stream.Internal {
			continue
		}
		t, err := u.worker.topic(ctx, in.Stream.Name)
		if err == nil && t.Partitions != u.partitions {
			return fmt.Errorf("processor %s: its input %s has %d partitions now, the processor has %d tasks: keys have moved; put the number back, or give the processor a new name",
				u.decl.Name, t.Name, t.Partitions, u.partitions)
		}
	}
	return nil
}

// checkWidth finds the number of tasks: that of the public inputs, which must agree (C-21).
func (u *unit) checkWidth(ctx context.Context) error {
	width, first := int32(0), ""
	var faults []error
	for _, in := range u.decl.Inputs {
		if in.Stream.Internal {
			continue
		}
		t, err := u.worker.topic(ctx, in.Stream.Name)
		if err != nil {
			return err
		}
		switch {
		case width == 0:
			width, first = t.Partitions, t.Name
		case t.Partitions != width:
			faults = append(faults, fmt.Errorf("processor %s reads %s with %d partitions and %s with %d: inputs of one processor need the same number; move one through an internal stream",
				u.decl.Name, first, width, t.Name, t.Partitions))
		}
	}
	u.partitions = width
	return errors.Join(append(faults, u.checkReads(ctx, first, width)...)...)
}
