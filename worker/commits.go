package worker

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
)

// commitFigures count a processor's commits on this worker. Its lanes add to them, once per commit.
type commitFigures struct {
	took   clock.Durations // of those that succeeded
	failed [len(failureKinds)]atomic.Int64
}

// failureKinds are the kinds of failed commits, in words that stay; an error is of the first kind that it wraps.
var failureKinds = [...]struct {
	name string
	of   []error
}{
	{"fenced", []error{commitlog.ErrFenced}},
	{"not-member", []error{commitlog.ErrNotMember, commitlog.ErrRebalance}},
	{"too-large", []error{commitlog.ErrTooLarge}},
	{"refused", []error{commitlog.ErrInvalidRecord}},
	{"storage", []error{commitlog.ErrStorage}},
	{"timeout", []error{context.DeadlineExceeded}},
	{"interrupted", []error{context.Canceled}},
	{"unknown-outcome", []error{commitlog.ErrUnknownOutcome}},
	{"unavailable", []error{commitlog.ErrUnavailable}},
	{"other", nil}, // the last one takes the rest
}

func (f *commitFigures) succeeded(took time.Duration) { f.took.Add(took) }

func (f *commitFigures) hasFailed(err error) { f.failed[failureKind(err)].Add(1) }

// failureKind gives an index of failureKinds.
func failureKind(err error) int {
	for i, k := range failureKinds {
		for _, of := range k.of {
			if errors.Is(err, of) {
				return i
			}
		}
	}
	return len(failureKinds) - 1
}

// failures gives the number of each kind that there was.
func (f *commitFigures) failures() map[string]int64 {
	found := map[string]int64{}
	for i := range f.failed {
		if n := f.failed[i].Load(); n > 0 {
			found[failureKinds[i].name] = n
		}
	}
	return found
}
