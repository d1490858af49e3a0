package wal

import "slices"

// spans is the records that a full disk refused, as ranges of LSNs, and why.
type spans struct {
	ranges []span // ascending, apart from each other
	cause  error  // of the newest
}

type span struct{ first, last LSN }

// maxSpans bounds the memory. Beyond it the two oldest ranges become one: a reserved record between them, long durable,
// is then called failed to whoever still asks, which is never the lie that matters.
const maxSpans = 4096

// add notes one failed record.
func (s *spans) add(lsn LSN, cause error) {
	s.cause = cause
	i, found := s.find(lsn)
	switch {
	case found:
		return
	case i > 0 && s.ranges[i-1].last+1 == lsn:
		s.ranges[i-1].last = lsn
		return
	}
	s.ranges = slices.Insert(s.ranges, i, span{first: lsn, last: lsn})
	if len(s.ranges) > maxSpans {
		s.ranges[1].first = s.ranges[0].first
		s.ranges = slices.Delete(s.ranges, 0, 1)
	}
}

func (s *spans) has(lsn LSN) bool {
	_, found := s.find(lsn)
	return found
}

// find gives the range that holds lsn, or where one would be inserted.
func (s *spans) find(lsn LSN) (int, bool) {
	return slices.BinarySearchFunc(s.ranges, lsn, func(r span, lsn LSN) int {
		switch {
		case r.last < lsn:
			return -1
		case r.first > lsn:
			return 1
		}
		return 0
	})
}
