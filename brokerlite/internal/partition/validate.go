package partition

import (
	"errors"
	"sync"
	"time"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Invalid says why a batch is refused.
type Invalid struct {
	Code   int16
	Record int // index of the faulty record, -1 for the whole batch
	Why    string
}

// Validate holds what a producer sent for one partition against all rules that need no lock: that it is one whole, intact
// batch (S1), its size, its timestamps (S6) and, for a compacted topic, its keys (S3). nil: it may be appended.
func (p *Partition) Validate(b []byte, maxBytes int, now time.Time) *Invalid {
	if len(b) == 0 {
		return &Invalid{Code: kerr.InvalidRecord.Code, Record: -1, Why: "no batch, want exactly one"}
	}
	if err := recordbatch.Check(b, maxBytes); err != nil {
		return &Invalid{Code: batchCode(err), Record: -1, Why: err.Error()}
	}
	batch, s := recordbatch.Batch(b), p.Settings()
	if !s.AppendTime {
		stamp, at := batch.MaxTimestamp(), now.UnixMilli()
		switch {
		case stamp >= 0 && s.MaxAfter >= 0 && stamp-at > s.MaxAfter:
			return &Invalid{Code: kerr.InvalidTimestamp.Code, Record: -1, Why: "timestamp further ahead than message.timestamp.after.max.ms"}
		case stamp >= 0 && s.MaxBefore >= 0 && at-stamp > s.MaxBefore:
			return &Invalid{Code: kerr.InvalidTimestamp.Code, Record: -1, Why: "timestamp older than message.timestamp.before.max.ms"}
		}
	}
	if s.Compacted {
		return checkKeys(batch)
	}
	return nil
}

// walker looks into the records of batches.
type walker struct {
	decoder recordbatch.Decoder
	spill   []byte
}

var walkers = sync.Pool{New: func() any { return new(walker) }}

func checkKeys(b recordbatch.Batch) *Invalid {
	w := walkers.Get().(*walker)
	defer walkers.Put(w)
	index, spill, err := w.decoder.CheckRecords(b, w.spill[:0], true)
	w.spill = spill
	if err == nil {
		return nil
	}
	return &Invalid{Code: batchCode(err), Record: index, Why: err.Error()}
}

func batchCode(err error) int16 {
	switch {
	case errors.Is(err, recordbatch.ErrTooLarge):
		return kerr.MessageTooLarge.Code
	case errors.Is(err, recordbatch.ErrUnsupported):
		return kerr.UnsupportedCompressionType.Code
	case errors.Is(err, recordbatch.ErrInvalid):
		return kerr.InvalidRecord.Code
	}
	return kerr.CorruptMessage.Code
}
