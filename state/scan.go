package state

import "fmt"

// Scan calls yield for the entries whose sort form is in [from, to), in that order, until yield returns false; a nil bound is
// open. It shows the table as of the call. key (in its log form) and value are valid in the call of yield, which may call Get
// and Scan, but not Close.
func (s *Store) Scan(table int, from, to []byte, yield func(key, value []byte) bool) error {
	w, err := s.walk(table, from, to)
	if err != nil {
		return err
	}
	defer w.close() // if yield panics; else it is closed below, with its fault
	for more := true; more && w.next(); {
		more = yield(w.logKey(), w.value)
	}
	return w.close()
}

// walk is a walk over a range of one table. Its owner calls close, also after a panic of a callback: Scan of a leaked walk would
// keep old files alive, and Close waiting.
type walk struct {
	s     *Store
	t     *table
	c     cursor
	key   []byte // sort form, valid until the next call
	value []byte // valid until the next call
	log   []byte // scratch for the log form
	err   error
}

func (s *Store) walk(table int, from, to []byte) (*walk, error) {
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
	return &walk{s: s, t: t, c: c}, nil
}

func (w *walk) next() bool {
	if w.err != nil || !w.c.next() {
		return false
	}
	w.key = w.c.key()[prefixBytes:]
	w.value, w.err = valueOf(w.c.value())
	return w.err == nil
}

func (w *walk) logKey() []byte { return w.t.logKey(&w.log, w.key) }

// logKey turns a sort form back, in scratch where that is needed.
func (t *table) logKey(scratch *[]byte, sorted []byte) []byte {
	if t.unsort == nil {
		return sorted
	}
	*scratch = t.unsort((*scratch)[:0], sorted)
	return *scratch
}

// close gives the walk back, once, and tells its fault.
func (w *walk) close() error {
	if w.c == nil {
		return nil
	}
	err := w.c.close()
	w.c = nil
	if w.err != nil {
		err = w.err
	}
	if err != nil {
		w.s.suspect(err)
		err = fmt.Errorf("state: scan %s: %w", w.t.name, err)
	}
	w.s.users.leave()
	return err
}
