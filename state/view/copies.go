package view

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/state"
)

// unitBytes is how much of one commit a view holds back so that it shows at once.
const unitBytes = 64 << 20

// copies is the copy of one edition of the table: one store per partition that is followed.
type copies struct {
	edition int
	topic   string
	dir     string // on disk; "" in memory
	width   int32  // partitions of the table
	parts   []*part
	// Guarded by follower.mu: who uses the copy (run, and each iteration), and whether the last of them removes it from disk.
	users    int
	obsolete bool
}

// part is one partition of a copy. The loop writes it; what others read as well is guarded by follower.mu.
type part struct {
	store     *state.Store
	partition commitlog.Partition
	target    int64 // the copy is complete when all parts have got there
	unit      int64 // where the unit under way ends; 0: none is
	epoch     int32 // the highest leader epoch of a batch
	newest    int64 // time of the newest record in the store, ms since 1970
	shown     int64 // and of the newest that is visible

	// Guarded.
	applied int64 // the next offset: everything below is visible
	high    int64 // high watermark as last seen
	time    int64 // shown, as published
}

// at gives the part that holds a partition of the table; nil if none does.
func (c *copies) at(index int32) *part {
	i, ok := slices.BinarySearchFunc(c.parts, index, func(p *part, index int32) int { return cmp.Compare(p.partition.Index, index) })
	if !ok {
		return nil
	}
	return c.parts[i]
}

// part gives the part that follows a partition of the log; nil if none does.
func (c *copies) part(p commitlog.Partition) *part {
	if c == nil || c.topic != p.Topic {
		return nil
	}
	return c.at(p.Index)
}

// has tells whether all below ends is visible.
func (c *copies) has(ends []commitlog.Position) bool { return c.missing(ends) == "" }

// missing names the first of the ends that is not reached; "" if all are.
func (c *copies) missing(ends []commitlog.Position) string {
	for _, e := range ends {
		if at := c.at(e.Partition.Index).applied; at < e.Offset {
			return fmt.Sprintf("%v is read up to %d of %d", e.Partition, at, e.Offset)
		}
	}
	return ""
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

// publish lets others see what add has made visible. follower.mu is held.
func (p *part) publish(visible, high int64) {
	p.applied, p.high, p.time = visible, max(p.high, high), p.shown
}

// keep takes records that are shown later.
func (p *part) keep(records []commitlog.Record) error {
	if err := p.store.Restore(0, records); err != nil {
		return &storageError{fmt.Errorf("%v: %w", p.partition, err)}
	}
	if n := len(records); n > 0 {
		p.newest = max(p.newest, records[n-1].Timestamp)
	}
	return nil
}

// show makes all below next visible, of which records are the last. On disk, a barrier is taken when it is due (S-13).
func (p *part) show(records []commitlog.Record, next int64) error {
	if err := p.keep(records); err != nil {
		return err
	}
	m := state.Mark{Changelogs: []state.Applied{{Next: next, Epoch: p.epoch}}, Time: p.newest}
	if err := p.store.Commit(m); err != nil {
		return &storageError{fmt.Errorf("%v: %w", p.partition, err)}
	}
	p.shown = p.newest
	return p.barrier()
}

// barrier takes a barrier if one is due.
func (p *part) barrier() error {
	if !p.store.BarrierDue() {
		return nil
	}
	if err := p.store.Barrier(); err != nil {
		return &storageError{fmt.Errorf("%v: %w", p.partition, err)}
	}
	return nil
}

// errAnew says that a copy has to be filled anew.
var errAnew = errors.New("view: the changelog is not the one that was followed")
