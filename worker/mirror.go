package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/state"
)

// mirror is a copy of some partitions of a topic, in a store of its own: one partition for a task, all of them for a worker.
//
// The store is not the task's own, although its entries could stand there under another prefix: a copy lives and dies with
// its topic, not with the task. When the owner switches to another edition, or the topic was made anew, the next copy is
// filled beside this one and takes its place by one assignment; in one store the old entries would have to be deleted one by
// one, and none of that may reach the disk before the change itself. It also keeps the task's commits, which another
// goroutine applies, out of the way. The price is one more LevelDB for each, sized from the same budget (S-64).
//
// Table i of the store is partition parts[i]; its mark says how far each is. One goroutine opens, applies and closes; reading
// and the offsets are for all.
type mirror struct {
	w      *Worker
	decl   *decl.Table
	source source
	parts  []commitlog.Partition
	store  *state.Store
	cache  *state.Cache // of a task's copy, for its goroutine; nil: none
	mark   state.Mark
	next   []atomic.Int64 // of each partition: read up to here
	ends   []atomic.Int64 // high watermark as last seen
	target []int64        // complete once next has reached it; set by aim, for the owner alone
	inUse  atomic.Bool    // handlers read it

	keyless   []commitlog.Record // scratch of apply
	inBarrier atomic.Bool
}

// openMirror opens what is in dir, as far as it fits the topic (S-12). bytes is the share of memory.
func (w *Worker) openMirror(ctx context.Context, dir string, d *decl.Table, src source, indexes []int32, writeBuffer, blockCache int64, log *slog.Logger) (*mirror, error) {
	cluster, err := w.logc.ClusterID(ctx)
	if err != nil {
		return nil, fmt.Errorf("worker: id of the log: %w", err)
	}
	m := &mirror{w: w, decl: d, source: src, next: make([]atomic.Int64, len(indexes)), ends: make([]atomic.Int64, len(indexes))}
	c := state.Config{FS: w.config.FS, Dir: dir, Identity: state.Identity{ClusterID: cluster, Changelogs: [][16]byte{src.id}},
		WriteBuffer: writeBuffer, BlockCache: blockCache, Logger: log, Clock: w.config.Clock}
	for _, i := range indexes {
		m.parts = append(m.parts, commitlog.Partition{Topic: src.topic, Index: i})
		// The format of keys is part of the name: a key codec that sorts otherwise makes the entries unfindable.
		c.Tables = append(c.Tables, state.TableConfig{Name: strconv.Itoa(int(i)) + " by " + d.KeyFormat, Sort: d.Sort, Unsort: d.Unsort, Schemas: true})
	}
	if m.store, err = state.Open(c); err != nil {
		return nil, fmt.Errorf("copy of table %s: %w", d.Name, err)
	}
	if err := m.begin(ctx, log); err != nil {
		return nil, errors.Join(err, m.store.Close(false))
	}
	return m, nil
}

// begin finds where each partition goes on: behind what the store holds, if the log still has what follows it.
func (m *mirror) begin(ctx context.Context, log *slog.Logger) error {
	starts, err := m.offsets(ctx, commitlog.Start)
	if err != nil {
		return err
	}
	ends, err := m.offsets(ctx, commitlog.End)
	if err != nil {
		return err
	}
	keep, err := m.w.deleteRetention(ctx, m.source.topic)
	if err != nil {
		return err
	}
	if reason := m.store.Unfit(nil, state.Extents(starts, ends), keep); reason != "" {
		m.w.moved.Add(1)
		log.Warn("the copy of a table does not match its topic and is made anew", "table", m.decl.Name, "topic", m.source.topic, "reason", reason)
		if err := m.store.Reject(reason); err != nil {
			return fmt.Errorf("copy of table %s: %w", m.decl.Name, err)
		}
	}
	m.mark = m.store.Mark()
	if m.mark.Changelogs == nil {
		m.mark.Changelogs = make([]state.Applied, len(m.parts))
	}
	for i := range m.parts {
		m.next[i].Store(max(m.mark.Changelogs[i].Next, starts[i].Offset))
		m.ends[i].Store(ends[i].Offset)
	}
	return nil
}

func (m *mirror) offsets(ctx context.Context, at commitlog.At) ([]commitlog.Position, error) {
	got, err := m.w.logc.Offsets(ctx, m.parts, at, commitlog.ReadUncommitted)
	if errors.Is(err, commitlog.ErrUnknownTopic) {
		err = &sourceError{m.decl.Name, err}
	}
	if err != nil {
		return nil, fmt.Errorf("copy of table %s: offsets of %s: %w", m.decl.Name, m.source.topic, err)
	}
	return got, nil
}

// aim makes the present high watermarks the target: what is committed below them is there when the copy is complete. Taken
// after an edition began to serve, they hold where it took over (S-43).
func (m *mirror) aim(ctx context.Context) error {
	ends, err := m.offsets(ctx, commitlog.End)
	if err != nil {
		return err
	}
	m.target = make([]int64, len(ends))
	for i, e := range ends {
		m.target[i] = e.Offset
		m.ends[i].Store(e.Offset)
	}
	return nil
}

// complete tells whether the target is reached.
func (m *mirror) complete() bool {
	for i := range m.target {
		if m.next[i].Load() < m.target[i] {
			return false
		}
	}
	return true
}

// left is how many offsets lie before the target.
func (m *mirror) left() (n int64) {
	for i := range m.target {
		n += max(0, m.target[i]-m.next[i].Load())
	}
	return n
}

// seek lets a reader read on where the copy ends.
func (m *mirror) seek(r commitlog.Reader) {
	for i, p := range m.parts {
		r.Seek(p, m.next[i].Load())
	}
}

func (m *mirror) drop(r commitlog.Reader) {
	for _, p := range m.parts {
		r.Drop(p)
	}
}

// index finds a partition, -1 if it is not of this copy.
func (m *mirror) index(p commitlog.Partition) int {
	for i := range m.parts {
		if m.parts[i] == p {
			return i
		}
	}
	return -1
}

// apply takes a batch of partition i: its entries and how far it goes, as one step. A record without a key is no entry.
func (m *mirror) apply(i int, b *commitlog.Batch) error {
	a := &m.mark.Changelogs[i]
	if a.Next > 0 && b.Epoch < a.Epoch && len(b.Records) > 0 {
		return &sourceError{m.decl.Name, fmt.Errorf("%w: %v has leader epoch %d after %d: another history", commitlog.ErrCorrupt, m.parts[i], b.Epoch, a.Epoch)}
	}
	if err := m.store.Restore(i, m.keyed(b)); err != nil {
		return fmt.Errorf("copy of table %s: %w", m.decl.Name, err)
	}
	if n := len(b.Records); n > 0 {
		m.mark.Time = max(m.mark.Time, b.Records[n-1].Timestamp)
	}
	a.Next, a.Epoch = b.Next, max(a.Epoch, b.Epoch)
	if err := m.store.Commit(m.mark); err != nil {
		return fmt.Errorf("copy of table %s: %w", m.decl.Name, err)
	}
	if m.cache != nil {
		for n := range b.Records {
			m.cache.Forget(i, b.Records[n].Key)
		}
	}
	m.next[i].Store(b.Next)
	m.ends[i].Store(max(b.High, b.Next))
	return nil
}

// keyed gives the records of a batch that have a key, and reports the others.
func (m *mirror) keyed(b *commitlog.Batch) []commitlog.Record {
	for i := range b.Records {
		if b.Records[i].Key != nil {
			continue
		}
		kept := append(m.keyless[:0], b.Records[:i]...)
		for _, r := range b.Records[i:] {
			if r.Key != nil {
				kept = append(kept, r)
				continue
			}
			m.w.unreadable.report(m.w.config.Logger, m.decl, nil,
				fmt.Errorf("the record at %v has no key", commitlog.Position{Partition: b.Partition, Offset: r.Offset}))
		}
		m.keyless = kept
		return kept
	}
	return b.Records
}
