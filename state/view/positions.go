package view

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/internal/names"
)

// tailOffsets is how much of a journal's partition is read first. Every commit writes a position, so the last one is almost
// always there; only if none is does the reading start over at the front.
const tailOffsets = 1000

// tail is a partition of the journal on the way to its end. Until then nothing of it is published: what an old record says
// may be taken back by a later one.
type tail struct {
	start, from int64 // of the partition; where the reading began
	end         int64 // when it was found
	tasks       map[task]standing
}

func (f *follower) journalWanted() bool {
	f.mu.Lock() // others write it
	defer f.mu.Unlock()
	return f.mu.wantJournal
}

// followJournal makes run read the journal from now on.
func (f *follower) followJournal() {
	f.mu.Lock()
	was := f.mu.wantJournal
	f.mu.wantJournal = true
	f.mu.Unlock()
	if !was {
		f.reader.Wake()
	}
}

// findJournal begins to read the journal, if it exists by now.
func (f *follower) findJournal(ctx context.Context) error {
	topic := names.Journal(f.app, f.owner.Name)
	found, err := f.log.Topics(ctx, topic)
	if errors.Is(err, commitlog.ErrUnknownTopic) {
		f.missing = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	var parts []commitlog.Partition // task p writes partition p of the table: the others are nobody's business here
	for i := range found[0].Partitions {
		if f.holds(i) {
			parts = append(parts, commitlog.Partition{Topic: topic, Index: i})
		}
	}
	starts, err := f.log.Offsets(ctx, parts, commitlog.Start, commitlog.ReadUncommitted)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	ends, err := f.log.Offsets(ctx, parts, commitlog.End, commitlog.ReadUncommitted)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	f.reading.journal = true
	for i, p := range parts {
		t := &tail{start: starts[i].Offset, end: ends[i].Offset, tasks: map[task]standing{}}
		t.from = max(t.start, t.end-tailOffsets)
		f.tails[p.Index] = t
		f.reader.Seek(p, t.from)
	}
	return nil
}

// takeJournal folds positions and parked tasks.
func (f *follower) takeJournal(b *commitlog.Batch) error {
	t := f.tails[b.Partition.Index]
	changed := map[task]standing{}
	for i := range b.Records {
		r := &b.Records[i]
		if len(r.Key) > 0 && r.Key[0] == 'o' {
			continue // order entries: most of a journal, and none of a view's business
		}
		if r.Value == nil && len(r.Key) > 0 && r.Key[0] == 'p' {
			continue // an edition that was dropped
		}
		e, err := journal.Parse(r.Key, r.Value)
		if err != nil {
			return fmt.Errorf("%v@%d: %w", b.Partition, r.Offset, err)
		}
		k := task{e.Edition, b.Partition.Index}
		at := t.tasks[k]
		if e.Position != nil {
			at.position = *e.Position
		} else {
			at.parked = e.Parked
		}
		t.tasks[k], changed[k] = at, at
	}
	if b.Next < t.end {
		return nil
	}
	if first := t.end >= 0; first {
		t.end, changed = -1, t.tasks
		if len(t.tasks) == 0 && t.from > t.start {
			t.end, t.from = b.Next, t.start
			f.reader.Seek(b.Partition, t.start)
			return nil
		}
	}
	f.publish(func() { maps.Copy(f.mu.tasks, changed) })
	return nil
}
