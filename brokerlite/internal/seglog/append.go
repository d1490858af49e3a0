package seglog

import (
	"errors"
	"fmt"
	"time"

	"github.com/millrun/millrun/brokerlite/recordbatch"
)

// Append writes a batch whose base offset is Next and whose leader epoch and checksum are final, and gives its place. The
// bytes are not kept. They are in the page cache when it returns, not on disk. After an error the log is as before.
// now decides about the age of the segment.
func (l *Log) Append(batch []byte, now time.Time) (Place, error) {
	if err := l.writable(); err != nil {
		return Place{}, err
	}
	if !l.ready {
		return Place{}, errors.New("seglog: Append before CutBehind")
	}
	b, err := oneBatch(batch)
	if err != nil {
		return Place{}, err
	}
	if next := l.next.Load(); b.BaseOffset() != next {
		return Place{}, fmt.Errorf("seglog: %s: append a batch with base offset %d, want %d", l.dir, b.BaseOffset(), next)
	}
	if l.full(int64(len(batch)), now) {
		if err := l.roll(now); err != nil {
			return Place{}, err
		}
	}
	a := l.set.Load().active
	at := a.known().Bytes
	if err := l.write(a, batch, at); err != nil {
		return Place{}, err
	}
	if err := l.added(a, b, now); err != nil {
		return Place{}, errors.Join(err, l.cutFile(a, at))
	}
	return Place{Base: a.base, At: at}, nil
}

// oneBatch takes bytes for what they must be: the caller has checked them.
func oneBatch(batch []byte) (recordbatch.Batch, error) {
	b, rest, err := recordbatch.Next(batch)
	if err == nil && (b == nil || len(rest) > 0) {
		err = fmt.Errorf("%d bytes behind the batch, want exactly one batch", len(rest))
	}
	if err != nil {
		return nil, fmt.Errorf("seglog: append: %w", err)
	}
	return b, nil
}

// full says that the next batch of size bytes begins a new segment.
func (l *Log) full(size int64, now time.Time) bool {
	a := l.set.Load().active
	if a == nil {
		return true
	}
	l.mu.Lock()
	limits := l.mu.limits
	l.mu.Unlock()
	k := a.known()
	if k.Bytes == 0 {
		return false
	}
	aged := limits.SegmentAge > 0 && k.CreatedAt > 0 && now.Sub(time.UnixMilli(k.CreatedAt)) >= limits.SegmentAge
	return aged || k.Bytes+size > limits.SegmentBytes
}

// roll seals the active segment, if there is one, and begins the next.
func (l *Log) roll(now time.Time) error {
	base := l.next.Load()
	f, err := l.c.FS.Create(logName(l.dir, base))
	if err != nil {
		return fmt.Errorf("begin segment %d: %w", base, err)
	}
	a := &active{base: base, h: newHandle(f)}
	a.mu.createdAt, a.mu.abortedFrom = now.UnixMilli(), -1
	a.mu.index = index{every: int64(l.c.IndexBytes), next: base, maxTimestamp: -1}
	l.seal(a)
	return nil
}

// seal makes a the active segment and seals the one before. It does no I/O: the sidecar waits for Sync.
func (l *Log) seal(a *active) {
	l.change(func(t *set) *set {
		after := &set{start: t.start, sealed: t.sealed, active: a}
		if old := t.active; old != nil {
			s := old.sealedForm(l.dir)
			after.sealed = append(t.sealed[:len(t.sealed):len(t.sealed)], s)
			l.mu.dirty = append(l.mu.dirty, old.h)
			l.mu.unnamed = append(l.mu.unnamed, s)
		}
		l.mu.entries = true
		return after
	})
}

// sealedForm is what becomes of an active segment.
func (a *active) sealedForm(dir string) *sealed {
	a.mu.RLock()
	defer a.mu.RUnlock()
	s := &sealed{dir: dir, base: a.base, next: a.mu.index.next, bytes: a.mu.bytes, maxTimestamp: a.mu.maxTimestamp,
		abortedFrom: a.mu.abortedFrom, createdAt: a.mu.createdAt, every: a.mu.every}
	s.kept.Store(a.mu.index.clone())
	return s
}

// write puts bytes at the end of the active segment, whole or not at all.
func (l *Log) write(a *active, batch []byte, at int64) error {
	a.mu.Lock()
	a.mu.synced = false
	a.mu.Unlock()
	if _, err := a.h.f.WriteAt(batch, at); err != nil {
		err = fmt.Errorf("append to %s: %w", logName(l.dir, a.base), err)
		return errors.Join(err, l.cutFile(a, at))
	}
	return nil
}

// cutFile ends the active file at a position. If it cannot, nothing may be written any more: bytes that nobody knows of
// stand where the next batch belongs.
func (l *Log) cutFile(a *active, at int64) error {
	a.mu.Lock()
	a.mu.synced = false
	a.mu.Unlock()
	if err := a.h.f.Truncate(at); err != nil {
		return l.fail(fmt.Errorf("cut %s at %d: %w", logName(l.dir, a.base), at, err))
	}
	return nil
}

// added makes the batch, which is in the file, part of the log.
func (l *Log) added(a *active, b recordbatch.Batch, now time.Time) error {
	aborted, err := l.tracker.see(b, l.firstOf)
	if err != nil {
		return err
	}
	a.mu.Lock()
	if a.mu.createdAt == 0 && !now.IsZero() {
		a.mu.createdAt = now.UnixMilli()
	}
	a.mu.index.add(b, int64(len(b)))
	if aborted != nil {
		a.mu.aborted = append(a.mu.aborted, *aborted)
		if a.mu.abortedFrom < 0 || aborted.First < a.mu.abortedFrom {
			a.mu.abortedFrom = aborted.First
		}
	}
	a.mu.Unlock()
	l.next.Store(b.NextOffset())
	return nil
}
