package producer

import (
	"context"
	"fmt"
	"sync"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
)

const (
	// batchBytes and batchRecords bound one append; the bytes stay well under the log's usual limit of 1 MiB.
	batchBytes   = 512 << 10
	batchRecords = 16 << 10
)

// queue is what waits to be sent, by partition.
//
// What must hold: sent <= queued in each lane; bytes is the size of all records between the two; a lane has a sender exactly
// while running is true. Once err is set nothing is taken any more and nothing is sent.
type queue struct {
	mu struct {
		sync.Mutex
		lanes  []lane
		bytes  int64
		err    error // the first failure; it stays
		closed bool
		moved  chan struct{} // closed and replaced when a lane has moved, err was set, or closed
	}
}

// lane is one partition's part. Its sender takes what is waiting as one batch; what comes meanwhile is the next.
type lane struct {
	waiting      []commitlog.Record
	queued, sent int64 // counted since Open
	running      bool
	work         chan struct{} // holds one token when there is something to look at
}

func (q *queue) init(count int32) {
	q.mu.lanes = make([]lane, count)
	q.mu.moved = make(chan struct{})
}

func (q *queue) movedLocked() {
	close(q.mu.moved)
	q.mu.moved = make(chan struct{})
}

// Queue takes a record to be sent with others, and waits only while BufferBytes are queued. Its error is about this record
// (it does not encode, ctx ended, the producer is closed) or the first failure of an earlier one; such a failure stays, and
// records queued behind it are not sent.
func (p *Producer[K, V]) Queue(ctx context.Context, key K, value V) error {
	return p.QueueWith(ctx, key, value, processor.Meta{})
}

// QueueWith is Queue with a timestamp and headers. The bytes of the headers must not change until Flush.
func (p *Producer[K, V]) QueueWith(ctx context.Context, key K, value V, m processor.Meta) error {
	rec, err := p.encode.record(key, value, m)
	if err != nil {
		return err
	}
	return p.enqueue(ctx, rec)
}

func (p *Producer[K, V]) enqueue(ctx context.Context, rec commitlog.Record) error {
	n := size(rec)
	q := &p.queue
	q.mu.Lock()
	for q.mu.err == nil && !q.mu.closed && q.mu.bytes > 0 && q.mu.bytes+n > p.limit {
		moved := q.mu.moved
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			return fmt.Errorf("queue for %s: full with %d bytes: %w", p.stream.Name, p.limit, context.Cause(ctx))
		case <-moved:
		}
		q.mu.Lock()
	}
	defer q.mu.Unlock()
	if q.mu.err != nil {
		return q.mu.err
	}
	if q.mu.closed {
		return fmt.Errorf("queue for %s: %w", p.stream.Name, commitlog.ErrClosed)
	}
	index := p.partition(rec.Key)
	l := &q.mu.lanes[index]
	l.waiting = append(l.waiting, rec)
	l.queued++
	q.mu.bytes += n
	if !l.running {
		l.running, l.work = true, make(chan struct{}, 1)
		p.wait.Add(1)
		go p.sendLane(index, l.work) // stopped and waited for by Close
	}
	wake(l.work)
	return nil
}

func wake(work chan struct{}) {
	select {
	case work <- struct{}{}:
	default: // a token is there already
	}
}

// Flush waits until everything queued before the call is durable, and returns the first failure there was.
func (p *Producer[K, V]) Flush(ctx context.Context) error {
	q := &p.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	ends := make([]int64, len(q.mu.lanes))
	for i := range q.mu.lanes {
		ends[i] = q.mu.lanes[i].queued
	}
	for q.mu.err == nil && !q.reachedLocked(ends) {
		moved := q.mu.moved
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			q.mu.Lock()
			return fmt.Errorf("flush %s: %w", p.stream.Name, context.Cause(ctx))
		case <-moved:
		}
		q.mu.Lock()
	}
	return q.mu.err
}

func (q *queue) reachedLocked(ends []int64) bool {
	for i, end := range ends {
		if q.mu.lanes[i].sent < end {
			return false
		}
	}
	return true
}

// Close sends what is queued, waits for it without limit, and returns the first failure of Queue there was. Who wants a limit
// calls Flush first; closing the log ends the wait too.
func (p *Producer[K, V]) Close() error {
	q := &p.queue
	q.mu.Lock()
	first := !q.mu.closed
	q.mu.closed = true
	for i := range q.mu.lanes {
		if q.mu.lanes[i].running {
			wake(q.mu.lanes[i].work)
		}
	}
	if first {
		q.movedLocked()
	}
	q.mu.Unlock()
	p.wait.Wait()
	q.mu.Lock()
	err := q.mu.err
	q.mu.Unlock()
	if !first {
		return err
	}
	if failed := p.writer.Close(); err == nil && failed != nil {
		err = fmt.Errorf("close producer of %s: %w", p.stream.Name, failed)
	}
	return err
}

// sendLane appends the batches of one partition, one after the other, so that their order stays.
func (p *Producer[K, V]) sendLane(index int32, work chan struct{}) {
	defer p.wait.Done()
	to := commitlog.Partition{Topic: p.stream.Name, Index: index}
	for range work {
		for {
			batch, bytes, last := p.take(index)
			if last {
				return
			}
			if len(batch) == 0 {
				break
			}
			// The records were taken; nobody's context may lose them. Closing the log ends the append.
			_, err := p.writer.Append(context.Background(), to, batch)
			p.took(index, batch, bytes, err)
		}
	}
}

// take gives the next batch; none: wait for work; last: the lane is done for good.
func (p *Producer[K, V]) take(index int32) (batch []commitlog.Record, bytes int64, last bool) {
	q := &p.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	l := &q.mu.lanes[index]
	if q.mu.err != nil || q.mu.closed && len(l.waiting) == 0 {
		return nil, 0, true
	}
	n := 0
	for n < len(l.waiting) && n < batchRecords {
		add := size(l.waiting[n])
		if n > 0 && bytes+add > batchBytes {
			break
		}
		bytes += add
		n++
	}
	if n == 0 {
		return nil, 0, false
	}
	if batch, l.waiting = l.waiting[:n:n], l.waiting[n:]; len(l.waiting) == 0 {
		l.waiting = nil
	}
	if p.stream.Unkeyed {
		p.turn.Add(1)
	}
	return batch, bytes, false
}

// took settles a batch. Its slice serves the next one, if nothing came meanwhile.
func (p *Producer[K, V]) took(index int32, batch []commitlog.Record, bytes int64, err error) {
	records := len(batch)
	clear(batch)
	q := &p.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if l := &q.mu.lanes[index]; l.waiting == nil {
		l.waiting = batch[:0]
	}
	if err != nil && q.mu.err == nil {
		q.mu.err = fmt.Errorf("queued for %s/%d: %w", p.stream.Name, index, err)
		for i := range q.mu.lanes { // the others have nothing to do any more
			if q.mu.lanes[i].running {
				wake(q.mu.lanes[i].work)
			}
		}
	}
	if err == nil {
		q.mu.lanes[index].sent += int64(records)
		q.mu.bytes -= bytes
	}
	q.movedLocked()
}
