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
			x, err := l.indexOf(p)
			if err != nil {
				return err
			}
			for _, a := range x.aborted {
				if a.First < upTo && a.Last >= from {
					aborted = append(aborted, a)
				}
			}
		}
		return nil
	})
	slices.SortFunc(aborted, func(a, b Aborted) int { return cmp.Compare(a.First, b.First) })
	return aborted, err
}

func (p part) abortedFrom() int64 {
	if p.s != nil {
		return p.s.abortedFrom
	}
	return p.a.known().AbortedFrom
}
