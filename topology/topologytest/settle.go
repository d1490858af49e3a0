package topologytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/worker"
)

// settle lets all work finish. A task that has stopped at a record, or a worker that has ended, fails the test here, on the
// line of the step, unless somebody has asked Err.
func (h *Harness) settle() {
	h.t.Helper()
	err := h.untold(h.settled())
	h.tell()
	if err != nil {
		h.t.Fatalf("topologytest: before this step: %v", err)
	}
}

// Err lets all work finish and gives what has stopped a task, with its location, or the worker; nil if all is well. Asking
// makes it part of the story: what was told does not fail the test.
func (h *Harness) Err() error {
	h.t.Helper()
	err := h.settled()
	h.tell()
	for _, e := range parts(err) {
		h.told[e.Error()] = true
	}
	return err
}

// untold gives the faults that the story has not asked about.
func (h *Harness) untold(err error) error {
	var list []error
	for _, e := range parts(err) {
		if !h.told[e.Error()] {
			list = append(list, e)
		}
	}
	return errors.Join(list...)
}

// parts gives what was joined: one fault per task that has stopped.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && errors.Is(err, worker.ErrStopped) {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// settled waits until the worker has nothing left to do. The error wraps worker.ErrStopped if tasks have stopped; the others
// have then finished all the same.
func (h *Harness) settled() error {
	w := h.life.worker
	return h.pumping(func(ctx context.Context) error { return h.finished(ctx, w) })
}

// pumping waits for a step of the runtime, moving time to the end of each wait before a retry.
func (h *Harness) pumping(step func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(h.ctx, stuck)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- step(ctx) }() // received below
	for {
		if at, ok := h.life.clock.nextRetry(); ok {
			h.moveTo(at)
		}
		select {
		case err := <-done:
			if errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("still at work after %v of real time: %w\n%s", stuck, err, h.progress(h.life.worker.Status()))
			}
			return err
		case <-h.life.clock.wake:
		}
	}
}

// finished is Settled for all tasks, also when one has stopped.
func (h *Harness) finished(ctx context.Context, w *worker.Worker) error {
	err := w.Settled(ctx)
	if !errors.Is(err, worker.ErrStopped) {
		return err
	}
	for {
		there, failed := h.othersFinished(ctx, w)
		if failed != nil {
			return failed
		}
		if there {
			return stopped(w.Status())
		}
		look := clock.System.NewTimer(time.Millisecond) // a worker does not tell when the rest of its tasks is through
		select {
		case <-look.C():
		case <-h.life.ended:
			look.Stop()
			return errors.Join(err, h.life.err)
		case <-ctx.Done():
			look.Stop()
			return ctx.Err()
		}
	}
}

// stopped names every task that stands at a record. Settled has told of one.
func stopped(s worker.Status) error {
	var list []error
	for _, p := range s.Processors {
		for _, task := range p.Tasks {
			if task.Stopped != nil {
				list = append(list, fmt.Errorf("%w: processor %s: %w", worker.ErrStopped, p.Name, task.Stopped))
			}
		}
	}
	return errors.Join(list...)
}

// othersFinished tells whether every task that has not stopped has committed all that its inputs hold.
func (h *Harness) othersFinished(ctx context.Context, w *worker.Worker) (bool, error) {
	for _, p := range w.Status().Processors {
		for _, task := range p.Tasks {
			if task.Stopped != nil {
				continue
			}
			for _, in := range task.Inputs {
				end, err := h.inputEnd(ctx, p.Name, in.Stream, task)
				if err != nil || in.Committed < end {
					return false, err
				}
			}
		}
	}
	return true, nil
}

// inputEnd is where the partition of an input ends.
func (h *Harness) inputEnd(ctx context.Context, processor, stream string, task worker.TaskStatus) (int64, error) {
	topic := stream
	for _, in := range h.app.Processor(processor).Inputs {
		if in.Stream.Name == stream && in.Stream.Internal {
			topic = names.Internal(h.app.Name(), processor, stream, task.Edition)
		}
	}
	p := []commitlog.Partition{{Topic: topic, Index: task.Partition}}
	end, err := h.life.log.Offsets(ctx, p, commitlog.End, commitlog.ReadUncommitted)
	if err != nil {
		return 0, err
	}
	return end[0].Offset, nil
}

// progress shows where every task stands, for a story that does not go on.
func (h *Harness) progress(s worker.Status) string {
	var b strings.Builder
	for _, p := range s.Processors {
		fmt.Fprintf(&b, "processor %s, edition %d\n", p.Name, p.Edition)
		for _, task := range p.Tasks {
			fmt.Fprintf(&b, "\tpartition %d of edition %d: %s, %d commits", task.Partition, task.Edition, task.Phase, task.Commits)
			for _, in := range task.Inputs {
				end, err := h.inputEnd(h.ctx, p.Name, in.Stream, task)
				fmt.Fprintf(&b, ", %s: committed %d, seen %d, the log has %d", in.Stream, in.Committed, in.End, end)
				if err != nil {
					fmt.Fprintf(&b, " (%v)", err)
				}
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}
