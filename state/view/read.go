package view

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/state"
)

// get gives the value of a key in bytes.
func (f *follower) get(ctx context.Context, key []byte, positions []commitlog.Position) ([]byte, bool, error) {
	if key == nil {
		key = []byte{} // nil would be no key, which may go anywhere
	}
	if err := f.check(positions); err != nil {
		return nil, false, err
	}
	c, err := f.first(ctx, len(positions) > 0)
	if err != nil {
		return nil, false, err
	}
	home := f.hash.Partition(key, c.width)
	if c.at(home) == nil {
		return nil, false, &NotHeldError{f.table.Name, decl.ShowKey(key), home, f.config.Partitions}
	}
	var concern []commitlog.Position
	for _, p := range positions {
		if p.Partition.Index == home || p.Partition.Index >= c.width {
			concern = append(concern, p)
		}
	}
	if len(concern) > 0 {
		if err := f.atLeast(ctx, concern); err != nil {
			return nil, false, err
		}
	}
	for {
		c = f.copies()
		value, ok, err := c.at(home).store.Get(0, key)
		if !errors.Is(err, state.ErrClosed) {
			return value, ok, err
		}
		if err := f.ended(); err != nil {
			return nil, false, err
		}
		if f.copies() == c {
			return nil, false, err
		}
	}
}

// scan merges the partitions of one copy: yield gets all entries in [low, high) in the order of their sort form, until it returns
// false or an error.
func (f *follower) scan(ctx context.Context, low, high []byte, positions []commitlog.Position, yield func(key, value []byte) (bool, error)) (err error) {
	if err := f.check(positions); err != nil {
		return err
	}
	c, err := f.first(ctx, len(positions) > 0)
	if err != nil {
		return err
	}
	for _, p := range positions {
		if p.Partition.Index < c.width && c.at(p.Partition.Index) == nil {
			return fmt.Errorf("view: AtLeast(%v) on table %s: what the record did is in partition %d, and the view follows %s",
				p, f.table.Name, p.Partition.Index, listed(f.config.Partitions))
		}
	}
	if len(positions) > 0 {
		if err := f.atLeast(ctx, positions); err != nil {
			return err
		}
	}
	if c, err = f.use(); err != nil {
		return err
	}
	defer f.letGo(c)
	return f.walk(ctx, c, low, high, yield)
}

// walk is a scan over a copy that is in use.
func (f *follower) walk(ctx context.Context, c *copies, low, high []byte, yield func(key, value []byte) (bool, error)) (err error) {
	var m merge
	defer func() {
		for _, cursor := range m.all {
			err = errors.Join(err, cursor.Close())
		}
	}()
	for _, p := range c.parts {
		cursor, err := p.store.Cursor(0, low, high)
		if err != nil {
			return err
		}
		m.all = append(m.all, cursor)
		if cursor.Next() {
			m.waiting = append(m.waiting, cursor)
		}
	}
	heap.Init(&m)
	for len(m.waiting) > 0 {
		if err := f.ended(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("view: table %s: scan: %w", f.table.Name, context.Cause(ctx))
		}
		first := m.waiting[0]
		more, err := yield(first.Key(), first.Value())
		if err != nil || !more {
			return err
		}
		if first.Next() {
			heap.Fix(&m, 0)
		} else {
			heap.Pop(&m)
		}
	}
	return nil
}

// merge is a heap of cursors by their next key.
type merge struct {
	all     []*state.Cursor
	waiting []*state.Cursor // stand at an entry
}

func (m *merge) Len() int { return len(m.waiting) }
func (m *merge) Less(i, j int) bool {
	return bytes.Compare(m.waiting[i].SortKey(), m.waiting[j].SortKey()) < 0
}
func (m *merge) Swap(i, j int) { m.waiting[i], m.waiting[j] = m.waiting[j], m.waiting[i] }
func (m *merge) Push(x any)    { m.waiting = append(m.waiting, x.(*state.Cursor)) }
func (m *merge) Pop() any {
	last := m.waiting[len(m.waiting)-1]
	m.waiting = m.waiting[:len(m.waiting)-1]
	return last
}
