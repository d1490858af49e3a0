package seglog

import (
	"errors"
	"io"
	"io/fs"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/internal/vfs"
)

// sealedIndex gives the index of an open sealed segment: the one it was sealed with, the sidecar, or one built anew from
// the batches. It is not to be changed.
func (l *Log) sealedIndex(o *openSealed) (*index, error) {
	if x := o.s.kept.Load(); x != nil && x.from == 0 {
		return x, nil
	}
	o.index.Lock()
	defer o.index.Unlock()
	if o.index.index != nil {
		return o.index.index, nil
	}
	x, err := l.loadSidecar(o.s)
	if err != nil {
		return nil, err
	}
	if x == nil {
		r := l.reader(o.h.f, o.s)
		defer r.release()
		if x, err = l.build(r, o.s.bytes); err != nil {
			return nil, err
		}
		l.setDirty(func() { l.mu.unnamed = append(l.mu.unnamed, o.s) })
	}
	o.index.index = x
	return x, nil
}

// loadSidecar gives nil where there is any doubt.
func (l *Log) loadSidecar(s *sealed) (*index, error) {
	if s.kept.Load() != nil {
		return nil, nil // not written yet: what stands there is older
	}
	b, err := readAll(l.c.FS, indexName(l.dir, s.base))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	x, why := decodeIndex(b, s.base, s.next, s.bytes)
	if why != "" {
		return nil, nil
	}
	x.every = s.every
	return x, nil
}

func readAll(fs vfs.FS, name string) (b []byte, err error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b = make([]byte, size)
	if n, err := f.ReadAt(b, 0); err != nil && !(err == io.EOF && int64(n) == size) {
		return nil, err
	}
	return b, nil
}

// build makes the index of the bytes of a segment below a position.
func (l *Log) build(r *reader, below int64) (*index, error) {
	x := &index{every: int64(l.c.IndexBytes), next: r.base, maxTimestamp: -1}
	t := tracker{}
	t.reset(r.base)
	err := r.headers(0, r.base, func(b recordbatch.Batch, at int64) (bool, error) {
		if at >= below {
			return false, nil
		}
		aborted, err := t.see(b, l.firstOf)
		if err != nil {
			return false, err
		}
		if aborted != nil {
			x.aborted = append(x.aborted, *aborted)
		}
		x.add(b, b.DeclaredBytes())
		return true, nil
	})
	if err == nil && x.bytes != below {
		err = r.damage(x.bytes, "batches that end at the known end")
	}
	if err == nil && below == r.bytes {
		x.next = r.next
	}
	return x, err
}

// complete gives an active segment the part of its index that Open left out. Two readers may both do the work; the second
// throws its result away.
func (l *Log) complete(a *active) error {
	for {
		a.mu.RLock()
		from := a.mu.from
		a.mu.RUnlock()
		if from == 0 {
			return nil
		}
		var head *index
		err := l.within(a, nil, func(r *reader) (err error) {
			head, err = l.build(r, from)
			return err
		})
		if err != nil {
			return err
		}
		a.mu.Lock()
		if a.mu.from == from { // TakeBack may have moved it
			a.mu.index.prepend(head)
		}
		a.mu.Unlock()
	}
}
