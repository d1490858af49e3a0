package topologytest

import (
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

// A handler that waits for what the story gives it once is named, and nothing is run beside it any more.
func TestASecondRunThatDoesNotReturnIsTold(t *testing.T) {
	once := make(chan struct{}, 1)
	once <- struct{}{}
	in := processor.NewStream("in", codec.String, codec.String)
	app := topology.MustNew("app", processor.New("waiter", processor.On(in, func(ctx processor.Context, key, _ string) error {
		if key == "wait" {
			select {
			case <-once:
			case <-ctx.Done():
			}
		}
		return nil
	})))
	h := New(t, app, Config{Partitions: 1})
	probe := Stream(h, in)
	probe.Send("go", "")
	probe.Send("wait", "")
	probe.Send("go", "")
	probe.Records()
	h.strict.again(300 * time.Millisecond) // for each record; the harmless ones need microseconds
	got := strings.Join(h.strict.untold(), "\n")
	if !strings.Contains(got, "handler of processor waiter on stream in (again_test.go:") || !strings.Contains(got, "for the record at in/0@1: it waits for something") {
		t.Errorf("told %q, want the handler that waits", got)
	}
	if len(h.strict.mu.traces) != 0 {
		t.Error("records are left to be run again")
	}
}

// What is written down has a bound: records beyond it are not run again.
func TestTracesHaveABound(t *testing.T) {
	s := &strict{}
	for range 10 {
		s.keep(&trace{bytes: traceBytes / 4})
	}
	if len(s.mu.traces) != 4 {
		t.Errorf("%d traces are kept, want 4", len(s.mu.traces))
	}
}
