// Package clock is the seam through which Millrun sees time, so that tests can hold it in their hand.
//
// Nothing in the product calls time.Now, time.After or time.NewTimer; it asks the Clock it was given. System is the real
// one; Virtual, made by NewVirtual, moves only when told to.
package clock

import "time"

// Clock tells the time and wakes at a time. Safe for concurrent use.
type Clock interface {
	Now() time.Time
	// NewTimer gives a timer that sends once on C after d; d <= 0 fires at once.
	NewTimer(d time.Duration) Timer
	// AfterFunc calls f in its own goroutine after d, unless the returned Timer is stopped first. Its C is nil.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is one alarm. As with time.Timer of Go 1.23 and later, no stale value is received after Stop or Reset returned.
type Timer interface {
	C() <-chan time.Time
	Stop() bool
	Reset(d time.Duration) bool
}

// System is the clock of the machine.
var System Clock = system{}

type system struct{}

func (system) Now() time.Time                            { return time.Now() }
func (system) NewTimer(d time.Duration) Timer            { return systemTimer{time.NewTimer(d)} }
func (system) AfterFunc(d time.Duration, f func()) Timer { return systemTimer{time.AfterFunc(d, f)} }

type systemTimer struct{ t *time.Timer }

func (s systemTimer) C() <-chan time.Time        { return s.t.C }
func (s systemTimer) Stop() bool                 { return s.t.Stop() }
func (s systemTimer) Reset(d time.Duration) bool { return s.t.Reset(d) }
