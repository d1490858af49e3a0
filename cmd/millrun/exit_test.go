package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/vfs"
)

func TestExitCodesTellFaultsApart(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, exitOK},
		{errors.New("other"), exitFailure},
		{errDisagrees, exitFailure},
		{&usageError{"bad flag"}, exitUsage},
		{fs.ErrNotExist, exitNotFound},
		{commitlog.ErrUnknownTopic, exitNotFound},
		{vfs.ErrLocked, exitConflict},
		{commitlog.ErrGroupNotEmpty, exitConflict},
		{&notColdError{"x"}, exitConflict},
		{commitlog.ErrNotAuthorized, exitUnauthorised},
		{fs.ErrPermission, exitUnauthorised},
		{context.DeadlineExceeded, exitTimeout},
		{commitlog.ErrUnavailable, exitTimeout},
		{&commitlog.PartitionError{Err: commitlog.ErrCorrupt}, exitDamaged},
		{fmt.Errorf("open: %w", brokerlite.ErrDamaged), exitDamaged},
		{errors.Join(fs.ErrNotExist, commitlog.ErrCorrupt), exitDamaged},
	} {
		err := c.err
		if err != nil {
			err = fmt.Errorf("doing something: %w", c.err)
		}
		if got := exitCode(t.Context(), err); got != c.want {
			t.Errorf("exit code of %v is %d, want %d", err, got, c.want)
		}
	}
}

func TestAnInterruptHasItsOwnCode(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := exitCode(ctx, context.Canceled); got != exitInterrupted {
		t.Errorf("exit code is %d, want %d", got, exitInterrupted)
	}
	if got := exitCode(ctx, nil); got != exitOK {
		t.Errorf("exit code of what was done before the interrupt is %d, want %d", got, exitOK)
	}
}
