package worker

import (
	"context"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/state"
)

// restoring reads journal and changelogs of one task up to their ends.
type restoring struct {
	task     *task
	logs     []commitlog.Partition
	ends     []commitlog.Position
	mark     state.Mark
	position *journal.Position
	next     []int64
}

func (r *restoring) run(ctx context.Context, starts []commitlog.Position) error {
	t := r.task
	reader, err := t.ed.unit.worker.logc.OpenReader(ctx, commitlog.ReaderConfig{BufferBytes: t.ed.unit.worker.config.FetchBytes})
	if err != nil {
		return fmt.Errorf("%s: open reader: %w", t.name(), err)
	}
	defer reader.Close()
	t.box.setPoke(reader.Wake)
	defer t.box.setPoke(nil)
	open := 0
	total := int64(0)
	r.next = make([]int64, len(r.logs))
	for i, p := range r.logs {
		r.next[i] = max(r.applied(i).Next, starts[i].Offset)
		if i == 0 && r.position == nil {
			r.next[i] = starts[i].Offset
		}
		total += max(0, r.ends[i].Offset-r.next[i])
		if r.next[i] < r.ends[i].Offset {
			reader.Seek(p, r.next[i])
			open++
		}
	}
	t.progress(0, total)
	tell := t.restoreLog(total)
	for done := int64(0); open > 0; {
		if t.box.attention.Load() {
			if err := t.interrupted(); err != nil {
				return err
			}
		}
		b, err := reader.Poll(ctx, pollWait)
		if err != nil {
			return fmt.Errorf("%s: restore: %w", t.name(), err)
		}
		if b == nil {
			continue
		}
		i := r.find(b.Partition)
		before := r.next[i]
		err = r.apply(i, b)
		b.Release()
		if err != nil {
			return fmt.Errorf("%s: restore from %v: %w", t.name(), r.logs[i], err)
		}
		done += min(r.next[i], r.ends[i].Offset) - before
		t.progress(done, total)
		if r.next[i] >= r.ends[i].Offset {
			reader.Drop(r.logs[i])
			open--
		}
	}
	if err := r.finish(); err != nil {
		return err
	}
	tell()
	return nil
}

func (r *restoring) find(p commitlog.Partition) int {
	for i := range r.logs {
		if r.logs[i] == p {
			return i
		}
	}
	panic("worker: a reader gave a partition it was not asked for: " + p.Topic)
}

func (r *restoring) applied(i int) *state.Applied {
	if i == 0 {
		return &r.mark.Journal
	}
	return &r.mark.Changelogs[i-1]
}

// otherHistory says that a store was filled from a log that went another way (S-12).
type otherHistory struct{ reason string }

func (e *otherHistory) Error() string { return e.reason }

func (r *restoring) apply(i int, b *commitlog.Batch) error {
	a := r.applied(i)
	if a.Next > 0 && b.Epoch < a.Epoch && len(b.Records) > 0 {
		return &otherHistory{fmt.Sprintf("leader epoch %d of %v follows %d: another history", b.Epoch, r.logs[i], a.Epoch)}
	}
	if i > 0 {
		if err := r.task.store.Restore(i-1, b.Records); err != nil {
			return err
		}
	} else if err := r.journal(b); err != nil {
		return err
	}
	if len(b.Records) > 0 {
		r.mark.Time = max(r.mark.Time, b.Records[len(b.Records)-1].Timestamp)
	}
	r.next[i] = b.Next
	a.Next, a.Epoch = b.Next, max(a.Epoch, b.Epoch)
	return nil
}

// journal looks for this edition's position, and whether the task is parked.
func (r *restoring) journal(b *commitlog.Batch) error {
	t := r.task
	for i := range b.Records {
		rec := &b.Records[i]
		if len(rec.Key) == 0 || rec.Key[0] == 'o' {
			continue
		}
		e, err := journal.Parse(rec.Key, rec.Value)
		if err != nil {
			return fmt.Errorf("offset %d: %w", rec.Offset, err)
		}
		if e.Position != nil && e.Edition == t.ed.number {
			r.position = e.Position
			r.mark.Position = append([]byte(nil), rec.Value...)
			r.mark.Commit = e.Position.Commit
		}
	}
	return nil
}

// finish writes what was restored together with how far it goes.
func (r *restoring) finish() error {
	t := r.task
	if err := t.store.Commit(r.mark); err != nil {
		return fmt.Errorf("%s: write restored tables: %w", t.name(), err)
	}
	t.cache.Rollback()
	t.mark = r.mark
	return nil
}
