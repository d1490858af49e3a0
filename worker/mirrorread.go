package worker

import (
	"bytes"
	"fmt"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/schema"
	"github.com/millrun/millrun/state"
)

// get looks for a key in the given partition's entries, in the form that the table's handle reads. With a cache, the bytes are
// valid until the next call.
func (m *mirror) get(i int, key []byte) (value []byte, ok bool, err error) {
	var entry []byte
	if m.cache != nil {
		entry, ok, err = m.cache.Get(i, key)
	} else {
		entry, ok, err = m.store.Get(i, key)
	}
	if err != nil || !ok {
		return nil, false, err
	}
	value, err = m.value(key, entry)
	return value, value != nil, err
}

// value gives what the handle reads of an entry: nil, reported, for one with a schema where the handle knows none.
func (m *mirror) value(key, entry []byte) ([]byte, error) {
	if m.decl.Schemas {
		return entry, nil
	}
	name, value, err := schema.Cut(entry)
	if err != nil {
		return nil, err
	}
	if name != nil {
		m.w.unreadable.report(m.w.config.Logger, m.decl, key, fmt.Errorf("table %s: the entry of key %s: %w: it is %q, and this program declares the table without schemas",
			m.decl.Name, decl.ShowKey(key), codec.ErrSchema, name))
		return nil, nil
	}
	return value, nil
}

// lookup looks for a key in all partitions: where the partitioner would put it first, then in their order.
func (m *mirror) lookup(key []byte, by commitlog.Partitioner) (value []byte, ok bool, err error) {
	home := int(by.Partition(key, int32(len(m.parts))))
	if value, ok, err = m.get(home, key); ok || err != nil {
		return value, ok, err
	}
	for i := range m.parts {
		if i == home {
			continue
		}
		if value, ok, err = m.get(i, key); ok || err != nil {
			return value, ok, err
		}
	}
	return nil, false, nil
}

// scan merges the partitions in the order of the sort form. A key that stands in several of them comes once, as lookup finds it.
func (m *mirror) scan(from, to []byte, by commitlog.Partitioner, yield func(key, value []byte) bool) (err error) {
	if len(m.parts) == 1 {
		return m.scanOne(from, to, yield)
	}
	var at []*state.Cursor // by partition; nil at its end
	defer func() {
		for _, c := range at {
			if c != nil {
				err = firstError(err, c.Close())
			}
		}
	}()
	for i := range m.parts {
		c, err := m.store.Cursor(i, from, to)
		if err != nil {
			return err
		}
		at = append(at, c)
		if err := advance(at, i); err != nil {
			return err
		}
	}
	for {
		i := m.lowest(at, by)
		if i < 0 {
			return nil
		}
		value, err := m.value(at[i].Key(), at[i].Value())
		if err != nil {
			return err
		}
		if value != nil && !yield(at[i].Key(), value) {
			return nil
		}
		if err := pass(at, bytes.Clone(at[i].SortKey())); err != nil {
			return err
		}
	}
}

func (m *mirror) scanOne(from, to []byte, yield func(key, value []byte) bool) error {
	var fault error
	err := m.store.Scan(0, from, to, func(key, entry []byte) bool {
		var value []byte
		if value, fault = m.value(key, entry); fault != nil {
			return false
		}
		return value == nil || yield(key, value)
	})
	return firstError(fault, err)
}

// lowest picks the cursor whose entry comes next, -1 at the end of all.
func (m *mirror) lowest(at []*state.Cursor, by commitlog.Partitioner) int {
	best := -1
	for i, c := range at {
		switch {
		case c == nil:
		case best < 0:
			best = i
		default:
			order := bytes.Compare(c.SortKey(), at[best].SortKey())
			if order < 0 || order == 0 && int(by.Partition(c.Key(), int32(len(at)))) == i {
				best = i
			}
		}
	}
	return best
}

// pass moves every cursor that stands at key.
func pass(at []*state.Cursor, key []byte) error {
	for i, c := range at {
		if c != nil && bytes.Equal(c.SortKey(), key) {
			if err := advance(at, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// advance moves a cursor, and takes it away at its end.
func advance(at []*state.Cursor, i int) error {
	if at[i].Next() {
		return nil
	}
	err := at[i].Close()
	at[i] = nil
	return err
}
