package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/commitlog"
)

// defaultWriterBytes is the default of commitlog.WriterConfig.BufferBytes.
const defaultWriterBytes = 32 << 20

// writer keeps commitlog.Writer. Append hands a call to one goroutine, run, and waits. While one request waits for the
// disk the next calls gather; they leave together, those for one partition as one batch. One request is under way at a
// time, so order per partition needs no further care.
type writer struct {
	log         *Log
	c           commitlog.WriterConfig
	compression recordbatch.Compression
	life        context.Context // ends with Close, after the last call
	stop        context.CancelFunc
	kick        chan struct{} // one slot: a call has come, or Close
	done        chan struct{} // closed when run has ended

	// Of run alone.
	producer recordbatch.Producer // Sequence is not used
	next     map[commitlog.Partition]int32
	stale    bool // the broker and the sequences may disagree: take a new producer id before the next batch
	scratch  []recordbatch.Header
	encoder  recordbatch.Encoder
	buffers  [][]byte

	mu struct {
		sync.Mutex
		queue  []*appendCall
		bytes  int           // of all calls not answered yet
		room   chan struct{} // closed and made anew when bytes fall
		closed bool
	}
}

// appendCall is one Append. Its records may be read only under its lock while it is not abandoned: then they are the
// caller's again.
type appendCall struct {
	partition commitlog.Partition
	records   []commitlog.Record
	bytes     int
	done      chan struct{} // closed after position and err are set

	position commitlog.Position
	err      error

	mu struct {
		sync.Mutex
		taken     bool // in a request
		abandoned bool
	}
}

// OpenWriter implements commitlog.Log.
func (l *Log) OpenWriter(ctx context.Context, c commitlog.WriterConfig) (commitlog.Writer, error) {
	compression, err := recordbatch.ParseCompression(c.Compression)
	if err != nil || c.Linger < 0 || c.BufferBytes < 0 {
		return nil, fmt.Errorf("open writer: %w: %+v: sizes and waits are 0 or more, compression is one of Kafka's",
			commitlog.ErrInvalidConfig, c)
	}
	if c.BufferBytes == 0 {
		c.BufferBytes = defaultWriterBytes
	}
	w := &writer{log: l, c: c, compression: compression, kick: make(chan struct{}, 1), done: make(chan struct{})}
	w.mu.room = make(chan struct{})
	if err := w.renew(ctx); err != nil {
		return nil, fmt.Errorf("open writer: %w", err)
	}
	w.life, w.stop = context.WithCancel(context.Background())
	// Close stops it and waits for it.
	go w.run()
	return w, nil
}

// renew takes a new producer id, with which all sequences start at 0.
func (w *writer) renew(ctx context.Context) error {
	p, err := w.log.initProducer(ctx, nil, 0, recordbatch.NoProducer)
	if err == nil {
		w.producer, w.next, w.stale = p, make(map[commitlog.Partition]int32), false
	}
	return err
}

// Append implements commitlog.Writer.
func (w *writer) Append(ctx context.Context, p commitlog.Partition, records []commitlog.Record) (commitlog.Position, error) {
	none := commitlog.Position{Partition: p, Offset: -1}
	if err := checkTimestamps(p, records); err != nil {
		return none, fmt.Errorf("append: %w", err)
	}
	call := &appendCall{partition: p, records: records, done: make(chan struct{})}
	var scratch []recordbatch.Header
	for i := range records {
		scratch = appendHeaders(scratch[:0], records[i].Headers)
		call.bytes += recordbatch.MaxRecordBytes(records[i].Key, records[i].Value, scratch)
	}
	if err := w.enqueue(ctx, call); err != nil || len(records) == 0 {
		return none, err
	}
	select {
	case <-call.done:
		return call.position, call.err
	case <-ctx.Done():
		return w.abandon(ctx, call)
	}
}

// enqueue waits for room and hands the call over.
func (w *writer) enqueue(ctx context.Context, call *appendCall) error {
	for {
		w.mu.Lock()
		if w.mu.closed {
			w.mu.Unlock()
			return fmt.Errorf("append to %v: %w", call.partition, commitlog.ErrClosed)
		}
		if ctx.Err() != nil {
			w.mu.Unlock()
			return fmt.Errorf("append to %v: nothing was sent: %w", call.partition, context.Cause(ctx))
		}
		if len(call.records) == 0 {
			w.mu.Unlock()
			return nil
		}
		if w.mu.bytes == 0 || w.mu.bytes+call.bytes <= w.c.BufferBytes {
			w.mu.bytes += call.bytes
			w.mu.queue = append(w.mu.queue, call)
			w.mu.Unlock()
			signal(w.kick)
			return nil
		}
		room := w.mu.room
		w.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
		}
	}
}

// abandon gives a call up whose context has ended. When it returns the records are the caller's.
func (w *writer) abandon(ctx context.Context, call *appendCall) (commitlog.Position, error) {
	call.mu.Lock()
	defer call.mu.Unlock()
	select {
	case <-call.done: // both happened; the answer is worth more
		return call.position, call.err
	default:
	}
	call.mu.abandoned = true
	none := commitlog.Position{Partition: call.partition, Offset: -1}
	if !call.mu.taken {
		return none, fmt.Errorf("append to %v: nothing was sent: %w", call.partition, context.Cause(ctx))
	}
	return none, fmt.Errorf("append to %v: %w: %w", call.partition, commitlog.ErrUnknownOutcome, context.Cause(ctx))
}

// answer ends calls.
func (w *writer) answer(calls []*appendCall, base int64, err error) {
	bytes := 0
	for _, call := range calls {
		bytes += call.bytes
		call.position = commitlog.Position{Partition: call.partition, Offset: base}
		if err != nil {
			call.position.Offset = -1
			call.err = fmt.Errorf("append: %w", &commitlog.PartitionError{Partition: call.partition, Offset: -1, Err: err})
		} else if base >= 0 {
			base += int64(len(call.records))
		}
		close(call.done)
	}
	w.mu.Lock()
	w.mu.bytes -= bytes
	close(w.mu.room)
	w.mu.room = make(chan struct{})
	w.mu.Unlock()
}

// Close implements commitlog.Writer.
func (w *writer) Close() error {
	w.mu.Lock()
	w.mu.closed = true
	w.mu.Unlock()
	signal(w.kick)
	<-w.done
	w.stop()
	return nil
}

// run is the loop of the writer's goroutine.
func (w *writer) run() {
	defer close(w.done)
	w.idle() // the first call may have come before this goroutine: it lingers too
	for {
		w.mu.Lock()
		queue, closed := w.mu.queue, w.mu.closed
		w.mu.queue = nil
		w.mu.Unlock()
		switch {
		case len(queue) > 0:
			w.send(queue)
		case closed:
			return
		default:
			w.idle()
		}
	}
}

// idle waits for a call and then for its company.
func (w *writer) idle() {
	<-w.kick
	w.linger()
}

// linger waits for company of the first call, until the time is up or the writer closes.
func (w *writer) linger() {
	if w.c.Linger <= 0 {
		return
	}
	timer := w.log.clock.NewTimer(w.c.Linger)
	defer timer.Stop()
	for {
		w.mu.Lock()
		waits := len(w.mu.queue) > 0 && !w.mu.closed
		w.mu.Unlock()
		if !waits {
			return
		}
		select {
		case <-timer.C():
			return
		case <-w.kick:
		}
	}
}

// checkTimestamps refuses what the contract refuses, before anything is sent.
func checkTimestamps(p commitlog.Partition, records []commitlog.Record) error {
	for i := range records {
		if records[i].Timestamp < -1 {
			return &commitlog.PartitionError{Partition: p, Offset: -1, Err: fmt.Errorf(
				"%w: record %d has timestamp %d, want at least -1", commitlog.ErrInvalidRecord, i, records[i].Timestamp)}
		}
	}
	return nil
}

func appendHeaders(dst []recordbatch.Header, headers []commitlog.Header) []recordbatch.Header {
	for _, h := range headers {
		dst = append(dst, recordbatch.Header(h))
	}
	return dst
}

// encode adds records to the batch under way; now stands for a timestamp nobody gave.
func encode(e *recordbatch.Encoder, records []commitlog.Record, now time.Time, scratch []recordbatch.Header) []recordbatch.Header {
	ms := now.UnixMilli()
	for i := range records {
		r := &records[i]
		timestamp := r.Timestamp
		if timestamp == -1 {
			timestamp = ms
		}
		if len(r.Headers) == 0 {
			e.Append(r.Key, r.Value, nil, timestamp)
			continue
		}
		scratch = appendHeaders(scratch[:0], r.Headers)
		e.Append(r.Key, r.Value, scratch, timestamp)
	}
	return scratch
}

var errNoAnswer = errors.New("the broker does not answer for the partition")
