package embedded

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/commitlog"
)

// maxOutbox bounds the batches that wait to be sent; Append waits above it.
const maxOutbox = 8

// outbox sends the batches of one transactor in order, one request at a time with at most one batch for each partition.
// Its goroutine lives while there is something to send.
type outbox struct {
	transactor *transactor

	mu struct {
		sync.Mutex
		queue   []*outgoing
		sending bool
		err     error // the first fault since reset: nothing more is sent
		ends    map[commitlog.Partition]int64
		free    [][]byte
		changed chan struct{} // closed and made anew with each answer
	}
}

// buffer gives a buffer for a batch: one that was used before, or none.
func (o *outbox) buffer() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.mu.free); n > 0 {
		b := o.mu.free[n-1]
		o.mu.free = o.mu.free[:n-1]
		return b
	}
	return nil
}

// put queues a batch and waits while the queue is full.
func (o *outbox) put(ctx context.Context, out *outgoing) error {
	for {
		o.mu.Lock()
		if err := o.mu.err; err != nil {
			o.mu.Unlock()
			return err
		}
		if len(o.mu.queue) < maxOutbox {
			o.mu.queue = append(o.mu.queue, out)
			if !o.mu.sending {
				o.mu.sending = true
				// It ends when the queue is empty; Close waits for that.
				go o.send()
			}
			o.mu.Unlock()
			return nil
		}
		changed := o.mu.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", commitlog.ErrUnavailable, context.Cause(ctx))
		}
	}
}

// wait returns when nothing is queued or under way, with the fault if there was one.
func (o *outbox) wait(ctx context.Context) error {
	for {
		o.mu.Lock()
		if !o.mu.sending {
			err := o.mu.err
			o.mu.Unlock()
			return err
		}
		changed := o.mu.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", commitlog.ErrUnavailable, context.Cause(ctx))
		}
	}
}

// fault is the first fault since reset.
func (o *outbox) fault() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mu.err
}

// reset forgets the last transaction. Nothing is under way then.
func (o *outbox) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.err, o.mu.ends = nil, nil
}

// end is the offset after the last record written to p in this transaction.
func (o *outbox) end(p commitlog.Partition) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mu.ends[p]
}

// send empties the queue.
func (o *outbox) send() {
	for {
		round := o.take()
		if round == nil {
			return
		}
		t := o.transactor
		results := make(map[commitlog.Partition]kmsg.ProduceResponseTopicPartition, len(round))
		err := retry(t.life, func() (int16, string, error) { return t.log.produce(t.life, &t.c.ID, round, results) })
		o.settle(round, results, err)
	}
}

// take gives the batches of the next request; nil when there are none, and then sending has ended.
func (o *outbox) take() []*outgoing {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.err != nil {
		for _, out := range o.mu.queue {
			o.keep(out.batch)
		}
		o.mu.queue = nil
	}
	if len(o.mu.queue) == 0 {
		o.mu.sending = false
		o.announce()
		return nil
	}
	var round, rest []*outgoing
	seen := make(map[commitlog.Partition]bool, len(o.mu.queue))
	for _, out := range o.mu.queue {
		if seen[out.partition] {
			rest = append(rest, out)
			continue
		}
		seen[out.partition] = true
		round = append(round, out)
	}
	o.mu.queue = rest
	return round
}

// settle books one answer.
func (o *outbox) settle(round []*outgoing, results map[commitlog.Partition]kmsg.ProduceResponseTopicPartition, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, out := range round {
		result := results[out.partition]
		switch {
		case o.mu.err != nil:
		case err != nil:
			o.mu.err = err
		case result.ErrorCode == 0:
			if o.mu.ends == nil {
				o.mu.ends = make(map[commitlog.Partition]int64)
			}
			o.mu.ends[out.partition] = result.BaseOffset + int64(out.count)
		case result.ErrorCode == codeDuplicateSequence:
			// Written by an earlier try; its offset is kept from there, or unknown.
		default:
			o.mu.err = &produceError{code: result.ErrorCode, err: &commitlog.PartitionError{Partition: out.partition,
				Offset: -1, Err: o.transactor.log.partitionError(result.ErrorCode, text(result.ErrorMessage))}}
		}
		o.keep(out.batch)
	}
	o.announce()
}

// keep stores a buffer for the next batch.
func (o *outbox) keep(buffer []byte) {
	const most = 64
	if len(o.mu.free) < most {
		o.mu.free = append(o.mu.free, buffer[:0])
	}
}

func (o *outbox) announce() {
	close(o.mu.changed)
	o.mu.changed = make(chan struct{})
}

// produceError is a refusal of a batch, with the code that says what to do about it.
type produceError struct {
	code int16
	err  error
}

func (e *produceError) Error() string { return e.err.Error() }
func (e *produceError) Unwrap() error { return e.err }
