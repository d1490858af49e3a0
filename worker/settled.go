package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrun/millrun/commitlog"
)

// ErrStopped is returned by Settled, wrapped, when a task stands still and will not get there.
var ErrStopped = errors.New("worker: a task has stopped")

// Settled returns when everything that the inputs of this worker's processors held at the call, and everything these records
// caused in internal streams and in topics that one processor writes and another one reads, is handled and committed, and when
// the copies of tables that are read and not owned hold what was committed to them. It asks for early commits. Where records keep coming in, what they cause is waited for too, as long as ctx lasts. When a task
// stands at a record, the others are waited for and the error then wraps ErrStopped and says where. A Run that has ended ends
// the wait with its error.
func (w *Worker) Settled(ctx context.Context) error {
	w.settling.Add(1)
	defer w.settling.Add(-1)
	targets, err := w.inputEnds(ctx, nil)
	if err != nil {
		return err
	}
	for {
		if err := w.reach(ctx, targets); err != nil {
			return err
		}
		next, err := w.inputEnds(ctx, targets)
		if err != nil {
			return err
		}
		if !targets.raise(next) {
			return w.copiesSettled(ctx)
		}
	}
}

// ends are offsets to reach, by partition.
type ends map[commitlog.Partition]int64

// raise takes over what is higher in other and tells whether anything was.
func (e ends) raise(other ends) (moved bool) {
	for p, at := range other {
		if was, has := e[p]; !has || at > was {
			e[p] = at
			moved = moved || at > was
		}
	}
	return moved
}

// inputEnds asks for the ends of all inputs that known does not have, and, again, of those that processors of this application
// write to.
func (w *Worker) inputEnds(ctx context.Context, known ends) (ends, error) {
	written := map[string]bool{}
	for _, u := range w.units {
		for _, s := range u.decl.Emits {
			written[s.Name] = true
		}
	}
	if err := w.assignedAll(ctx); err != nil {
		return nil, err
	}
	found := ends{}
	for _, u := range w.units {
		place := u.place()
		if place.ed == nil {
			continue
		}
		for p := range place.owned {
			var parts []commitlog.Partition
			for _, in := range place.ed.inputs {
				part := commitlog.Partition{Topic: in.part.Topic, Index: p}
				if _, has := known[part]; !has || written[in.stream.Name] {
					parts = append(parts, part)
				}
			}
			if len(parts) == 0 {
				continue
			}
			got, err := w.logc.Offsets(ctx, parts, commitlog.End, commitlog.ReadUncommitted)
			if err != nil {
				return nil, fmt.Errorf("worker: ends of inputs: %w", err)
			}
			for _, p := range got {
				found[p.Partition] = p.Offset
			}
		}
	}
	return found, nil
}

// placement is which edition a unit serves, with which partitions and tasks. A partition may be without a task for a moment,
// while one is replaced.
type placement struct {
	ed    *edition
	owned map[int32]bool
}

func (u *unit) place() placement {
	if p := u.placed.Load(); p != nil {
		return *p
	}
	return placement{}
}

// task finds the live task of a partition of an edition, nil if there is none at the moment.
func (w *Worker) task(ed *edition, partition int32) *task {
	for _, t := range w.allTasks() {
		if t.ed == ed && t.partition == partition && !t.over() {
			return t
		}
	}
	return nil
}

func (t *task) over() bool {
	t.shared.Lock()
	defer t.shared.Unlock()
	return t.shared.phase == Stopped
}

// assignedAll waits until every processor has had its first assignment and no build is under way.
func (w *Worker) assignedAll(ctx context.Context) error {
	return w.until(ctx, func() (bool, error) {
		for _, u := range w.units {
			if !u.steady.Load() {
				return false, nil
			}
		}
		return true, nil
	})
}

// reach waits until the tasks have committed up to the targets.
func (w *Worker) reach(ctx context.Context, targets ends) error {
	return w.until(ctx, func() (bool, error) {
		all := true
		var stopped []error
		for _, u := range w.units {
			all = all && u.steady.Load()
			place := u.place()
			for p := range place.owned {
				t := w.task(place.ed, p)
				if t == nil {
					all = false
					continue
				}
				there, err := t.reached(targets)
				if err != nil {
					stopped = append(stopped, err)
					continue
				}
				all = all && there
			}
		}
		if !all {
			return false, nil // those that still work are waited for, whoever stands
		}
		return true, errors.Join(stopped...)
	})
}

// reached tells whether the task has committed up to the targets; if not, it hurries it on.
func (t *task) reached(targets ends) (bool, error) {
	t.shared.Lock()
	defer t.shared.Unlock()
	for _, in := range t.ed.inputs {
		p := commitlog.Partition{Topic: in.part.Topic, Index: t.partition}
		if t.shared.committed[in.stream.Name] >= targets[p] && t.shared.phase != Restoring {
			continue
		}
		if q := t.shared.parked; q != nil {
			return false, fmt.Errorf("%w: processor %s, %s: %s", ErrStopped, t.ed.decl.Name, q.Record, q.Reason)
		}
		t.lane.hurry()
		return false, nil
	}
	return true, nil
}

// until waits for a condition that is looked at whenever something changes.
func (w *Worker) until(ctx context.Context, ok func() (bool, error)) error {
	for {
		news := w.news()
		if there, err := ok(); there || err != nil {
			return err
		}
		w.mu.Lock()
		done, err := w.mu.done, w.mu.err
		w.mu.Unlock()
		if done {
			if err == nil {
				err = errors.New("worker: it was stopped")
			}
			return fmt.Errorf("worker: Run has ended: %w", err)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
