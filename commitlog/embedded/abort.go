package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrun/millrun/commitlog"
)

// Abort implements commitlog.Transactor.
func (t *transactor) Abort(ctx context.Context) error {
	switch {
	case t.phase == closed:
		return fmt.Errorf("abort: %w", commitlog.ErrClosed)
	case t.flight != nil || errors.Is(t.fault, commitlog.ErrUnknownOutcome):
		return t.Renew(ctx)
	case !t.sent:
		t.settle()
		return nil
	}
	if err := t.drain(ctx); err != nil {
		return fmt.Errorf("abort: %w", err)
	}
	f, answered := t.fly(ctx, t.endTxn(false))
	switch {
	case !answered:
		return fmt.Errorf("abort: %w: %w", commitlog.ErrUnavailable, context.Cause(ctx))
	case f.err == nil:
		t.settle()
		return nil
	case f.code == codeInvalidProducerEpoch, f.code == codeProducerFenced, f.code == codeInvalidTxnState:
		// Our own timeout, or fenced: Renew tells. The next transaction counts its sequences from 0, so it must not start
		// in this epoch.
		return t.Renew(ctx)
	}
	return fmt.Errorf("abort: %w", f.err)
}

// drain waits until no batch of the transaction is under way; what that batch's answer says no longer matters.
func (t *transactor) drain(ctx context.Context) error {
	err := t.outbox.wait(ctx)
	if ctx.Err() != nil {
		return err
	}
	return nil
}

// Renew implements commitlog.Transactor.
func (t *transactor) Renew(ctx context.Context) error {
	if t.phase == closed {
		return fmt.Errorf("renew: %w", commitlog.ErrClosed)
	}
	err := t.drain(ctx)
	if err == nil {
		err = t.land(ctx)
	}
	if err != nil {
		return fmt.Errorf("renew: %w", err)
	}
	f, answered := t.fly(ctx, t.newEpoch())
	if !answered {
		t.breakUp(fmt.Errorf("%w: renew was given up", commitlog.ErrUnknownOutcome))
		return fmt.Errorf("renew: %w: %w", commitlog.ErrUnavailable, context.Cause(ctx))
	}
	if f.err != nil {
		return fmt.Errorf("renew: %w", f.err)
	}
	t.settle()
	return nil
}
