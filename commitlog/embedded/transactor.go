package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/commitlog"
)

// The defaults of commitlog.TransactorConfig.
const (
	defaultTimeout    = 60 * time.Second
	defaultBatchBytes = 512 << 10
)

// phase is where a transactor stands. Every call moves it one way:
//
//	idle -> open (Append, Commit with offsets) -> idle (Commit, Abort, Renew)
//	open -> broken (a fault) -> idle (Abort, Renew)
//	any  -> closed
type phase int8

const (
	idle phase = iota
	open
	broken
	closed
)

// transactor keeps commitlog.Transactor over transaction protocol 2. Records are encoded straight into one batch for each
// partition; full batches leave through the outbox while Append goes on; Commit sends the rest, then the offsets, then the
// end.
type transactor struct {
	log         *Log
	c           commitlog.TransactorConfig
	compression recordbatch.Compression
	life        context.Context // of requests; ends with Close
	stop        context.CancelFunc
	producer    recordbatch.Producer // id and epoch of the next request

	phase   phase
	fault   error // why broken
	sent    bool  // the broker may know of the transaction
	written []*target
	targets map[commitlog.Partition]*target // written in this transaction or before: their buffers serve again
	limits  map[string]topicLimits
	outbox  outbox
	flight  *flight // a request nobody waited for to the end, else nil
	scratch []recordbatch.Header
}

// OpenTransactor implements commitlog.Log.
func (l *Log) OpenTransactor(ctx context.Context, c commitlog.TransactorConfig) (commitlog.Transactor, error) {
	compression, err := recordbatch.ParseCompression(c.Compression)
	if err != nil || c.ID == "" || c.Timeout < 0 || c.BatchBytes < 0 {
		return nil, fmt.Errorf("open transactor: %w: %+v: ID is needed, sizes and times are 0 or more, compression is one of Kafka's",
			commitlog.ErrInvalidConfig, c)
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.BatchBytes == 0 {
		c.BatchBytes = defaultBatchBytes
	}
	producer, err := l.initProducer(ctx, &c.ID, c.Timeout, recordbatch.NoProducer)
	if err != nil {
		return nil, fmt.Errorf("open transactor %s: %w", c.ID, err)
	}
	t := &transactor{log: l, c: c, compression: compression, producer: producer,
		targets: make(map[commitlog.Partition]*target), limits: make(map[string]topicLimits)}
	t.life, t.stop = context.WithCancel(context.Background())
	t.outbox.transactor = t
	t.outbox.mu.changed = make(chan struct{})
	return t, nil
}

// Append implements commitlog.Transactor.
func (t *transactor) Append(ctx context.Context, p commitlog.Partition, records []commitlog.Record) error {
	if err := t.ready(); err != nil {
		return fmt.Errorf("append: %w", t.verdict(ctx, err))
	}
	if len(records) == 0 {
		return nil
	}
	to, err := t.target(ctx, p)
	if err != nil {
		return fmt.Errorf("append: %w", t.verdict(ctx, t.breakUp(err)))
	}
	refused := to.check(records, &t.scratch)
	if errors.Is(refused, commitlog.ErrTooLarge) {
		// The topic may have been given a higher limit since it was asked.
		t.forgetLimits()
		if to, err = t.target(ctx, p); err != nil {
			return fmt.Errorf("append: %w", t.verdict(ctx, t.breakUp(err)))
		}
		refused = to.check(records, &t.scratch)
	}
	if refused != nil {
		return fmt.Errorf("append: %w", refused)
	}
	t.phase = open
	if err := t.write(ctx, to, records); err != nil {
		return fmt.Errorf("append: %w", t.verdict(ctx, t.breakUp(err)))
	}
	return nil
}

// ready says whether the transaction can go on.
func (t *transactor) ready() error {
	switch t.phase {
	case closed:
		return commitlog.ErrClosed
	case broken:
		return fmt.Errorf("%w: Abort or Renew must follow: %w", commitlog.ErrAborted, t.fault)
	case open:
		if fault := t.outbox.fault(); fault != nil {
			return t.breakUp(fault)
		}
	}
	return nil
}

// breakUp ends the transaction for Append and Commit.
func (t *transactor) breakUp(err error) error {
	t.phase, t.fault = broken, err
	return err
}

// write encodes records and hands full batches to the outbox.
func (t *transactor) write(ctx context.Context, to *target, records []commitlog.Record) error {
	now := t.log.clock.Now().UnixMilli()
	if !to.touched {
		to.touched = true
		t.written = append(t.written, to)
	}
	for i := range records {
		r := &records[i]
		timestamp := r.Timestamp
		if timestamp == -1 {
			timestamp = now
		}
		headers := t.scratch[:0]
		if len(r.Headers) > 0 {
			headers = appendHeaders(headers, r.Headers)
			t.scratch = headers
		}
		if to.encoder.Count() > 0 &&
			to.encoder.Len()+recordbatch.MaxRecordBytes(r.Key, r.Value, headers) > to.batchBytes {
			if err := t.seal(ctx, to); err != nil {
				return err
			}
		}
		if to.encoder.Count() == 0 {
			to.encoder.Begin(t.outbox.buffer(), t.compression)
		}
		to.encoder.Append(r.Key, r.Value, headers, timestamp)
	}
	return nil
}

// seal ends the batch of a target and hands it to the outbox, waiting while that is full.
func (t *transactor) seal(ctx context.Context, to *target) error {
	count := int32(to.encoder.Count())
	p := t.producer
	p.Sequence = to.sequence
	batch, err := to.encoder.End(p)
	if err != nil {
		return &commitlog.PartitionError{Partition: to.partition, Offset: -1, Err: corruptError(err)}
	}
	to.sequence = recordbatch.AddSequence(to.sequence, count)
	t.sent = true
	return t.outbox.put(ctx, &outgoing{partition: to.partition, batch: batch, count: count})
}

// Close implements commitlog.Transactor.
func (t *transactor) Close() error {
	t.phase = closed
	t.stop()
	t.outbox.wait(context.Background())
	if t.flight != nil {
		<-t.flight.done
	}
	return nil
}
