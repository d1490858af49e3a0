package partition

import (
	"cmp"
	"slices"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/twmb/franz-go/pkg/kerr"
)

// windowBatches is how many batches of a producer are remembered, and so how many it may have under way (S7).
const windowBatches = 5

// producer is what a partition remembers of one producer id.
//
// What holds: batches are consecutive in sequence, oldest first; last is the newest one's last sequence, or -1 when the
// epoch is new and the next sequence must be 0.
type producer struct {
	epoch   int16
	last    int32
	seen    int64 // ms of the broker's clock at the newest batch
	count   int
	batches [windowBatches]remembered
}

type remembered struct {
	meta.Window
	lsn wal.LSN
}

// verdict of a check: append it, or it is a repeat of the batch remembered, or a refusal.
type verdict struct {
	repeat *remembered
	code   int16
}

// check holds a batch with a producer id against the window. A producer nobody remembers may begin anywhere: its state
// may have been forgotten.
func (p *producer) check(b recordbatch.Batch) verdict {
	if p == nil {
		return verdict{}
	}
	epoch, first, last := b.ProducerEpoch(), b.BaseSequence(), b.LastSequence()
	switch {
	case epoch < p.epoch:
		return verdict{code: kerr.InvalidProducerEpoch.Code}
	case epoch > p.epoch:
		if first != 0 {
			return verdict{code: kerr.OutOfOrderSequenceNumber.Code}
		}
		return verdict{}
	}
	for i := range p.batches[:p.count] {
		if w := &p.batches[i]; w.First == first && w.Last == last {
			return verdict{repeat: w}
		}
	}
	if want := recordbatch.AddSequence(max(p.last, -1), 1); p.last < 0 && first != 0 || p.last >= 0 && first != want {
		return verdict{code: kerr.OutOfOrderSequenceNumber.Code}
	}
	return verdict{}
}

// add folds a batch.
func (p *producer) add(b recordbatch.Batch, now int64, lsn wal.LSN) {
	if b.ProducerEpoch() != p.epoch {
		p.epoch, p.count = b.ProducerEpoch(), 0
	}
	if p.count == windowBatches {
		copy(p.batches[:], p.batches[1:])
		p.count--
	}
	w := meta.Window{First: b.BaseSequence(), Last: b.LastSequence(), Base: b.BaseOffset(), End: b.LastOffset(),
		Timestamp: appendTime(b)}
	p.batches[p.count] = remembered{w, lsn}
	p.count++
	p.last, p.seen = b.LastSequence(), now
}

// appendTime is the timestamp the broker gave, -1 where the producer's count.
func appendTime(b recordbatch.Batch) int64 {
	if b.LogAppendTime() {
		return b.MaxTimestamp()
	}
	return -1
}

// fence folds a marker: its epoch is the newest, sequences begin anew if the epoch rose.
func (p *producer) fence(epoch int16, now int64) {
	if epoch > p.epoch {
		p.epoch, p.count, p.last = epoch, 0, -1
	}
	p.seen = now
}

func exportProducers(all map[int64]*producer) []meta.Producer {
	out := make([]meta.Producer, 0, len(all))
	for id, p := range all {
		m := meta.Producer{ID: id, Epoch: p.epoch, Timestamp: p.seen, Last: p.last}
		for _, b := range p.batches[:p.count] {
			m.Batches = append(m.Batches, b.Window)
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b meta.Producer) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func importProducers(ms []meta.Producer) map[int64]*producer {
	all := make(map[int64]*producer, len(ms))
	for _, m := range ms {
		p := &producer{epoch: m.Epoch, last: m.Last, seen: m.Timestamp}
		for _, b := range m.Batches[max(0, len(m.Batches)-windowBatches):] {
			p.batches[p.count] = remembered{Window: b}
			p.count++
		}
		all[m.ID] = p
	}
	return all
}
