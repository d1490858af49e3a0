package embedded

import (
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/commitlog"
)

// pieceBytes is how much of an answer one Poll decodes, rounded up to whole batches: enough to spread the cost of a Poll,
// and records that still fit the core's cache when the caller comes to them.
const pieceBytes = 128 << 10

// fill decodes whole batches from a into to, until there are records of pieceBytes or the answer ends, and moves the
// source's position. A fault leaves in to what came before it.
func (r *reader) fill(to *batch, s *source, a *answer) error {
	raw := a.rest
	to.Partition, to.Stable, to.High, to.Next = s.partition, a.stable, a.high, s.position
	for len(a.rest) > 0 && (len(to.Records) == 0 || len(raw)-len(a.rest) < pieceBytes) {
		b, rest, err := recordbatch.Next(a.rest)
		if err == nil {
			err = b.VerifyCRC()
		}
		visible := false
		if err == nil {
			visible, err = a.visible(b)
		}
		if err == nil && visible {
			err = r.decode(to, b, s.position)
		}
		if err != nil {
			to.raw = raw[:len(raw)-len(a.rest)]
			return err
		}
		a.rest = rest
		if next := b.NextOffset(); next > s.position {
			s.position, to.Next, to.Epoch, to.moved = next, next, b.LeaderEpoch(), true
		}
	}
	to.raw = raw[:len(raw)-len(a.rest)]
	return nil
}

// decode appends the records of b at or above from. After a fault the records of b are gone from to again.
func (r *reader) decode(to *batch, b recordbatch.Batch, from int64) error {
	c, spill, err := r.decoder.Open(b, to.spill)
	if err != nil {
		return err
	}
	to.spill = spill
	first, firstHeader, space := len(to.Records), len(to.Headers), cap(to.Headers)
	for c.Next() {
		if c.Offset < from {
			continue
		}
		record := commitlog.Record{Key: c.Key, Value: c.Value, Timestamp: c.Timestamp, Offset: c.Offset}
		if c.HeaderCount > 0 {
			at := len(to.Headers)
			for h := c.Headers(); h.Next(); {
				to.Headers = append(to.Headers, commitlog.Header{Key: r.decoder.Intern(h.Key), Value: h.Value})
			}
			record.Headers = to.Headers[at:len(to.Headers):len(to.Headers)]
		}
		to.Records = append(to.Records, record)
	}
	if err := c.Err(); err != nil {
		to.Records, to.Headers = to.Records[:first], to.Headers[:firstHeader]
		return err
	}
	if cap(to.Headers) != space {
		to.regroup()
	}
	return nil
}
