package seglog

import (
	"sync"
	"sync/atomic"
)

// set is the segments of a log at one moment; it never changes. Offsets ascend without overlap, active last.
type set struct {
	start  int64
	sealed []*sealed
	active *active // nil as long as nothing was appended
}

// sealed is a segment that never changes again.
type sealed struct {
	dir          string
	base, next   int64
	bytes        int64
	maxTimestamp int64
	abortedFrom  int64
	createdAt    int64
	compacted    bool
	every        int64

	// kept is the index until its sidecar is written; then it is loaded when needed.
	kept atomic.Pointer[index]
}

func (s *sealed) logName() string { return logName(s.dir, s.base) }

func (s *sealed) known() KnownSegment {
	return KnownSegment{Base: s.base, Bytes: s.bytes, MaxTimestamp: s.maxTimestamp, AbortedFrom: s.abortedFrom, Compacted: s.compacted,
		CreatedAt: s.createdAt}
}

// active is the segment that grows. The writer adds under mu; readers look under it and read the file without.
type active struct {
	base int64
	h    *handle

	mu struct {
		sync.RWMutex
		createdAt   int64
		abortedFrom int64 // -1 for none; counts what the index does not know yet
		synced      bool  // nothing was written since the last sync began
		index
	}
}

func (a *active) known() KnownSegment {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return KnownSegment{Base: a.base, Bytes: a.mu.bytes, MaxTimestamp: a.mu.maxTimestamp, AbortedFrom: a.mu.abortedFrom,
		CreatedAt: a.mu.createdAt}
}

// next is the offset behind the last batch.
func (a *active) next() int64 {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.mu.index.next
}

// find gives the segment that holds an offset, or the first behind it; nil, nil if the set holds none such.
func (t *set) find(offset int64) (*sealed, *active) {
	for lo, hi := 0, len(t.sealed); lo < hi; {
		mid := (lo + hi) / 2
		if t.sealed[mid].next <= offset {
			lo = mid + 1
		} else {
			hi = mid
		}
		if lo == hi && lo < len(t.sealed) {
			return t.sealed[lo], nil
		}
	}
	return nil, t.active
}

// after gives the segment behind s.
func (t *set) after(s *sealed) (*sealed, *active) {
	for i, other := range t.sealed {
		if other.base == s.base && i+1 < len(t.sealed) {
			return t.sealed[i+1], nil
		}
	}
	return nil, t.active
}
