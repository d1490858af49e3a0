package worker

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// hang is a record that is known to fail, and how.
type hang struct {
	at  commitlog.Position
	err error
}

// watchdog looks for handlers that take longer than Config.MaxHandlerTime (S-62). It owns its loop until ctx ends.
//
// It compares call numbers instead of timing each record: a task whose call has not changed since the last two looks has been
// in one handler for at least the time between them. First the handler's context is cancelled; if that does not help within
// handlerGrace, the task is given up and its partition gets a new one, which treats the record as failed.
func (w *Worker) watchdog(ctx context.Context) {
	every := w.dogEvery()
	began := w.config.Clock.Now()
	w.dogLooked.Store(&began)
	defer w.dogLooked.Store(nil)
	timer := w.config.Clock.NewTimer(every)
	defer timer.Stop()
	seen := map[*task]sighting{}
	for {
		select {
		case <-timer.C():
		case <-ctx.Done():
			return
		}
		timer.Reset(every)
		now := w.config.Clock.Now()
		w.dogLooked.Store(&now)
		next := map[*task]sighting{}
		for _, t := range w.allTasks() {
			if s, ok := w.look(t, seen[t], now); ok {
				next[t] = s
			}
		}
		seen = next
	}
}

func (w *Worker) dogEvery() time.Duration { return max(w.config.MaxHandlerTime/4, time.Millisecond) }

// sighting is a call that was under way at a look.
type sighting struct {
	call      uint64
	since     time.Time
	cancelled time.Time
}

func (w *Worker) look(t *task, was sighting, now time.Time) (sighting, bool) {
	if !t.busy.Load() || t.abandoned.Load() {
		return sighting{}, false
	}
	call := t.run.Call()
	if was.since.IsZero() || was.call != call {
		return sighting{call: call, since: now}, true
	}
	switch {
	case was.cancelled.IsZero() && now.Sub(was.since) >= w.config.MaxHandlerTime:
		t.log.Warn("handler takes too long: its context is cancelled", "since", was.since)
		t.run.Cancel(call, context.DeadlineExceeded)
		was.cancelled = now
	case !was.cancelled.IsZero() && now.Sub(was.cancelled) >= min(handlerGrace, w.config.MaxHandlerTime):
		w.hung.Add(1)
		t.ed.unit.tell(taskHung{t, call, &hang{err: &stopError{fmt.Errorf("the handler did not return within %v (Config.MaxHandlerTime); its goroutine is left behind:\n%s",
			w.config.MaxHandlerTime, stacksWith("decl.(*Input)"))}}})
		return sighting{}, false
	}
	return was, true
}

// stacksWith gives the stacks of the goroutines that are inside a function, at most 4 KiB.
func stacksWith(function string) string {
	buf := make([]byte, 256<<10)
	buf = buf[:runtime.Stack(buf, true)]
	var found []string
	for _, g := range strings.Split(string(buf), "\n\n") {
		if strings.Contains(g, function) {
			found = append(found, g)
		}
	}
	return cut(strings.Join(found, "\n\n"), 4096)
}

// place says in which batch a task is, so that the watchdog can tell the record of a call without the task noting each one:
// every record of a batch is one call.
type place struct {
	part    commitlog.Partition
	records []commitlog.Record
	at      int    // index of the record of call
	call    uint64 // its number
}

// hangingAt is the record that the handler of the present call is in.
func (t *task) hangingAt() commitlog.Position {
	p := t.where.Load()
	i := p.at + int(t.run.Call()-p.call)
	if i < 0 || i >= len(p.records) {
		return commitlog.Position{Offset: -1}
	}
	return commitlog.Position{Partition: p.part, Offset: p.records[i].Offset}
}

// here notes where the task is; once per batch, and wherever calls and records would fall out of step.
func (t *task) here(in *input) {
	t.where.Store(&place{in.part, in.queue[0].Records, in.at, t.run.Call()})
}
