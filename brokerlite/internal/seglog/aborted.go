package seglog

import (
	"cmp"
	"slices"
)

// Aborted is a transaction that was aborted in this partition.
type Aborted struct {
	ProducerID int64
	// First is the offset of its first record, Last that of its marker.
	First, Last int64
}

// Aborted gives the aborted transactions that have a record in [from, upTo), by first offset.
func (l *Log) Aborted(from, upTo int64) (aborted []Aborted, err error) {
	err = l.settled(func(t *set) error {
		aborted = nil
		for _, p := range t.parts() {
			if p.end() <= from {
				continue // the marker is not in the segments before
			}
			if first := p.abortedFrom(); first < 0 || first >= upTo {
				continue
			}
			var err error
			if aborted, err = l.abortedIn(p, from, upTo, aborted); err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(aborted, func(a, b Aborted) int { return cmp.Compare(a.First, b.First) })
	return aborted, err
}

// abortedIn appends those of one segment. The growing one's index is looked at in place: a copy for each read of committed
// records would cost more than the read.
func (l *Log) abortedIn(p part, from, upTo int64, dst []Aborted) ([]Aborted, error) {
	var x *index
	var err error
	if p.s == nil {
		if err = l.complete(p.a); err == nil {
			p.a.mu.RLock()
			defer p.a.mu.RUnlock()
			x = &p.a.mu.index
		}
	} else {
		x, err = l.indexOf(p)
	}
	if err != nil {
		return dst, err
	}
	first, _ := slices.BinarySearchFunc(x.aborted, from, func(a Aborted, from int64) int { return cmp.Compare(a.Last, from) })
	for _, a := range x.aborted[first:] {
		if a.First < upTo {
			dst = append(dst, a)
		}
	}
	return dst, nil
}

func (p part) abortedFrom() int64 {
	if p.s != nil {
		return p.s.abortedFrom
	}
	return p.a.known().AbortedFrom
}
