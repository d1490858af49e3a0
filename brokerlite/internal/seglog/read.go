package seglog

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/millrun/millrun/brokerlite/recordbatch"
)

// Read appends to dst whole batches from the one that holds offset on (or, where compaction left a hole, the next one):
// those that end at or below limit, up to maxBytes together; the first may be larger. Nothing there yet is no error: dst
// comes back as it was. Below the start or above the end it is *OutOfRange. Checksums are verified. Batches are of one
// segment; where it ends, the next Read goes on.
func (l *Log) Read(offset int64, maxBytes int, limit int64, dst []byte) ([]byte, error) {
	for {
		if err := l.usable(); err != nil {
			return dst, err
		}
		t := l.set.Load()
		if end := l.next.Load(); offset < t.start || offset > end {
			return dst, &OutOfRange{Offset: offset, Start: t.start, End: end}
		}
		if offset >= limit {
			return dst, nil
		}
		got, err := l.readFrom(t, offset, maxBytes, limit, dst)
		if err == nil || !l.stale(t, err) {
			return got, err
		}
	}
}

// stale says that an error only means that the set has changed since t was loaded: a file was removed or sealed.
func (l *Log) stale(t *set, err error) bool {
	return (errors.Is(err, fs.ErrNotExist) || errors.Is(err, errGone)) && l.set.Load() != t
}

// readFrom reads from the first segment that has something to give.
func (l *Log) readFrom(t *set, offset int64, maxBytes int, limit int64, dst []byte) ([]byte, error) {
	s, a := t.find(offset)
	for {
		if s == nil && a == nil {
			return dst, nil
		}
		from, err := l.position(s, a, offset)
		if err != nil {
			return dst, err
		}
		before := len(dst)
		err = l.within(a, s, func(r *reader) (err error) {
			dst, err = r.batches(from, offset, maxBytes, limit, dst)
			return err
		})
		if err != nil || len(dst) > before || s == nil || s.next >= limit {
			return dst, err
		}
		s, a = t.after(s)
	}
}

// position gives where in a segment a scan for an offset begins.
func (l *Log) position(s *sealed, a *active, offset int64) (block, error) {
	if s != nil {
		return l.sealedPosition(s, offset)
	}
	a.mu.RLock()
	at, ok := a.mu.floor(a.base, offset)
	a.mu.RUnlock()
	if ok {
		return at, nil
	}
	if err := l.complete(a); err != nil {
		return block{}, err
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	at, _ = a.mu.floor(a.base, offset)
	return at, nil
}

func (l *Log) sealedPosition(s *sealed, offset int64) (block, error) {
	o, err := l.files.acquire(l.c.FS, s)
	if err != nil {
		return block{}, err
	}
	x, err := l.sealedIndex(o)
	if err = errors.Join(err, o.h.done()); err != nil {
		return block{}, err
	}
	at, _ := x.floor(s.base, offset)
	return at, nil
}

// batches finds the batch with the offset, at or behind from, and appends it and what follows.
func (r *reader) batches(from block, offset int64, maxBytes int, limit int64, dst []byte) ([]byte, error) {
	at, size, found := int64(0), int64(0), false
	first, expect := from.offset, from.offset
	for p := from.at; p < r.bytes && !found; {
		b, n, err := r.header(p, expect)
		if err != nil {
			return dst, err
		}
		at, size, found = p, n, b.LastOffset() >= offset
		first = b.BaseOffset()
		expect = b.NextOffset()
		p += n
	}
	if !found || expect > limit {
		return dst, nil
	}
	want := max(size, min(int64(maxBytes), r.bytes-at))
	before := len(dst)
	dst = slices.Grow(dst, int(want))[:before+int(want)]
	if err := r.read(dst[before:], at); err != nil {
		return dst[:before], err
	}
	n, err := r.whole(dst[before:], at, first, limit)
	return dst[:before+n], err
}

// whole gives how many of the bytes, which begin at position at and offset offset, are whole, intact batches that end at or below limit. A
// bad one behind good ones is left to the next call, which will begin with it.
func (r *reader) whole(b []byte, at, offset, limit int64) (n int, err error) {
	for len(b)-n >= recordbatch.HeaderBytes {
		batch := recordbatch.Batch(b[n:])
		err := r.plausible(batch, at+int64(n), offset)
		if err == nil {
			size := int(batch.DeclaredBytes())
			if size > len(b)-n || batch.NextOffset() > limit {
				return n, nil
			}
			batch = batch[:size]
			err = r.verify(batch, at+int64(n))
		}
		switch {
		case err != nil && n > 0:
			return n, nil
		case err != nil:
			return 0, err
		}
		offset = batch.NextOffset()
		n += len(batch)
	}
	return n, nil
}
