package clock_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/millrun/millrun/internal/clock"
)

var start = time.Date(2013, 1, 1, 0, 0, 0, 0, time.UTC)

func TestVirtualStandsStillUntilMoved(t *testing.T) {
	v := clock.NewVirtual(start)
	timer := v.NewTimer(time.Second)
	v.Advance(time.Second - 1)
	expectNone(t, timer)
	v.Advance(1)
	expectAt(t, timer, start.Add(time.Second))
	if got := v.Now(); !got.Equal(start.Add(time.Second)) {
		t.Errorf("now is %v", got)
	}
}

func TestTimeNeverGoesBack(t *testing.T) {
	v := clock.NewVirtual(start)
	v.Advance(-time.Hour)
	v.AdvanceTo(start.Add(-time.Hour))
	if got := v.Now(); !got.Equal(start) {
		t.Errorf("now is %v, want %v", got, start)
	}
	v.AdvanceTo(start.Add(time.Hour))
	if got := v.Now(); !got.Equal(start.Add(time.Hour)) {
		t.Errorf("now is %v, want an hour later", got)
	}
}

func TestAlarmsFireInOrderOfTimeAndThenOfSetting(t *testing.T) {
	v := clock.NewVirtual(start)
	var fired []string
	for i, d := range []time.Duration{3, 1, 2, 1, 3, 2} {
		v.AfterFunc(d*time.Second, func() {
			fired = append(fired, fmt.Sprintf("%d@%d", i, int(v.Now().Sub(start)/time.Second)))
		})
	}
	v.Advance(time.Minute)
	if want := []string{"1@1", "3@1", "2@2", "5@2", "0@3", "4@3"}; !slices.Equal(fired, want) {
		t.Errorf("fired %v, want %v", fired, want)
	}
}

func TestAdvanceWaitsForFunctionsAndForWhatTheySet(t *testing.T) {
	v := clock.NewVirtual(start)
	ticks := 0
	var tick func()
	tick = func() {
		runtime.Gosched()
		ticks++
		v.AfterFunc(time.Second, tick)
	}
	v.AfterFunc(time.Second, tick)
	v.Advance(10 * time.Second)
	if ticks != 10 {
		t.Errorf("%d ticks in ten seconds, want 10", ticks)
	}
	if at, ok := v.Next(); !ok || !at.Equal(start.Add(11*time.Second)) {
		t.Errorf("Next gave %v, %v; want the eleventh second", at, ok)
	}
}

func TestAdvanceOutlivesAFunctionThatEndsItsGoroutine(t *testing.T) {
	v := clock.NewVirtual(start)
	v.AfterFunc(time.Second, runtime.Goexit)
	after := v.NewTimer(2 * time.Second)
	v.Advance(time.Minute)
	expectAt(t, after, start.Add(2*time.Second))
}

func TestNothingIsReceivedAfterStopOrReset(t *testing.T) {
	v := clock.NewVirtual(start)
	for _, c := range []struct {
		claim string
		fire  bool // before the call
	}{{"set", false}, {"fired and not received", true}} {
		t.Run(c.claim, func(t *testing.T) {
			timer := v.NewTimer(time.Second)
			if c.fire {
				v.Advance(time.Second)
			}
			if !timer.Stop() {
				t.Error("Stop gave false for an alarm nobody has seen")
			}
			expectNone(t, timer)
			if timer.Stop() {
				t.Error("the second Stop gave true")
			}
			if timer.Reset(time.Second) {
				t.Error("Reset of a stopped timer gave true")
			}
			if c.fire {
				v.Advance(time.Second)
			}
			if !timer.Reset(time.Minute) {
				t.Error("Reset gave false for an alarm nobody has seen")
			}
			v.Advance(time.Second)
			expectNone(t, timer)
			v.Advance(time.Minute)
			expectAt(t, timer, v.Now().Add(-time.Second))
			if timer.Stop() {
				t.Error("Stop gave true for an alarm that was received")
			}
		})
	}
}

func TestAStoppedFunctionIsNotCalled(t *testing.T) {
	v := clock.NewVirtual(start)
	called := 0
	stopped := v.AfterFunc(time.Second, func() { called++ })
	moved := v.AfterFunc(time.Second, func() { called += 10 })
	if !stopped.Stop() || !moved.Reset(time.Minute) {
		t.Error("Stop or Reset gave false for a function not yet called")
	}
	v.Advance(time.Second)
	if called != 0 {
		t.Errorf("a stopped or moved function was called: %d", called)
	}
	v.Advance(time.Minute)
	if called != 10 {
		t.Errorf("called is %d, want the moved function alone", called)
	}
	if moved.Stop() {
		t.Error("Stop gave true for a function that was called")
	}
	if stopped.C() != nil {
		t.Error("C of AfterFunc is not nil")
	}
}

func TestASpanThatIsNotPositiveFiresAtOnce(t *testing.T) {
	for name, c := range map[string]clock.Clock{"virtual": clock.NewVirtual(start), "system": clock.System} {
		t.Run(name, func(t *testing.T) {
			<-c.NewTimer(0).C()
			<-c.NewTimer(-time.Hour).C()
			done := make(chan struct{})
			c.AfterFunc(0, func() { close(done) })
			<-done
		})
	}
}

func TestNextAndPendingFollowTheAlarms(t *testing.T) {
	v := clock.NewVirtual(start)
	if _, ok := v.Next(); ok {
		t.Error("Next gave an alarm where none is set")
	}
	late, early := v.NewTimer(time.Hour), v.NewTimer(time.Minute)
	for want := range []int{2, 1, 0} {
		want = 2 - want
		if got := v.Pending(); got != want {
			t.Errorf("%d alarms are set, want %d", got, want)
		}
		at, ok := v.Next()
		switch want {
		case 2:
			if !at.Equal(start.Add(time.Minute)) {
				t.Errorf("Next gave %v, want the minute", at)
			}
			early.Stop()
		case 1:
			if !at.Equal(start.Add(time.Hour)) {
				t.Errorf("Next gave %v, want the hour", at)
			}
			late.Stop()
		case 0:
			if ok {
				t.Error("Next gave an alarm that was stopped")
			}
		}
	}
}

func TestAwaitPendingWaitsForALoopToSetItsAlarm(t *testing.T) {
	v := clock.NewVirtual(start)
	ticks := make(chan time.Time)
	go func() { // ends after three ticks, which are received below
		timer := v.NewTimer(time.Second)
		for range 3 {
			ticks <- <-timer.C()
			timer.Reset(time.Second)
		}
		timer.Stop()
	}()
	for i := range 3 {
		if err := v.AwaitPending(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		v.Advance(time.Second)
		if got, want := <-ticks, start.Add(time.Duration(i+1)*time.Second); !got.Equal(want) {
			t.Errorf("tick at %v, want %v", got, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.AwaitPending(ctx, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("AwaitPending gave %v, want the context's error", err)
	}
}

func TestSystemTimersKeepTheContract(t *testing.T) {
	before := time.Now()
	if now := clock.System.Now(); now.Before(before) {
		t.Errorf("the system clock shows %v before %v", now, before)
	}
	timer := clock.System.NewTimer(time.Hour)
	if !timer.Stop() || timer.Reset(time.Millisecond) {
		t.Error("Stop gave false, or Reset of a stopped timer true")
	}
	<-timer.C()
}

func expectAt(t *testing.T, timer clock.Timer, want time.Time) {
	t.Helper()
	select {
	case got := <-timer.C():
		if !got.Equal(want) {
			t.Errorf("the timer sent %v, want %v", got, want)
		}
	default:
		t.Errorf("the timer sent nothing, want %v", want)
	}
}

func expectNone(t *testing.T, timer clock.Timer) {
	t.Helper()
	select {
	case got := <-timer.C():
		t.Errorf("the timer sent %v, want nothing", got)
	default:
	}
}
