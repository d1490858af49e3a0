package member

import (
	"context"
	"errors"

	"github.com/millrun/millrun/commitlog"
)

// class is what an error of the coordinator means for the membership.
type class int

const (
	classNone      class = iota
	classRetry           // nothing is known to be wrong: ask again
	classRebalance       // still a member: commit, join again
	classLost            // not a member any more: abort, join as new
	classFatal           // no retry helps
)

func classify(err error) class {
	switch {
	case err == nil:
		return classNone
	case errors.Is(err, commitlog.ErrFenced):
		return classFatal
	case errors.Is(err, commitlog.ErrNotMember):
		return classLost
	case errors.Is(err, commitlog.ErrRebalance):
		return classRebalance
	case errors.Is(err, commitlog.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return classRetry
	}
	return classFatal
}
