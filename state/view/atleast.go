package view

import (
	"context"
	"fmt"
	"strings"

	"github.com/millrun/millrun/commitlog"
)

// ReadOption changes one read.
type ReadOption struct{ positions []commitlog.Position }

// AtLeast makes a read wait until the effects of the records at these positions are in the view (S-44). They are positions of
// committed records in the inputs of the table's processor, as a producer returns them. Get waits only for those in the
// partition of its key. The wait ends with the context, or with a *StoppedError if the task stops before it gets there.
//
// A position of another topic is an error. So is one that a scan over some of the partitions cannot wait for, because what the
// record did is in a partition that the view does not follow; and so is any position when the processor has an internal input:
// what the record did may still be on its way between tasks.
func AtLeast(pos ...commitlog.Position) ReadOption { return ReadOption{pos} }

func positionsOf(opts []ReadOption) (all []commitlog.Position) {
	for _, o := range opts {
		all = append(all, o.positions...)
	}
	return all
}

// check refuses positions that the table can never show.
func (f *follower) check(positions []commitlog.Position) error {
	if len(positions) == 0 {
		return nil
	}
	var inputs []string
	known := map[string]bool{}
	for _, in := range f.owner.Inputs {
		if in.Stream.Internal {
			return fmt.Errorf("view: AtLeast on table %s: its processor %s reads the internal stream %s, so what a record did may still be on its way between tasks: use Ready, or the worker's Settled, or give the table to a processor of its own without internal input",
				f.table.Name, f.owner.Name, in.Stream.Name)
		}
		known[in.Stream.Name] = true
		inputs = append(inputs, in.Stream.Name)
	}
	for _, p := range positions {
		if !known[p.Partition.Topic] || p.Partition.Index < 0 || p.Offset < 0 {
			return fmt.Errorf("view: AtLeast(%v) on table %s: want a position in an input of its processor %s: %s",
				p, f.table.Name, f.owner.Name, strings.Join(inputs, ", "))
		}
	}
	return nil
}

// atLeast waits until the records at positions have taken effect in the copy that answers.
//
// The journal says when a task has handled a record; the changelog's high watermark, taken after that, covers what the record
// did, because both were written in one transaction. That transaction becomes visible partition by partition, hence the
// second wait.
func (f *follower) atLeast(ctx context.Context, positions []commitlog.Position) error {
	f.followJournal()
	what := func() string {
		for _, p := range positions {
			at := f.mu.tasks[task{f.mu.current.edition, p.Partition.Index}]
			if next := at.position.Next(p.Partition.Topic); next <= p.Offset {
				return fmt.Sprintf("%s has handled %v below offset %d, and the record at %d is waited for", f.owner.Name, p.Partition, max(next, 0), p.Offset)
			}
		}
		return ""
	}
	err := f.await(ctx, what, func() (bool, error) {
		if f.mu.current == nil {
			return false, nil
		}
		return f.handled(positions)
	})
	if err != nil {
		return err
	}
	return f.awaitHigh(ctx, positions)
}

// handled tells whether the tasks of the edition that answers have passed positions. f.mu is held.
func (f *follower) handled(positions []commitlog.Position) (bool, error) {
	edition, n := f.mu.current.edition, f.mu.current.width
	for _, p := range positions {
		if p.Partition.Index >= n {
			return false, fmt.Errorf("view: AtLeast(%v) on table %s: its processor %s has %d partitions", p, f.table.Name, f.owner.Name, n)
		}
		at, ok := f.mu.tasks[task{edition, p.Partition.Index}]
		if ok && at.position.Next(p.Partition.Topic) > p.Offset {
			continue
		}
		if ok && at.parked != nil {
			return false, &StoppedError{f.owner.Name, edition, at.parked.Record, at.parked.Reason}
		}
		return false, nil
	}
	return true, nil
}

// awaitHigh waits until the copy that answers has read all that the changelog partitions of positions hold now. When another
// copy takes over meanwhile, it was complete up to a later moment.
func (f *follower) awaitHigh(ctx context.Context, positions []commitlog.Position) error {
	f.mu.Lock()
	c := f.mu.current
	var parts []commitlog.Partition
	for _, p := range positions {
		parts = append(parts, c.at(p.Partition.Index).partition)
	}
	f.mu.Unlock()
	ends, err := f.log.Offsets(ctx, parts, commitlog.End, commitlog.ReadUncommitted)
	if err != nil {
		return fmt.Errorf("view: table %s: end of the changelog: %w", f.table.Name, err)
	}
	return f.await(ctx, func() string { return c.missing(ends) }, func() (bool, error) {
		return f.mu.current != c || c.has(ends), nil
	})
}
