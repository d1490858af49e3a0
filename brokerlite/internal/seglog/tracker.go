package seglog

import "github.com/millrun/millrun/brokerlite/recordbatch"

// tracker follows the transactions of a run of batches, so that an abort marker finds the first offset of what it aborts.
//
// It has seen every batch from since on. A transaction that it saw begin, or whose producer it saw end another one before,
// is known. For any other the beginning may lie below since: then the batches there are searched. A batch with sequence 0
// begins a producer epoch, and so a transaction: behind it nothing needs to be searched.
type tracker struct {
	since int64
	open  map[int64]int64    // producer id: first offset seen of its open transaction
	whole map[int64]struct{} // producer ids of which nothing below since matters any more
}

// maxTracked bounds the producers a tracker knows. Beyond it starts anew, and searches more.
const maxTracked = 1 << 16

func (t *tracker) reset(since int64) {
	t.since = since
	t.open = map[int64]int64{}
	t.whole = map[int64]struct{}{}
}

// see takes the next batch and gives the transaction it aborts, if it does. below finds the first offset of a producer's
// transaction in the batches below since, or -1.
func (t *tracker) see(b recordbatch.Batch, below func(producerID, since int64) (int64, error)) (*Aborted, error) {
	if !b.Transactional() {
		return nil, nil
	}
	id := b.ProducerID()
	if !b.Control() {
		if _, ok := t.open[id]; !ok {
			t.open[id] = b.BaseOffset()
			if b.BaseSequence() == 0 {
				t.whole[id] = struct{}{}
			}
		}
		return nil, nil
	}
	m, err := recordbatch.ParseMarker(b)
	if err != nil {
		return nil, nil // a control batch of a kind nobody knows ends nothing
	}
	first, ok := t.open[id]
	if _, whole := t.whole[id]; !m.Commit && !whole {
		earlier, err := below(id, t.since)
		if err != nil {
			return nil, err
		}
		if earlier >= 0 {
			first, ok = earlier, true
		}
	}
	delete(t.open, id)
	t.whole[id] = struct{}{}
	if len(t.whole) > maxTracked {
		t.reset(b.NextOffset())
	}
	if m.Commit || !ok {
		return nil, nil // an abort without records hides nothing
	}
	return &Aborted{ProducerID: id, First: first, Last: b.BaseOffset()}, nil
}

// firstOf searches the batches below an offset, newest segment first, for the transaction of a producer that is open
// there.
func (l *Log) firstOf(producerID, below int64) (int64, error) {
	first := int64(-1)
	t := l.set.Load()
	segments := append([]*sealed(nil), t.sealed...)
	if t.active != nil && t.active.base < below {
		found, ended, err := l.firstIn(t.active, nil, producerID, below)
		if err != nil || ended {
			return found, err
		}
		first = found
	}
	for i := len(segments) - 1; i >= 0; i-- {
		if segments[i].base >= below {
			continue
		}
		found, ended, err := l.firstIn(nil, segments[i], producerID, below)
		if err != nil {
			return -1, err
		}
		if found >= 0 {
			first = found
		}
		if ended {
			break
		}
	}
	return first, nil
}

// firstIn searches one segment. ended: nothing before it matters.
func (l *Log) firstIn(a *active, s *sealed, producerID, below int64) (first int64, ended bool, err error) {
	first = -1
	err = l.within(a, s, func(r *reader) error {
		return r.headers(0, r.base, func(b recordbatch.Batch, _ int64) (bool, error) {
			if b.BaseOffset() >= below {
				return false, nil
			}
			if !b.Transactional() || b.ProducerID() != producerID {
				return true, nil
			}
			switch {
			case b.Control():
				first, ended = -1, true
			case b.BaseSequence() == 0:
				first, ended = b.BaseOffset(), true
			case first < 0:
				first = b.BaseOffset()
			}
			return true, nil
		})
	})
	return first, ended, err
}
