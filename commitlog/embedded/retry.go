package embedded

import (
	"context"
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
)

// The pause between two tries doubles from the first to the last.
const (
	firstPause = time.Millisecond
	lastPause  = 50 * time.Millisecond
)

// retry calls try until it answers with anything but a temporary code, or the context ends, which is ErrUnavailable with
// the context's error and the last code. try gives the code, what the broker said to it, and the fault of a request that
// had no answer.
//
// The pauses are real time, also under a clock that a test holds: what is waited for is another goroutine, or a
// transaction's end by that other clock, and to ask again does no harm.
func retry(ctx context.Context, try func() (code int16, detail string, err error)) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		code, detail, err := try()
		if err != nil || !temporary(code) {
			if err != nil {
				return err
			}
			return codeError(code, detail)
		}
		timer := clock.System.NewTimer(pause)
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w; last: %w", commitlog.ErrUnavailable, context.Cause(ctx), codeError(code, detail))
		}
	}
}

// millis is a duration as requests carry it, at least 1 for anything above 0.
func millis(d time.Duration) int32 {
	const most = 1<<31 - 1
	ms := (d + time.Millisecond - 1) / time.Millisecond
	return int32(min(max(ms, 0), most))
}

// requestTimeout is the time the broker may take inside requests that carry one. It is the context that ends a wait.
const requestTimeout = 60 * time.Second
