package seglog

import (
	"errors"
	"fmt"
	"io/fs"
)

// DropBefore raises the start to offset, if it is above it, and removes the segments wholly below, but never the one that
// grows. The new start must be durable elsewhere before the call (S-55). Readers are not
// disturbed.
func (l *Log) DropBefore(offset int64) error {
	if err := l.writable(); err != nil {
		return err
	}
	if t, end := l.set.Load(), l.next.Load(); offset > end {
		return &OutOfRange{Offset: offset, Start: t.start, End: end}
	}
	var gone []*sealed
	l.change(func(t *set) *set {
		if offset <= t.start {
			return t
		}
		n := 0
		for n < len(t.sealed) && t.sealed[n].next <= offset {
			n++
		}
		gone = t.sealed[:n]
		l.mu.entries = l.mu.entries || n > 0
		return &set{start: offset, sealed: t.sealed[n:], active: t.active}
	})
	var errs []error
	for _, s := range gone {
		if err := l.c.FS.Remove(s.logName()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("drop segment: %w", err))
		}
		errs = append(errs, l.removeSidecar(s.base))
	}
	errs = append(errs, l.files.forget(gone)) // last: a reader with the old set finds no name to open any more
	return errors.Join(errs...)
}

// Segment describes one segment, for whoever decides about retention.
type Segment struct {
	// Base is its first offset, Next that behind it, Bytes its size.
	Base, Next, Bytes int64
	// MaxTimestamp is the largest timestamp in milliseconds, -1 for none; CreatedAt when it got its first batch, 0 if that
	// was not noted.
	MaxTimestamp, CreatedAt int64
	// Sealed segments can be dropped.
	Sealed bool
}

// Segments describes all segments, oldest first.
func (l *Log) Segments() []Segment {
	var segments []Segment
	for _, p := range l.set.Load().parts() {
		s := Segment{Base: p.base(), Next: p.end(), MaxTimestamp: p.maxTimestamp(), Sealed: p.s != nil}
		if p.s != nil {
			s.Bytes, s.CreatedAt = p.s.bytes, p.s.createdAt
		} else {
			k := p.a.known()
			s.Bytes, s.CreatedAt = k.Bytes, k.CreatedAt
		}
		segments = append(segments, s)
	}
	return segments
}
