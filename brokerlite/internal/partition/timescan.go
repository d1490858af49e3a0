package partition

import (
	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/millrun/millrun/brokerlite/recordbatch"
)

// The segments keep records below the log start until no snapshot needs them, and their search by time may find one of
// those. Then what can be read is scanned instead: rare, and over at the second checkpoint.

// OffsetForTime finds the first record that can be read with a timestamp of at least ts, below limit.
func (p *Partition) OffsetForTime(ts, limit int64) (seglog.Stamp, bool, int16) {
	s, found, err := p.segments.OffsetForTime(ts, limit)
	if err == nil && found && s.Offset < p.View().LogStart {
		s, found = seglog.Stamp{}, false
		err = p.scan(limit, func(b recordbatch.Batch) bool { return b.MaxTimestamp() >= ts }, func(r seglog.Stamp) bool {
			if r.Timestamp >= ts {
				s, found = r, true
			}
			return !found
		})
	}
	return s, found, p.readCode(err)
}

// LatestTime finds the first record with the largest timestamp below limit.
func (p *Partition) LatestTime(limit int64) (seglog.Stamp, bool, int16) {
	s, found, err := p.segments.LatestTime(limit)
	if err == nil && found && s.Offset < p.View().LogStart {
		s, found = seglog.Stamp{}, false
		err = p.scan(limit, func(b recordbatch.Batch) bool { return !found || b.MaxTimestamp() > s.Timestamp }, func(r seglog.Stamp) bool {
			if !found || r.Timestamp > s.Timestamp {
				s, found = r, true
			}
			return true
		})
	}
	return s, found, p.readCode(err)
}

// scan gives visit every record from the log start to limit whose batch is wanted, until it returns false.
func (p *Partition) scan(limit int64, wanted func(recordbatch.Batch) bool, visit func(seglog.Stamp) bool) error {
	start := p.View().LogStart
	var d recordbatch.Decoder
	var data []byte
	for offset := start; offset < limit; {
		var err error
		if data, err = p.segments.Read(offset, 1<<20, limit, data[:0]); err != nil || len(data) == 0 {
			return err
		}
		for rest := data; len(rest) > 0; {
			var b recordbatch.Batch
			if b, rest, err = recordbatch.Next(rest); err != nil {
				return err
			}
			offset = b.NextOffset()
			if b.Control() || !wanted(b) {
				continue
			}
			c, _, err := d.Open(b, nil)
			if err != nil {
				return err
			}
			for c.Next() {
				if c.Offset >= start && !visit(seglog.Stamp{Offset: c.Offset, Timestamp: c.Timestamp, LeaderEpoch: b.LeaderEpoch()}) {
					return nil
				}
			}
			if err := c.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}
