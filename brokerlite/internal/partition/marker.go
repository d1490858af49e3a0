package partition

import (
	"time"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/millrun/millrun/brokerlite/recordbatch"
)

// Marking is a partition locked for the end of a transaction. The end holds all its partitions at once, in the order of
// their handles, from Mark to Marked or Unmark (S-50).
type Marking struct {
	p     *Partition
	place seglog.Place
}

// Mark locks the partition and writes the marker into the segment. On an error the partition is as before and unlocked; a
// partition that refuses to work, or is deleted, gives its fault.
func (p *Partition) Mark(e *meta.TxnEnd, now time.Time) (*Marking, meta.Marker, error) {
	p.mu.Lock()
	if err := p.Fault(); err != nil {
		p.mu.Unlock()
		return nil, meta.Marker{}, err
	}
	m := meta.Marker{Place: meta.Place{Handle: p.Handle}, Offset: p.mu.next, LeaderEpoch: p.mu.epoch()}
	place, err := p.segments.Append(MarkerBytes(e, m), now)
	if err != nil {
		if broken := p.segments.Broken(); broken != nil {
			p.Fail(broken)
		}
		p.mu.Unlock()
		return nil, meta.Marker{}, err
	}
	m.Segment, m.At = place.Base, place.At
	return &Marking{p: p, place: place}, m, nil
}

// MarkerBytes are the bytes of a marker; they follow from the record alone (S-54).
func MarkerBytes(e *meta.TxnEnd, m meta.Marker) []byte {
	return recordbatch.AppendMarker(nil, recordbatch.Marker{Commit: e.Commit, ProducerID: e.PID, ProducerEpoch: e.MarkerEpoch,
		Timestamp: e.Timestamp, BaseOffset: m.Offset, LeaderEpoch: m.LeaderEpoch})
}

// Announce prepares for the record that Marked will tell of; it comes before the record is queued. Between the two the
// committer cannot publish this partition.
func (k *Marking) Announce() {
	k.p.pub.Lock()
	k.p.announce()
}

// Marked folds the marker, whose record is lsn, and unlocks.
func (k *Marking) Marked(e *meta.TxnEnd, lsn wal.LSN, now time.Time) {
	p := k.p
	old := p.mu.remember(e.PID)
	p.mu.applyMarker(e.PID, e.MarkerEpoch, p.mu.next, now.UnixMilli())
	p.pub.pending = append(p.pub.pending, pending{lsn: lsn, view: p.folded(), place: k.place, marked: true, before: old})
	p.pub.Unlock()
	p.mu.Unlock()
}

// Refused takes the marker back after Announce, when the log did not take the record, and unlocks.
func (k *Marking) Refused() {
	k.p.pub.Unlock()
	k.Unmark()
}

// Unmark takes the marker back before Announce and unlocks.
func (k *Marking) Unmark() {
	k.p.cut(k.place)
	k.p.mu.Unlock()
}
