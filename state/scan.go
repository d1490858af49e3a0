package state

import (
	"errors"
	"fmt"
)

// Scan calls yield for the entries whose sort form is in [from, to), in that order, until yield returns false; a nil bound is
// open. It shows the table as of the call. key (in its log form) and value are valid in the call of yield, which may call Get
// and Scan, but not Close.
func (s *Store) Scan(table int, from, to []byte, yield func(key, value []byte) bool) error {
	w, err := s.Cursor(table, from, to)
	if err != nil {
		return err
	}
	defer w.Close() // if yield panics; else it is closed below, with its fault
	for more := true; more && w.Next(); {
		more = yield(w.Key(), w.value)
	}
	return w.Close()
}

// Cursor walks a range of one table in the order of the sort form, as of the call that gave it. It belongs to one goroutine,
// which calls Close: until then the store cannot be closed, and old files cannot go.
type Cursor struct {
	s     *Store
	t     *table
	c     cursor
	key   []byte // sort form
	value []byte
	log   []byte // scratch for the log form
	err   error
}

// Cursor gives a cursor before the first entry whose sort form is in [from, to); a nil bound is open.
func (s *Store) Cursor(table int, from, to []byte) (*Cursor, error) {
	t := &s.tables[table]
	if !s.users.enter() {
		return nil, fmt.Errorf("state: scan %s: %w", t.name, ErrClosed)
	}
	low := append(append(make([]byte, 0, prefixBytes+len(from)), t.prefix[:]...), from...)
	var high []byte
	if to != nil {
		high = append(append(make([]byte, 0, prefixBytes+len(to)), t.prefix[:]...), to...)
	} else {
		high = appendPrefix(make([]byte, 0, prefixBytes), table+1)
	}
	c, err := s.backend.scan(low, high)
	if err != nil {
		s.users.leave()
		return nil, fmt.Errorf("state: scan %s: %w", t.name, err)
	}
	return &Cursor{s: s, t: t, c: c}, nil
}

// Next moves to the next entry. It returns false at the end, and after a fault, which Close tells.
func (w *Cursor) Next() bool {
	if w.c == nil || w.err != nil {
		return false
	}
	if w.s.users.closing.Load() {
		w.err = ErrClosed
		return false
	}
	if !w.c.next() {
		return false
	}
	w.key = w.c.key()[prefixBytes:]
	w.value, w.err = w.t.valueOf(w.c.value())
	return w.err == nil
}

// SortKey is the key in its sort form, Key in its log form, Value the value; all valid until the next call of Next.
func (w *Cursor) SortKey() []byte { return w.key }

// Key is the key in its log form.
func (w *Cursor) Key() []byte {
	if w.t.unsort == nil {
		return w.key
	}
	w.log = w.t.unsort(w.log[:0], w.key)
	return w.log
}

// Value is the value.
func (w *Cursor) Value() []byte { return w.value }

// Close gives the cursor back and tells its fault. A second call does nothing.
func (w *Cursor) Close() error {
	if w.c == nil {
		return nil
	}
	err := w.c.close()
	w.c = nil
	if w.err != nil {
		err = w.err
	}
	if err != nil {
		if !errors.Is(err, ErrClosed) {
			w.s.suspect(err)
		}
		err = fmt.Errorf("state: scan %s: %w", w.t.name, err)
	}
	w.s.users.leave()
	return err
}
