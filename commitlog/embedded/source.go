package embedded

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/commitlog"
)

// source is one partition of a reader from one Seek to the next.
//
//	position <= next; between them lie the answers
type source struct {
	partition commitlog.Partition
	position  int64     // records below it are not given: Seek's offset, then past what Poll gave
	next      int64     // where the next fetch starts
	answers   []*answer // oldest first
	given     int       // bytes in batches that Poll gave and nobody has released
	fault     error     // given out once, behind the answers
	stopped   bool      // had a fault: fetched again after Seek only
	dropped   bool      // no longer of the reader
}

// starved tells that nothing of the partition is with the reader or its user.
func (s *source) starved() bool { return len(s.answers) == 0 && s.given == 0 }

func newSource(p commitlog.Partition, offset int64) *source {
	s := &source{partition: p, position: offset, next: offset}
	if offset < 0 {
		s.fail(fmt.Errorf("%w: offsets start at 0", commitlog.ErrOutOfRange), offset)
	}
	return s
}

// fail stops the source. The error comes out of Poll when the answers before it are used up.
func (s *source) fail(err error, offset int64) {
	s.fault = &commitlog.PartitionError{Partition: s.partition, Offset: offset, Err: err}
	s.stopped = true
}

// answer is what one fetch brought for one partition, used up batch by batch.
type answer struct {
	rest         []byte                                               // raw batches not decoded yet
	aborted      []kmsg.FetchResponseTopicPartitionAbortedTransaction // by first offset, those not begun yet
	open         []int64                                              // producers whose records belong to an aborted transaction
	stable, high int64
}

func newAnswer(a *kmsg.FetchResponseTopicPartition) *answer {
	// Brokers have sent the list unsorted; the sweep below needs it sorted.
	slices.SortFunc(a.AbortedTransactions, func(x, y kmsg.FetchResponseTopicPartitionAbortedTransaction) int {
		switch {
		case x.FirstOffset < y.FirstOffset:
			return -1
		case x.FirstOffset > y.FirstOffset:
			return 1
		}
		return 0
	})
	return &answer{rest: a.RecordBatches, aborted: a.AbortedTransactions, stable: a.LastStableOffset, high: a.HighWatermark}
}

// visible says whether the records of b count. Batches must come in order: a producer is added to the open ones at the
// first offset of its aborted transaction and removed at the marker.
func (a *answer) visible(b recordbatch.Batch) (bool, error) {
	last := b.LastOffset()
	for len(a.aborted) > 0 && a.aborted[0].FirstOffset <= last {
		a.open = append(a.open, a.aborted[0].ProducerID)
		a.aborted = a.aborted[1:]
	}
	if b.Control() {
		m, err := recordbatch.ParseMarker(b)
		if err != nil {
			return false, err
		}
		if i := slices.Index(a.open, m.ProducerID); i >= 0 && !m.Commit {
			a.open = slices.Delete(a.open, i, i+1)
		}
		return false, nil
	}
	return !b.Transactional() || len(a.open) == 0 || !slices.Contains(a.open, b.ProducerID()), nil
}

// end walks the raw batches and gives the offset after the last whole one and the bytes up to there. A batch the size limit
// has cut comes again with the next fetch.
func end(raw []byte) (next int64, whole int, err error) {
	rest := raw
	for {
		b, after, err := recordbatch.Next(rest)
		if b == nil {
			if err == recordbatch.ErrShort {
				err = nil
			}
			return next, len(raw) - len(rest), err
		}
		next, rest = b.NextOffset(), after
	}
}
