package partition

import (
	"cmp"
	"slices"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/internal/invariant"
	"github.com/twmb/franz-go/pkg/kerr"
)

// state is what the records of the write-ahead log make of a partition: the same fold live and in recovery.
//
// What holds: logStart <= next; open is sorted by first offset, each pid is there once, and the slice is never changed in
// place, so that an undo can keep the old one; epochs rise in both fields.
type state struct {
	next      int64
	logStart  int64
	epochs    []meta.EpochStart
	producers map[int64]*producer
	open      []meta.OpenTxn
}

func newState() state {
	return state{epochs: []meta.EpochStart{{Epoch: 0, Start: 0}}, producers: map[int64]*producer{}}
}

func (s *state) epoch() int32 { return s.epochs[len(s.epochs)-1].Epoch }

// stable is the last stable offset: the first offset of the earliest open transaction, or the end (S13).
func (s *state) stable() int64 {
	if len(s.open) > 0 {
		return s.open[0].First
	}
	return s.next
}

func (s *state) isOpen(pid int64) bool {
	return slices.ContainsFunc(s.open, func(o meta.OpenTxn) bool { return o.PID == pid })
}

// check holds a checked batch of a producer against sequences and open transactions.
func (s *state) check(b recordbatch.Batch) verdict {
	pid := b.ProducerID()
	if pid < 0 {
		return verdict{}
	}
	v := s.producers[pid].check(b)
	if v.code == 0 && v.repeat == nil && !b.Transactional() && s.isOpen(pid) {
		return verdict{code: kerr.InvalidTxnState.Code} // S15
	}
	return v
}

// applyBatch folds a batch with its offsets.
func (s *state) applyBatch(b recordbatch.Batch, now int64, lsn wal.LSN) {
	invariant.Check(b.BaseOffset() == s.next, "batch at offset %d, next is %d", b.BaseOffset(), s.next)
	s.next = b.NextOffset()
	pid := b.ProducerID()
	if pid < 0 {
		return
	}
	p := s.producers[pid]
	if p == nil {
		p = &producer{epoch: b.ProducerEpoch(), last: -1}
		s.producers[pid] = p
	}
	p.add(b, now, lsn)
	if b.Transactional() && !s.isOpen(pid) {
		s.open = append(slices.Clone(s.open), meta.OpenTxn{PID: pid, First: b.BaseOffset()})
	}
}

// applyMarker folds the end of a transaction.
func (s *state) applyMarker(pid int64, markerEpoch int16, offset, now int64) {
	s.next = offset + 1
	p := s.producers[pid]
	if p == nil {
		p = &producer{epoch: markerEpoch, last: -1}
		s.producers[pid] = p
	}
	p.fence(markerEpoch, now)
	s.open = slices.DeleteFunc(slices.Clone(s.open), func(o meta.OpenTxn) bool { return o.PID == pid })
}

// applyEpoch folds a raise of the leader epoch. An epoch without a record of its own leaves no trace.
func (s *state) applyEpoch() {
	e := meta.EpochStart{Epoch: s.epoch() + 1, Start: s.next}
	if last := len(s.epochs) - 1; s.epochs[last].Start == s.next {
		s.epochs[last] = e
		return
	}
	s.epochs = append(s.epochs, e)
}

// applyLogStart folds a deletion at the front. Epochs wholly below it go, but for the one that holds it.
func (s *state) applyLogStart(offset int64) {
	if offset <= s.logStart {
		return
	}
	s.logStart = offset
	for len(s.epochs) > 1 && s.epochs[1].Start <= offset {
		s.epochs = s.epochs[1:]
	}
}

// forget drops producers idle since before limit, in ms, but never one with an open transaction.
func (s *state) forget(limit int64) {
	for id, p := range s.producers {
		if p.seen < limit && !s.isOpen(id) {
			delete(s.producers, id)
		}
	}
}

// makeRoom drops the producer idle longest when there are more than limit.
func (s *state) makeRoom(limit int) {
	if len(s.producers) <= limit {
		return
	}
	oldest, at := int64(-1), int64(0)
	for id, p := range s.producers {
		if (oldest < 0 || cmp.Compare(p.seen, at) < 0) && !s.isOpen(id) {
			oldest, at = id, p.seen
		}
	}
	delete(s.producers, oldest)
}

// before is what undo needs to take one record of one producer back.
type before struct {
	next     int64
	open     []meta.OpenTxn
	pid      int64
	producer producer
	known    bool // the producer was remembered
}

func (s *state) remember(pid int64) before {
	b := before{next: s.next, open: s.open, pid: pid}
	if p := s.producers[pid]; p != nil {
		b.producer, b.known = *p, true
	}
	return b
}

// undo takes the newest record back.
func (s *state) undo(b before) {
	s.next, s.open = b.next, b.open
	if b.pid < 0 {
		return
	}
	if !b.known {
		delete(s.producers, b.pid)
		return
	}
	p := b.producer
	s.producers[b.pid] = &p
}
