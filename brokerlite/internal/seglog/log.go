package seglog

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync"
	"sync/atomic"
	"time"
)

// Log is one partition on disk. See the package comment for who may call what at the same time.
type Log struct {
	dir   string
	c     Config
	files *Files

	set  atomic.Pointer[set]
	next atomic.Int64

	// The writer's own.
	redone  Place               // behind what Open was told: redo begins here
	missing map[*sealed]*Damage // until CutBehind
	ready   bool                // CutBehind was called
	tracker tracker

	syncing sync.Mutex // one Sync at a time: held over its I/O, and by nobody else
	mu      struct {
		sync.Mutex
		limits   Limits
		dirty    []*handle // of segments sealed since the last sync, not synced yet
		entries  bool      // the directory has entries that may not be durable
		parent   bool      // and so has the one above
		unnamed  []*sealed // sealed segments without a sidecar
		err      error     // final
		unsynced bool      // and it is that of a sync
		closed   bool
	}
}

var errClosed = errors.New("seglog: closed")

// Open opens the partition in dir, which it creates if need be; that dir's parent is durable is the caller's duty. k is what the checkpoint knows, the zero Known for a new
// partition. A known segment that is short is *Damage; one that is missing is, too, if it is still wanted at CutBehind: a
// DropBefore that the checkpoint does not know of may have removed it. Behind the known end nothing is looked at: Redo says
// what belongs there, and CutBehind, which must be called before the first Append, removes the rest.
func Open(dir string, c Config, k Known) (*Log, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := k.check(); err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	l := &Log{dir: dir, c: c.withDefaults(), missing: map[*sealed]*Damage{}}
	l.files = l.c.Files
	l.mu.limits = l.c.Limits
	l.mu.parent = len(k.Segments) == 0
	l.next.Store(k.Next)
	l.tracker.reset(k.Next)
	if err := l.c.FS.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	t := &set{start: k.Start}
	for i, s := range k.Segments {
		last := i+1 == len(k.Segments)
		if !last && k.Segments[i+1].Base <= k.Start {
			continue // dropped; CutBehind removes what may be left of it
		}
		missing, err := l.verifyKnown(s)
		if err != nil {
			return nil, err
		}
		if !last {
			t.sealed = append(t.sealed, l.knownSealed(s, k.Segments[i+1].Base))
			if missing != nil {
				l.missing[t.sealed[len(t.sealed)-1]] = missing
			}
			continue
		}
		if missing != nil {
			return nil, missing
		}
		a, err := l.openActive(s, k.Next)
		if err != nil {
			return nil, err
		}
		t.active = a
		l.redone = Place{Base: s.Base, At: s.Bytes}
	}
	l.set.Store(t)
	return l, nil
}

// check holds Known against itself: what it says is not from a user but from a checkpoint, which may be damaged.
func (k Known) check() error {
	if k.Start < 0 || k.Next < k.Start {
		return fmt.Errorf("known start %d and next %d, want 0 <= start <= next", k.Start, k.Next)
	}
	last := int64(-1)
	for _, s := range k.Segments {
		if s.Base <= last || s.Base > k.Next || s.Bytes < 0 {
			return fmt.Errorf("known segment %d with %d bytes behind segment %d, next offset %d", s.Base, s.Bytes, last, k.Next)
		}
		last = s.Base
	}
	return nil
}

// verifyKnown sees that a known segment has its bytes. An empty one may be missing.
func (l *Log) verifyKnown(s KnownSegment) (missing *Damage, err error) {
	name := logName(l.dir, s.Base)
	info, err := l.c.FS.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.Bytes == 0:
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		return &Damage{File: name, At: 0, Want: fmt.Sprintf("%d bytes that the checkpoint knows; there is no such file", s.Bytes)}, nil
	case err != nil:
		return nil, err
	case info.Size < s.Bytes:
		return nil, &Damage{File: name, At: info.Size, Want: fmt.Sprintf("%d bytes that the checkpoint knows; the file ends here", s.Bytes)}
	}
	return nil, nil
}

func (l *Log) knownSealed(s KnownSegment, next int64) *sealed {
	return &sealed{dir: l.dir, base: s.Base, next: next, bytes: s.Bytes, maxTimestamp: s.MaxTimestamp,
		abortedFrom: s.AbortedFrom, compacted: s.Compacted, createdAt: s.CreatedAt, every: int64(l.c.IndexBytes)}
}

// openActive opens the segment that grows, or makes its file. Its index knows nothing below the end of s yet.
func (l *Log) openActive(s KnownSegment, next int64) (*active, error) {
	name := logName(l.dir, s.Base)
	f, err := l.c.FS.OpenReadWrite(name)
	if errors.Is(err, fs.ErrNotExist) && s.Bytes == 0 {
		l.setDirty(func() { l.mu.entries = true })
		f, err = l.c.FS.Create(name)
	}
	if err != nil {
		return nil, err
	}
	a := &active{base: s.Base, h: newHandle(f)}
	a.mu.createdAt, a.mu.abortedFrom = s.CreatedAt, s.AbortedFrom
	a.mu.index = index{every: int64(l.c.IndexBytes), from: s.Bytes, bytes: s.Bytes, next: next, maxTimestamp: s.MaxTimestamp}
	return a, nil
}

// change replaces the set. Readers keep the one they have.
func (l *Log) change(to func(*set) *set) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set.Store(to(l.set.Load()))
}

func (l *Log) setDirty(do func()) {
	l.mu.Lock()
	do()
	l.mu.Unlock()
}

// Known describes the log as it is now, for a checkpoint. It is durable once a Sync that began later has returned nil.
// It is the writer's to call, or that of somebody who keeps the writer out meanwhile.
func (l *Log) Known() Known {
	t := l.set.Load()
	k := Known{Start: t.start, Next: l.next.Load()}
	for _, s := range t.sealed {
		k.Segments = append(k.Segments, s.known())
	}
	if t.active != nil {
		k.Segments = append(k.Segments, t.active.known())
	}
	return k
}

// Start is the first offset that may be read.
func (l *Log) Start() int64 { return l.set.Load().start }

// Next is the offset that the next record gets.
func (l *Log) Next() int64 { return l.next.Load() }

// Bytes is the size of all segments together.
func (l *Log) Bytes() int64 {
	t := l.set.Load()
	var n int64
	for _, s := range t.sealed {
		n += s.bytes
	}
	if t.active != nil {
		n += t.active.known().Bytes
	}
	return n
}

// SetLimits changes when segments end, from the next append on.
func (l *Log) SetLimits(limits Limits) {
	l.setDirty(func() { l.mu.limits = limits.withDefaults() })
}

// Close lets go of the files; readers at work finish. It does not sync. Later calls fail; a second Close returns nil.
func (l *Log) Close() error {
	l.mu.Lock()
	closed := l.mu.closed
	l.mu.closed = true
	dirty := l.mu.dirty
	l.mu.dirty = nil
	l.mu.Unlock()
	if closed {
		return nil
	}
	t := l.set.Load()
	errs := []error{l.files.forget(t.sealed)}
	if t.active != nil {
		errs = append(errs, t.active.h.done())
	}
	for _, h := range dirty {
		errs = append(errs, h.done())
	}
	return errors.Join(errs...)
}

// usable says why nothing works any more.
func (l *Log) usable() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return errClosed
	}
	return nil
}

// Broken is why nothing can be written any more; nil while it can.
func (l *Log) Broken() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.err
}

// writable says why nothing may be written.
func (l *Log) writable() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return errClosed
	}
	return l.mu.err
}

// fail makes err the answer of every later write.
func (l *Log) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.err == nil {
		l.mu.err = fmt.Errorf("seglog: %s: no more writes, open it again to go on: %w", l.dir, err)
	}
	return l.mu.err
}

func (c Config) check() error {
	switch {
	case c.FS == nil:
		return errors.New("seglog: Config.FS is missing")
	case c.IndexBytes < 0:
		return fmt.Errorf("seglog: Config.IndexBytes is %d, want at least 0", c.IndexBytes)
	case c.Limits.SegmentBytes < 0 || c.Limits.SegmentBytes > maxSegmentBytes:
		return fmt.Errorf("seglog: Limits.SegmentBytes is %d, want 0 to %d", c.Limits.SegmentBytes, int64(maxSegmentBytes))
	}
	return nil
}

const maxSegmentBytes = 1<<31 - 1

func (c Config) withDefaults() Config {
	c.Limits = c.Limits.withDefaults()
	if c.IndexBytes == 0 {
		c.IndexBytes = 32 << 10
	}
	if c.Files == nil {
		c.Files = NewFiles(16)
	}
	return c
}

func (l Limits) withDefaults() Limits {
	if l.SegmentBytes == 0 {
		l.SegmentBytes = 1 << 30
	}
	if l.SegmentAge == 0 {
		l.SegmentAge = 7 * 24 * time.Hour
	}
	return l
}

// parentDir is where the entry of the partition's own directory stands.
func (l *Log) parentDir() string { return path.Dir(l.dir) }
