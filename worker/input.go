package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
)

// input is one input stream of a task: what is fetched and where the task stands.
type input struct {
	decl   *decl.Input
	stream *decl.Stream
	part   commitlog.Partition
	queue  []*commitlog.Batch // fetched; the first one is being taken
	at     int                // next record of queue[0]
	next   int64              // position: offset of the next record to handle
	read   int64              // fetched up to here
	high   int64              // high watermark as last seen
	stable int64              // last stable offset as last seen
	limit  int64              // take nothing at or above; -1: no limit
	checks int                // records until the partitioner is checked again
	seen   int64              // records whose partitioner was checked in a row, at most checkFirst
}

// ready tells whether a record is in hand.
func (in *input) ready() bool { return len(in.queue) > 0 && in.at < len(in.queue[0].Records) }

// head is the record in hand.
func (in *input) head() *commitlog.Record { return &in.queue[0].Records[in.at] }

// time is the event time of the record in hand, for picking; a value that does not decode counts by its record's time.
func (in *input) time() int64 {
	r := in.head()
	if in.stream.EventTime != nil && r.Value != nil {
		if ms, err := guardTime(in.stream, r); err == nil {
			return ms
		}
	}
	return r.Timestamp
}

// closed tells that nothing more may be taken: the limit is reached.
func (in *input) closed() bool { return in.limit >= 0 && in.next >= in.limit }

// fetch takes the next batch from the log, waiting for one or for a message.
func (t *task) fetch() error {
	b, err := t.reader.Poll(t.ctx, pollWait)
	switch {
	case err != nil:
		return t.fetchFault(err)
	case b == nil:
		return nil
	}
	in := t.inputOf(b.Partition)
	if in == nil {
		err := t.followForeign(b)
		b.Release()
		return err
	}
	in.high, in.stable = max(b.High, b.Next), b.Stable
	in.read = b.Next
	t.now = t.ed.unit.worker.config.Clock.Now()
	if len(b.Records) == 0 && len(in.queue) == 0 {
		t.passEmpty(in, b.Next)
		b.Release()
		return nil
	}
	in.queue = append(in.queue, b)
	return nil
}

// fetchWait is how long the log may hold a fetch for a quiet task: what ends it is a record or a message, so an idle worker
// costs next to nothing.
const fetchWait = 10 * time.Second

// pollWait bounds one wait for the log; messages end it earlier.
const pollWait = 30 * time.Second

func (t *task) inputOf(p commitlog.Partition) *input {
	for _, in := range t.inputs {
		if in.part == p {
			return in
		}
	}
	return nil
}

// passEmpty moves an input over offsets that hold no records: markers, aborted data, holes (S-17).
//
// A task that holds moves none of its public inputs, not over markers either: where it said it stopped is where it stands.
func (t *task) passEmpty(in *input, next int64) {
	if t.holding && !in.stream.Internal {
		return
	}
	if in.limit >= 0 {
		next = min(next, in.limit)
	}
	if next > in.next {
		in.next = next
		t.touch()
	}
}

// pop lets go of the batch whose records are all taken.
func (t *task) pop(in *input) {
	b := in.queue[0]
	in.queue[0] = nil
	in.queue = in.queue[:copy(in.queue, in.queue[1:])]
	in.at = 0
	t.passEmpty(in, b.Next)
	b.Release()
}

func (t *task) dropQueues() {
	for _, in := range t.inputs {
		for _, b := range in.queue {
			b.Release()
		}
		clear(in.queue)
		in.queue, in.at = in.queue[:0], 0
	}
}

// fetchFault decides about an error of the reader. The fault of one partition parks the task there; any other one ends it.
func (t *task) fetchFault(err error) error {
	if t.ctx.Err() != nil {
		return t.ctx.Err()
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	var pe *commitlog.PartitionError
	if !errors.As(err, &pe) {
		return fmt.Errorf("%s: read inputs: %w", t.name(), err)
	}
	in := t.inputOf(pe.Partition)
	if in == nil {
		return t.foreignFault(pe.Partition, err)
	}
	if errors.Is(err, commitlog.ErrOutOfRange) {
		return t.outOfRange(in, err)
	}
	t.park(in, nil, fmt.Errorf("input %s: %w", in.stream.Name, err))
	return nil
}

// outOfRange follows S-16: a position that the log does not have any more stops the task, or, where asked for, goes on
// behind the gap, counted.
func (t *task) outOfRange(in *input, cause error) error {
	start, err := t.offset(in.part, commitlog.Start)
	if err != nil {
		return err
	}
	end, err := t.offset(in.part, commitlog.End)
	if err != nil {
		return err
	}
	if t.ed.unit.worker.config.SkipLost && in.read < start && t.follow == nil {
		t.counts.lost += start - in.read
		t.log.Error("records were deleted before this task read them: going on behind the gap",
			"topic", in.part.Topic, "wanted", in.read, "first", start)
		in.read = start
		if len(in.queue) == 0 {
			t.passEmpty(in, start)
		}
		t.reader.Seek(in.part, start)
		return nil
	}
	t.park(in, nil, fmt.Errorf("input %s: position %d is outside of the log, which holds %d to %d: retention overtook the task, or the topic was made anew; Config.SkipLost goes on behind the gap: %w",
		in.part, in.read, start, end, cause))
	return nil
}

func (t *task) stableEnd(p commitlog.Partition) (int64, error) {
	pos, err := t.ed.unit.worker.logc.Offsets(t.ctx, []commitlog.Partition{p}, commitlog.End, commitlog.ReadCommitted)
	if err != nil {
		return 0, fmt.Errorf("%s: end of %v: %w", t.name(), p, err)
	}
	return pos[0].Offset, nil
}

func (t *task) offset(p commitlog.Partition, at commitlog.At) (int64, error) {
	pos, err := t.ed.unit.worker.logc.Offsets(t.ctx, []commitlog.Partition{p}, at, commitlog.ReadUncommitted)
	if err != nil {
		return 0, fmt.Errorf("%s: offsets of %v: %w", t.name(), p, err)
	}
	return pos[0].Offset, nil
}
