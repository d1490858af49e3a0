package view

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/state"
)

// get gives the value of a key in bytes.
func (f *follower) get(ctx context.Context, key []byte, positions []commitlog.Position) ([]byte, bool, error) {
	if key == nil {
		key = []byte{} // nil would be no key, which may go anywhere
	}
	c, err := f.answering(ctx, positions, func(p int32, n int) bool { return p == f.hash.Partition(key, int32(n)) })
	if err != nil {
		return nil, false, err
	}
	p := c.parts[f.hash.Partition(key, int32(len(c.parts)))]
	return p.store.Get(0, key)
}

// scan merges the partitions of one copy: yield gets all entries in [low, high) in the order of their sort form, until it returns
// false or an error.
func (f *follower) scan(ctx context.Context, low, high []byte, positions []commitlog.Position, yield func(key, value []byte) (bool, error)) (err error) {
	c, err := f.answering(ctx, positions, nil)
	if err != nil {
		return err
	}
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
