package view

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/state"
)

// unitBytes is how much of one commit a view holds back so that it shows at once.
const unitBytes = 64 << 20

// copies is the copy of one edition of the table: one store in memory per partition. Stores in memory hold nothing that needs
// closing, so a copy that is not used any more is left to those who still iterate over it.
type copies struct {
	edition int
	parts   []*part
}

// part is one partition of a copy. The loop writes it; applied is guarded by follower.mu.
type part struct {
	store     *state.Store
	partition commitlog.Partition
	target    int64 // the copy is complete when all parts have got there
	applied   int64 // the next offset: everything below is visible
	unit      int64 // where the unit under way ends; 0: none is
	epoch     int32 // the highest leader epoch of a batch
}

// has tells whether all below ends is visible.
func (c *copies) has(ends []commitlog.Position) bool {
	for _, e := range ends {
		if c.parts[e.Partition.Index].applied < e.Offset {
			return false
		}
	}
	return true
}

func (c *copies) complete() bool {
	for _, p := range c.parts {
		if p.applied < p.target {
			return false
		}
	}
	return true
}

// progress says how far a copy has come, for the message of one who could not wait.
func (c *copies) progress() string {
	var done, all int64
	for _, p := range c.parts {
		done += min(p.applied, p.target)
		all += p.target
	}
	return fmt.Sprintf("the copy of edition %d has read %d of %d offsets", c.edition, done, all)
}

// part gives the part that follows a partition of the log; nil if none does.
func (c *copies) part(p commitlog.Partition) *part {
	if c == nil || int(p.Index) >= len(c.parts) || c.parts[p.Index].partition.Topic != p.Topic {
		return nil
	}
	return c.parts[p.Index]
}

// newCopies prepares to fill the copy of an edition: up to where its changelog ends now. ErrNoTable if there is no changelog.
func newCopies(ctx context.Context, log commitlog.Log, app string, owner *decl.Processor, table *decl.Table, edition int) (*copies, error) {
	topic := names.Changelog(app, owner.Name, table.Name, edition)
	found, err := log.Topics(ctx, topic)
	if errors.Is(err, commitlog.ErrUnknownTopic) || err == nil && len(found) == 0 {
		return nil, ErrNoTable
	}
	if err != nil {
		return nil, fmt.Errorf("changelog %s: %w", topic, err)
	}
	parts := make([]commitlog.Partition, found[0].Partitions)
	for i := range parts {
		parts[i] = commitlog.Partition{Topic: topic, Index: int32(i)}
	}
	starts, err := log.Offsets(ctx, parts, commitlog.Start, commitlog.ReadUncommitted)
	if err != nil {
		return nil, fmt.Errorf("changelog %s: %w", topic, err)
	}
	ends, err := log.Offsets(ctx, parts, commitlog.End, commitlog.ReadUncommitted)
	if err != nil {
		return nil, fmt.Errorf("changelog %s: %w", topic, err)
	}
	c := &copies{edition: edition}
	for i, p := range parts {
		store, err := state.Open(state.Config{
			Tables:      []state.TableConfig{{Name: topic, Sort: table.Sort, Unsort: table.Unsort, Schemas: table.Schemas}},
			WriteBuffer: 2 * unitBytes,
		})
		if err != nil {
			return nil, err
		}
		c.parts = append(c.parts, &part{store: store, partition: p, applied: starts[i].Offset, target: ends[i].Offset})
	}
	return c, nil
}

// add takes a batch of the changelog and gives the offset up to which all is visible now.
//
// A batch may end in the middle of a commit. What was stable when a batch was fetched is where some commit ends: so the end of
// the unit under way is taken from its first batch, and what lies below it is shown together, even if a later batch reaches
// beyond it, into the next commit. Only below the target, where nobody sees the copy yet, each batch counts by itself. (Where
// a foreign transaction is open in front, what is stable may end in the middle of a commit, and that middle shows until it
// ends.)
func (p *part) add(b *commitlog.Batch, filling bool) (visible int64, err error) {
	visible = p.applied
	if b.Epoch < p.epoch && len(b.Records) > 0 {
		return visible, fmt.Errorf("%v@%d: %w: leader epoch %d after %d: another history", p.partition, b.Next, errAnew, b.Epoch, p.epoch)
	}
	p.epoch = max(p.epoch, b.Epoch)
	if p.unit == 0 || filling && b.Next < p.target {
		p.unit = b.Stable
	}
	records := b.Records
	if p.unit < b.Next {
		n, _ := slices.BinarySearchFunc(records, p.unit, func(r commitlog.Record, end int64) int { return cmp.Compare(r.Offset, end) })
		if err := p.show(records[:n], p.unit); err != nil {
			return visible, err
		}
		visible, records, p.unit = p.unit, records[n:], b.Stable
	}
	if b.Next < p.unit && !(filling && b.Next < p.target) {
		return visible, p.keep(records)
	}
	if err := p.show(records, b.Next); err != nil {
		return visible, err
	}
	p.unit = 0
	return b.Next, nil
}

// keep takes records that are shown later.
func (p *part) keep(records []commitlog.Record) error {
	if err := p.store.Restore(0, records); err != nil {
		return fmt.Errorf("%v: %w", p.partition, err)
	}
	return nil
}

// show makes all below next visible, of which records are the last.
func (p *part) show(records []commitlog.Record, next int64) error {
	if err := p.keep(records); err != nil {
		return err
	}
	m := state.Mark{Changelogs: []state.Applied{{Next: next, Epoch: p.epoch}}}
	if err := p.store.Commit(m); err != nil {
		return fmt.Errorf("%v: %w", p.partition, err)
	}
	return nil
}

// errAnew says that a copy has to be filled anew.
var errAnew = errors.New("view: the changelog is not the one that was followed")
