package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/vfs"
)

// The exit codes are part of the interface: scripts branch on them.
const (
	exitOK           = 0
	exitFailure      = 1
	exitUsage        = 2
	exitNotFound     = 3
	exitConflict     = 4
	exitUnauthorised = 5
	exitTimeout      = 6
	exitDamaged      = 7
	exitInterrupted  = 130
)

const exitCodesText = `  0    done
  1    failed, for a reason that no other code names; a check that does not agree
  2    the command line is wrong
  3    not found: a directory, topic, partition or group that does not exist, or a directory that is something else
  4    conflict: another process owns the directory, or what should be idle is active
  5    not authorised, by the log or by the file system
  6    not done in time, or the log was not available
  7    damaged data
  130  interrupted by a signal`

// usageError is a fault of the command line.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(c *cobra.Command, format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...) + fmt.Sprintf("\nRun '%s --help'.", c.CommandPath())}
}

// exitCode tells what a script should know of err. Damage comes first: whatever else an error wraps, that matters most.
func exitCode(ctx context.Context, err error) int {
	is := func(targets ...error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
	var usage *usageError
	var notCold *notColdError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &notCold):
		return exitConflict
	case is(commitlog.ErrCorrupt, brokerlite.ErrDamaged):
		return exitDamaged
	case ctx.Err() != nil:
		return exitInterrupted
	case is(fs.ErrNotExist, syscall.ENOTDIR, brokerlite.ErrNoPartition, commitlog.ErrUnknownTopic, commitlog.ErrUnknownGroup):
		return exitNotFound
	case is(vfs.ErrLocked, commitlog.ErrGroupNotEmpty, commitlog.ErrTopicExists, commitlog.ErrFenced):
		return exitConflict
	case is(commitlog.ErrNotAuthorized, fs.ErrPermission):
		return exitUnauthorised
	case is(context.DeadlineExceeded, commitlog.ErrUnavailable):
		return exitTimeout
	}
	return exitFailure
}
