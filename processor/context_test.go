package processor_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
)

var (
	input  = processor.NewStream("in", codec.String, codec.String)
	counts = processor.NewTable("counts", codec.String, codec.Int64)
	output = processor.NewStream("out", codec.String, codec.String)
)

// with makes a task whose only handler is body.
func with(t *testing.T, body func(ctx processor.Context) error) *task {
	t.Helper()
	return newTask(t, processor.New("probe",
		processor.On(input, func(ctx processor.Context, _, _ string) error { return body(ctx) }),
		processor.Owns(counts), processor.Emits(output)))
}

func do(t *testing.T, body func(ctx processor.Context)) error {
	t.Helper()
	return with(t, func(ctx processor.Context) error { body(ctx); return nil }).handle([]byte("k"), []byte("v"))
}

func TestAContextTellsAboutItsRecord(t *testing.T) {
	k := with(t, func(ctx processor.Context) error {
		if got := ctx.Timestamp(); !got.Equal(time.UnixMilli(1000)) {
			t.Errorf("Timestamp = %v", got)
		}
		if got := ctx.StreamTime(); !got.Equal(time.UnixMilli(2000)) {
			t.Errorf("StreamTime = %v", got)
		}
		if got := ctx.Position().String(); got != "in/3@7" {
			t.Errorf("Position = %s", got)
		}
		if v, ok := ctx.Header("a"); !ok || string(v) != "2" {
			t.Errorf("Header(a) = %q, %v, want the last one", v, ok)
		}
		if _, ok := ctx.Header("b"); ok {
			t.Error("a header that is not there was found")
		}
		return nil
	})
	k.at.Headers = []commitlog.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")}}
	if err := k.handle([]byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	k = with(t, func(ctx processor.Context) error {
		if !ctx.Timestamp().IsZero() {
			t.Errorf("Timestamp of a record without one is %v, want zero", ctx.Timestamp())
		}
		return nil
	})
	k.at.Timestamp = -1
	if err := k.handle([]byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
}

func TestIdentifiersAndChanceFollowFromThePosition(t *testing.T) {
	type drawn struct{ a, b, n any }
	var got []drawn
	k := with(t, func(ctx processor.Context) error {
		got = append(got, drawn{ctx.ID(), ctx.ID(), ctx.Rand().Uint64()})
		return nil
	})
	for _, offset := range []int64{7, 7, 8} {
		k.at.Offset = offset
		if err := k.handle([]byte("k"), []byte("v")); err != nil {
			t.Fatal(err)
		}
	}
	if got[0] != got[1] {
		t.Errorf("the same record drew %v, then %v", got[0], got[1])
	}
	if got[0].a == got[0].b || got[0].a == got[2].a || got[0].n == got[2].n {
		t.Errorf("draws repeat: %v", got)
	}
	// What was given out is in the world: the rule must not change.
	if got[0].a != "4c7e30ce-12ca-8bbb-a369-f41cbcde31ff" {
		t.Errorf("the first identifier of test, probe, in/3@7 is %v", got[0].a)
	}
}

func TestAKeptContextDoesNothingAndIsReported(t *testing.T) {
	var kept processor.Context
	k := with(t, func(ctx processor.Context) error {
		kept = ctx
		counts.Put(ctx, "a", 1)
		return nil
	})
	if err := k.handle([]byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	for name, use := range map[string]func(){
		"Get":       func() { counts.Get(kept, "a") },
		"Put":       func() { counts.Put(kept, "a", 5) },
		"Delete":    func() { counts.Delete(kept, "a") },
		"All":       func() { counts.All(kept)(func(string, int64) bool { return true }) },
		"Emit":      func() { output.Emit(kept, "a", "b") },
		"Tombstone": func() { output.EmitTombstone(kept, "a") },
		"ID":        func() { kept.ID() },
		"Rand":      func() { kept.Rand() },
		"Header":    func() { kept.Header("a") },
		"Timestamp": func() { kept.Timestamp() },
		"Position":  func() { kept.Position() },
	} {
		use()
		err := k.run.Misuse()
		if !errors.Is(err, processor.ErrStale) || !strings.Contains(err.Error(), "context_test.go:") || !strings.Contains(err.Error(), "probe") {
			t.Errorf("%s with a kept Context reports %v, want ErrStale with processor and place", name, err)
		}
	}
	if v := k.ops.Tables[counts.Decl()]["a"]; len(v) != 8 || v[7] != 1 {
		t.Errorf("a kept Context changed the table: %x", v)
	}
	if len(k.ops.Emitted) != 0 {
		t.Error("a kept Context emitted")
	}
	if err := kept.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("Err after the handler is %v", err)
	}
	if k.run.Misuse() != nil {
		t.Error("asking a kept Context whether it is over is no misuse")
	}
	if err := (processor.Context{}).Err(); err == nil {
		t.Error("the zero Context lives")
	}
	counts.Put(processor.Context{}, "a", 1) // must not panic
}

func TestAFaultCancelsTheContextAndNothingFollowsIt(t *testing.T) {
	other := processor.NewTable("other", codec.String, codec.Int64)
	k := with(t, func(ctx processor.Context) error {
		done := ctx.Done()
		if ctx.Err() != nil {
			t.Error("cancelled from the start")
		}
		if _, ok := other.Get(ctx, "a"); ok {
			t.Error("an undeclared table answered")
		}
		if ctx.Err() == nil {
			t.Error("not cancelled after a fault")
		}
		<-done
		counts.Put(ctx, "a", 1)
		output.Emit(ctx, "a", "b")
		return errors.New("what the handler says then is not the cause")
	})
	err := k.handle([]byte("k"), []byte("v"))
	if err == nil || !strings.Contains(err.Error(), "table other") {
		t.Errorf("the record ends with %v, want its first fault", err)
	}
	if len(k.ops.Tables[counts.Decl()]) != 0 || len(k.ops.Emitted) != 0 {
		t.Error("the handler went on after a fault")
	}
	if err := k.handle([]byte("k"), []byte("v")); err == nil {
		t.Error("the next record does not meet the fault anew")
	}
}

func TestADerivedContextStartsNoGoroutineAndEndsWithTheHandler(t *testing.T) {
	var derived context.Context
	if err := do(t, func(ctx processor.Context) {
		before := runtime.NumGoroutine()
		c, cancel := context.WithTimeout(ctx, time.Hour)
		t.Cleanup(cancel)
		if n := runtime.NumGoroutine(); n != before {
			t.Errorf("%d goroutines after WithTimeout, %d before", n, before)
		}
		derived = c
	}); err != nil {
		t.Fatal(err)
	}
	<-derived.Done()
	if !errors.Is(derived.Err(), context.Canceled) {
		t.Errorf("the derived context ended with %v", derived.Err())
	}
}

func TestAfterFuncRunsOnceOrIsTakenBack(t *testing.T) {
	ran := make(chan int, 3)
	var kept processor.Context
	if err := do(t, func(ctx processor.Context) {
		kept = ctx
		ctx.AfterFunc(func() { ran <- 1 })
		stop := ctx.AfterFunc(func() { ran <- 2 })
		if !stop() || stop() {
			t.Error("stop does not tell whether it took the function back")
		}
	}); err != nil {
		t.Fatal(err)
	}
	if n := <-ran; n != 1 {
		t.Errorf("function %d ran", n)
	}
	if stop := kept.AfterFunc(func() { ran <- 3 }); stop() {
		t.Error("stop took back what had started")
	}
	if n := <-ran; n != 3 {
		t.Errorf("function %d ran", n)
	}
	(processor.Context{}).AfterFunc(func() { ran <- 4 })
	if n := <-ran; n != 4 {
		t.Errorf("function %d ran", n)
	}
}
