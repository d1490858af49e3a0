package decl

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// Whoever asks for Done while the call ends or is cancelled gets a channel that closes: a lost one would hang for ever.
func TestDoneClosesHoweverItMeetsTheEnd(t *testing.T) {
	r := &Run{}
	for i := range 2000 {
		call := r.Begin(Meta{})
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() { <-r.Done(call) })
		}
		var ran atomic.Int32
		done := make(chan struct{})
		wait.Go(func() { r.AfterFunc(call, func() { ran.Add(1); close(done) }); <-done })
		if i%2 == 0 {
			wait.Go(func() { r.Cancel(call, context.DeadlineExceeded) })
		}
		r.End()
		wait.Wait()
		if ran.Load() != 1 {
			t.Fatalf("call %d: the function ran %d times", i, ran.Load())
		}
	}
	if r.watch.used.Load() {
		t.Error("the watch still costs a lock per record")
	}
}

func TestTheFirstReasonOfACancelStays(t *testing.T) {
	r := &Run{}
	call := r.Begin(Meta{})
	r.Cancel(call, context.DeadlineExceeded)
	r.Fault(errors.New("later"))
	if err := r.Err(call); err != context.DeadlineExceeded {
		t.Errorf("Err = %v", err)
	}
	r.End()
	next := r.Begin(Meta{})
	r.Cancel(call, context.Canceled) // of a call that is over
	if err := r.Err(next); err != nil {
		t.Errorf("the next call has %v from the one before", err)
	}
	if r.Faulted() != nil {
		t.Error("the next call has the fault of the one before")
	}
}

func TestKeysArePrintedForPeople(t *testing.T) {
	for key, want := range map[string]string{"bob": `"bob"`, "": `""`, "\x00\x01": "0x0001", "é": `"é"`} {
		if got := ShowKey([]byte(key)); got != want {
			t.Errorf("ShowKey(%q) = %s, want %s", key, got, want)
		}
	}
	if got := ShowKey(make([]byte, 1000)); len(got) > 140 {
		t.Errorf("a long key takes %d characters", len(got))
	}
}
