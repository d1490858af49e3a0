package seglog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/internal/vfs"
)

// Redo makes the log hold batch at p, as the write-ahead log says. A place below what Open was told is passed over
// (S-55); any other must continue the log without a gap, or the answer is *Damage.
//
// The file is not believed (S-49): what an earlier, unsynced life left there may be a valid batch that no one ever
// acknowledged. If the bytes are the same they stay, and are synced by CutBehind all the same, for they may be in the
// page cache only.
func (l *Log) Redo(p Place, batch []byte) error {
	if err := l.writable(); err != nil {
		return err
	}
	if l.ready {
		return errors.New("seglog: Redo after CutBehind")
	}
	if p.Base < l.redone.Base || p.Base == l.redone.Base && p.At < l.redone.At {
		return nil
	}
	b, err := oneBatch(batch)
	if err != nil {
		return err
	}
	if err := l.continues(p, b); err != nil {
		return err
	}
	a := l.set.Load().active
	if a == nil || p.Base != a.base {
		if a, err = l.redoRoll(p.Base); err != nil {
			return err
		}
	}
	same, err := holds(a.h.f, batch, p.At)
	if err != nil {
		return fmt.Errorf("redo in %s: %w", logName(l.dir, a.base), err)
	}
	if !same {
		if err := l.write(a, batch, p.At); err != nil {
			return err
		}
	}
	return l.added(a, b, time.Time{})
}

// continues asserts that there is no gap.
func (l *Log) continues(p Place, b recordbatch.Batch) error {
	next, at, base := l.next.Load(), int64(0), int64(-1)
	if a := l.set.Load().active; a != nil {
		k := a.known()
		base, at = k.Base, k.Bytes
	}
	here := p.Base == base && p.At == at
	fresh := p.Base > base && p.Base == next && p.At == 0
	if b.BaseOffset() == next && (here || fresh) {
		return nil
	}
	return &Damage{File: logName(l.dir, p.Base), At: p.At, Want: fmt.Sprintf(
		"the batch with offset %d at byte %d of segment %d, or in a new segment; the write-ahead log has offset %d here",
		next, at, base, b.BaseOffset())}
}

// redoRoll begins the segment that the write-ahead log names, whose file may exist, and ends the one before where it is
// known to end.
func (l *Log) redoRoll(base int64) (*active, error) {
	if old := l.set.Load().active; old != nil {
		if err := l.cutLong(old.h.f, old.known()); err != nil {
			return nil, err
		}
	}
	a, err := l.openActive(KnownSegment{Base: base, MaxTimestamp: -1, AbortedFrom: -1}, base)
	if err != nil {
		return nil, fmt.Errorf("redo segment %d: %w", base, err)
	}
	l.seal(a)
	return a, nil
}

// cutLong truncates a file that is longer than what is known of it.
func (l *Log) cutLong(f vfs.File, k KnownSegment) error {
	size, err := f.Size()
	if err == nil && size > k.Bytes {
		err = f.Truncate(k.Bytes)
	}
	if err != nil {
		return fmt.Errorf("cut %s behind byte %d: %w", logName(l.dir, k.Base), k.Bytes, err)
	}
	return nil
}

// holds says that the file has these bytes there.
func holds(f vfs.File, want []byte, at int64) (bool, error) {
	got := make([]byte, len(want))
	n, err := f.ReadAt(got, at)
	if err != nil && err != io.EOF {
		return false, err
	}
	return n == len(want) && bytes.Equal(got, want), nil
}

// CutBehind ends recovery: everything in the directory behind the last byte that Open and Redo know goes, valid or not,
// and so do segments and leftovers nobody knows. What remains is synced when it returns. Files whose names are none of
// this package are left alone.
func (l *Log) CutBehind() error {
	if err := l.writable(); err != nil {
		return err
	}
	t := l.set.Load()
	for _, s := range t.sealed {
		if damage := l.missing[s]; damage != nil {
			return damage
		}
		if err := l.cutSealed(s); err != nil {
			return l.fail(err)
		}
	}
	if a := t.active; a != nil {
		k := a.known()
		size, err := a.h.f.Size()
		if err != nil {
			return l.fail(err)
		}
		a.mu.Lock()
		a.mu.synced = size == k.Bytes && l.redone == Place{Base: k.Base, At: k.Bytes}
		a.mu.Unlock()
		if err := l.cutLong(a.h.f, k); err != nil {
			return l.fail(err)
		}
	}
	if err := l.removeUnknown(); err != nil {
		return l.fail(err)
	}
	if err := l.syncBytes(); err != nil {
		return err
	}
	l.ready, l.missing = true, nil
	return nil
}

// cutSealed ends a sealed segment that an unsynced life had written on.
func (l *Log) cutSealed(s *sealed) error {
	info, err := l.c.FS.Stat(s.logName())
	if err != nil || info.Size == s.bytes {
		return err
	}
	f, err := l.c.FS.OpenReadWrite(s.logName())
	if err != nil {
		return err
	}
	l.setDirty(func() { l.mu.dirty = append(l.mu.dirty, newHandle(f)) })
	return l.cutLong(f, s.known())
}

// removeUnknown removes the files of segments that neither checkpoint nor write-ahead log know.
func (l *Log) removeUnknown() error {
	names, err := l.c.FS.List(l.dir)
	if err != nil {
		return err
	}
	logs, indexes := map[int64]bool{}, map[int64]bool{}
	t := l.set.Load()
	for _, s := range t.sealed {
		logs[s.base], indexes[s.base] = true, s.base < l.redone.Base
	}
	if t.active != nil {
		logs[t.active.base] = true
	}
	for _, name := range names {
		if !unknown(name, logs, indexes) {
			continue
		}
		if err := l.c.FS.Remove(path.Join(l.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		l.setDirty(func() { l.mu.entries = true })
	}
	return nil
}

// unknown says that a file is of this package and of no use. A sidecar of a segment that was redone may be that of an
// earlier life.
func unknown(name string, logs, indexes map[int64]bool) bool {
	if base, ok := parseName(name, logSuffix); ok {
		return !logs[base]
	}
	if base, ok := parseName(name, indexSuffix); ok {
		return !indexes[base]
	}
	return strings.HasSuffix(name, tempSuffix)
}

// TakeBack undoes the newest appends: p becomes the end, next the next offset. For batches that the write-ahead log
// refused because the disk is full; no reader has seen them.
func (l *Log) TakeBack(p Place, next int64) error {
	if err := l.writable(); err != nil {
		return err
	}
	t := l.set.Load()
	if t.active == nil || next > l.next.Load() || next < p.Base {
		return fmt.Errorf("seglog: %s: take back to offset %d in segment %d: the log ends at %d", l.dir, next, p.Base, l.next.Load())
	}
	if p.Base != t.active.base {
		if err := l.unseal(t, p.Base); err != nil {
			return l.fail(err)
		}
	}
	a := l.set.Load().active
	a.mu.Lock()
	short := p.At > a.mu.bytes
	if !short {
		a.mu.index.cut(p.At, next)
	}
	a.mu.Unlock()
	if short {
		return fmt.Errorf("seglog: take back to byte %d of %s, which ends before", p.At, logName(l.dir, p.Base))
	}
	l.next.Store(next)
	l.tracker.reset(next)
	return l.cutFile(a, p.At)
}

// unseal makes a sealed segment the active one again and removes those behind it.
func (l *Log) unseal(t *set, base int64) error {
	for i, s := range t.sealed {
		if s.base != base {
			continue
		}
		f, err := l.c.FS.OpenReadWrite(s.logName())
		if err != nil {
			return err
		}
		a := &active{base: base, h: newHandle(f)}
		a.mu.createdAt, a.mu.abortedFrom = s.createdAt, s.abortedFrom
		a.mu.index = index{every: s.every, from: s.bytes, bytes: s.bytes, next: s.next, maxTimestamp: s.maxTimestamp}
		if kept := s.kept.Load(); kept != nil {
			a.mu.index = *kept.clone()
		}
		gone := t.sealed[i:]
		l.change(func(t *set) *set {
			l.mu.entries = true
			keep := slices.Index(t.sealed, s) // DropBefore may have moved it
			return &set{start: t.start, sealed: t.sealed[:keep:keep], active: a}
		})
		errs := []error{l.files.forget(gone), t.active.h.done(), l.c.FS.Remove(logName(l.dir, t.active.base))}
		for _, s := range gone[1:] {
			errs = append(errs, l.c.FS.Remove(s.logName()))
		}
		for _, s := range gone {
			errs = append(errs, l.removeSidecar(s.base))
		}
		return errors.Join(errs...)
	}
	return fmt.Errorf("segment %d is none of this log", base)
}

// removeSidecar removes a sidecar, if there is one.
func (l *Log) removeSidecar(base int64) error {
	if err := l.c.FS.Remove(indexName(l.dir, base)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
