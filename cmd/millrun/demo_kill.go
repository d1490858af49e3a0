package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrun/millrun/examples/flights"
)

// killAndRecover loads and counts in child processes: each is killed when it has come a certain way, which it reports, and
// the last may finish. So it does not matter how fast the machine is. A child that is to be killed gets only a part of the
// rows, so that it cannot be done before the signal arrives.
func (d *demo) killAndRecover(ctx context.Context) (kills int, err error) {
	m := newMeter(d.err, d.clock, "counting", d.story.rows)
	for ; kills < d.kills; kills++ {
		parts := int64(d.kills + 1)
		target := max(1, d.story.rows*int64(kills+1)/parts)
		until := target + d.story.rows/(2*parts)
		if err := d.killAt(ctx, m, target, until); err != nil {
			return kills, err
		}
		m.note("killed the child (SIGKILL) with %s rows counted; starting it again", thousands(m.done))
	}
	v, err := startVictim(d.dir, d.source, 0)
	if err != nil {
		return kills, err
	}
	_, err = v.watch(ctx, func(p flights.Progress) bool {
		m.update(p.Handled)
		return false
	})
	if err = errors.Join(err, v.wait()); err != nil {
		return kills, err
	}
	m.finish()
	return kills, nil
}

// killAt kills a child as soon as it reports target rows handled.
func (d *demo) killAt(ctx context.Context, m *meter, target, until int64) error {
	v, err := startVictim(d.dir, d.source, until)
	if err != nil {
		return err
	}
	reached, err := v.watch(ctx, func(p flights.Progress) bool {
		m.update(p.Handled)
		return p.Handled >= target
	})
	if !reached {
		err = errors.Join(err, v.wait())
		if err == nil {
			err = fmt.Errorf("the child ended at %d rows, before it was to be killed at %d", m.done, target)
		}
		return err
	}
	return v.kill()
}
