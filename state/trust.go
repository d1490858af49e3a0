package state

import (
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// Extent is what a log has of a partition that a store follows, at the moment when somebody asked.
type Extent struct {
	Partition  commitlog.Partition
	Start, End int64 // the first offset, and the high watermark
}

// Unfit tells why what the store holds must not be followed up, for Reject; "" if it may be (S-12). It is asked after Open, which
// has compared the topics' ids, and before the first record. changelogs are in the order of Identity.Changelogs; journal is nil
// for a store that follows none. keep is how long the changelogs remember deletions (delete.retention.ms); 0 trusts a store
// only if it lacks nothing.
func (s *Store) Unfit(journal *Extent, changelogs []Extent, keep time.Duration) string {
	mark, last := s.Mark(), s.Last()
	if journal != nil {
		if why := journal.unfit(mark.Journal.Next, last.Journal.Next); why != "" {
			return why
		}
	}
	behind := ""
	for i, a := range mark.Changelogs {
		newest := int64(0) // of another mark, which may be shorter or missing
		if i < len(last.Changelogs) {
			newest = last.Changelogs[i].Next
		}
		e := &changelogs[i]
		if why := e.unfit(a.Next, newest); why != "" {
			return why
		}
		if a.Next+1 < e.End && behind == "" { // a marker at the end deletes nothing
			behind = e.Partition.Topic
		}
	}
	if behind == "" || mark.Time <= 0 {
		return ""
	}
	// Half, because the clocks of those who wrote, compact and read here are not one, and following takes time as well.
	if age := s.config.Clock.Now().Sub(time.UnixMilli(mark.Time)); age > keep/2 {
		return fmt.Sprintf("the store is %v old and %s forgets deletions after %v", age.Round(time.Second), behind, keep)
	}
	return ""
}

// unfit compares the extent with where a store is: at next, and at newest if an unclean stop may have lost some on the way.
func (e *Extent) unfit(next, newest int64) string {
	switch at := max(next, newest); {
	case at > e.End:
		return fmt.Sprintf("the store is at %d of %v, which ends at %d", at, e.Partition, e.End)
	case next > 0 && next < e.Start:
		return fmt.Sprintf("the store is at %d of %v, which begins at %d", next, e.Partition, e.Start)
	}
	return ""
}

// Extents puts together what Offsets of a log has given for the same partitions at both ends.
func Extents(starts, ends []commitlog.Position) []Extent {
	all := make([]Extent, len(starts))
	for i := range starts {
		all[i] = Extent{starts[i].Partition, starts[i].Offset, ends[i].Offset}
	}
	return all
}
