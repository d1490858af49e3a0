package worker

import (
	"math"
)

// bound says how far a task may take from the input that was picked before it must pick again.
type bound struct {
	time  int64 // records above it wait; math.MaxInt64: none
	equal bool  // records of exactly that time may be taken (declared earlier)
	upTo  int64 // offset; -1: none
}

var unbounded = bound{time: math.MaxInt64, equal: true, upTo: -1}

// pick chooses the input to take from (S-23): the lowest event time of the records in hand, ties by declared order. An
// input with nothing in hand is waited for only while the log is known to hold records for it. nil: nothing can be taken
// before more is fetched.
func (t *task) pick() (*input, bound) {
	if t.follow != nil {
		return t.follow.pick(t)
	}
	return t.pickByTime(func(in *input) bool { return !(t.holding && !in.stream.Internal) })
}

// pickByTime picks among the inputs that may be taken from.
func (t *task) pickByTime(may func(*input) bool) (*input, bound) {
	if len(t.inputs) == 1 {
		in := t.inputs[0]
		if t.settleHead(in) && may(in) {
			return in, unbounded
		}
		return nil, unbounded
	}
	var best *input
	bestTime, second, secondAt := int64(0), int64(math.MaxInt64), 0
	bestAt := 0
	for i, in := range t.inputs {
		if !may(in) {
			continue
		}
		if !t.settleHead(in) {
			if in.read < in.stable && !in.closed() {
				return nil, unbounded // its next record is on the way and may be the older one
			}
			continue
		}
		at := t.timeOf(in)
		switch {
		case best == nil:
			best, bestTime, bestAt = in, at, i
		case at < bestTime:
			second, secondAt = bestTime, bestAt
			best, bestTime, bestAt = in, at, i
		case at < second:
			second, secondAt = at, i
		}
	}
	if best == nil {
		return nil, unbounded
	}
	return best, bound{time: second, equal: bestAt < secondAt || second == math.MaxInt64, upTo: -1}
}

// timeOf is in.time, with the record noted: an extractor is user code, and may end the goroutine.
func (t *task) timeOf(in *input) int64 {
	if in.stream.EventTime != nil {
		t.from, t.record = in, in.head()
	}
	return in.time()
}

// settleHead lets go of finished batches and tells whether a record is in hand that may be taken.
func (t *task) settleHead(in *input) bool {
	for len(in.queue) > 0 && in.at >= len(in.queue[0].Records) {
		t.pop(in)
	}
	if in.ready() && in.limit >= 0 && in.head().Offset >= in.limit {
		t.passEmpty(in, in.limit) // nothing lies between here and the limit
	}
	return in.ready() && (in.limit < 0 || in.head().Offset < in.limit)
}
