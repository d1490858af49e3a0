// Package producer writes to a stream from outside: from an HTTP handler, a loader, a test.
//
//	in, err := producer.Open(ctx, log, deposits, producer.Config{})
//	pos, err := in.Send(ctx, account, Deposit{Cents: 1000}) // durable; pos goes to view.AtLeast
//
// Send is for one record and its position, Queue and Flush are for many. Records of one key keep their order among all Send
// calls that follow each other, and among all Queue calls; a Send does not wait for what is queued. A retry inside never
// writes a record twice; whether a record is there after ErrUnknownOutcome only the log can tell.
package producer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/processor"
)

// Config is how a producer works. The zero value is good.
type Config struct {
	// Linger is how long a request waits for company; 0: not at all, what comes during one goes with the next.
	Linger time.Duration
	// BufferBytes is how much may be queued and not yet durable, in bytes of keys, values and headers; 0: 32 MiB. Queue waits
	// when it is full. A single record may exceed it.
	BufferBytes int64
	// Partitions is how many partitions the topic gets if it does not exist; 0: a missing topic is an error. That number is for
	// ever, because keys would move.
	Partitions int
}

func (c Config) withDefaults() Config {
	if c.BufferBytes == 0 {
		c.BufferBytes = 32 << 20
	}
	return c
}

func (c Config) validate() error {
	var faults []error
	if c.Linger < 0 {
		faults = append(faults, fmt.Errorf("config: Linger is %v: want 0 or more", c.Linger))
	}
	if c.BufferBytes < 0 {
		faults = append(faults, fmt.Errorf("config: BufferBytes is %d: want 0 or more", c.BufferBytes))
	}
	if c.Partitions < 0 {
		faults = append(faults, fmt.Errorf("config: Partitions is %d: want 0 or more", c.Partitions))
	}
	return errors.Join(faults...)
}

// Producer writes to one stream. Safe for concurrent use. Its connections are the log's; it keeps a goroutine per partition
// that Queue has used, until Close.
type Producer[K, V any] struct {
	encode encoder[K, V]
	stream *decl.Stream
	writer commitlog.Writer
	count  int32         // of partitions, when opened
	turn   atomic.Uint32 // whose turn it is among the partitions, for records without keys
	limit  int64         // of queue.bytes
	wait   sync.WaitGroup
	queue  queue
}

// Open makes a producer of stream. It asks the log how many partitions the topic has, and creates a missing topic only if
// Config.Partitions says how wide. An internal stream belongs to its processor and cannot be written to from outside.
func Open[K, V any](ctx context.Context, log commitlog.Log, stream *processor.Stream[K, V], cfg Config) (*Producer[K, V], error) {
	if stream == nil {
		return nil, errors.New("producer: the stream is nil")
	}
	s := stream.Decl()
	if s.Internal {
		return nil, fmt.Errorf("producer: stream %s is internal: only its processor emits to it", s.Name)
	}
	if err := errors.Join(cfg.validate(), errors.Join(s.Faults...)); err != nil {
		return nil, fmt.Errorf("producer of %s: %w", s.Name, err)
	}
	cfg = cfg.withDefaults()
	count, err := partitions(ctx, log, s.Name, cfg.Partitions)
	if err != nil {
		return nil, fmt.Errorf("producer of %s: %w", s.Name, err)
	}
	w, err := log.OpenWriter(ctx, commitlog.WriterConfig{Linger: cfg.Linger, BufferBytes: int(cfg.BufferBytes)})
	if err != nil {
		return nil, fmt.Errorf("producer of %s: %w", s.Name, err)
	}
	p := &Producer[K, V]{encode: newEncoder(stream), stream: s, writer: w, count: count, limit: cfg.BufferBytes}
	p.queue.init(count)
	return p, nil
}

// partitions finds out how wide the topic is, and creates it if it may.
func partitions(ctx context.Context, log commitlog.Log, topic string, want int) (int32, error) {
	count, err := width(ctx, log, topic)
	if !errors.Is(err, commitlog.ErrUnknownTopic) {
		return count, err
	}
	if want == 0 {
		return 0, &missingTopic{topic}
	}
	err = log.CreateTopic(ctx, commitlog.TopicSpec{Name: topic, Partitions: int32(want)})
	if err != nil && !errors.Is(err, commitlog.ErrTopicExists) { // somebody was faster: theirs counts
		return 0, err
	}
	return width(ctx, log, topic)
}

// missingTopic is commitlog.ErrUnknownTopic with what to do about it.
type missingTopic struct{ topic string }

func (e *missingTopic) Error() string {
	return fmt.Sprintf("topic %s does not exist: create it, or set Config.Partitions", e.topic)
}

func (e *missingTopic) Unwrap() error { return commitlog.ErrUnknownTopic }

func width(ctx context.Context, log commitlog.Log, topic string) (int32, error) {
	topics, err := log.Topics(ctx, topic)
	if err != nil {
		return 0, err
	}
	for _, t := range topics {
		if t.Name == topic && t.Partitions > 0 {
			return t.Partitions, nil
		}
	}
	return 0, fmt.Errorf("%w %s", commitlog.ErrUnknownTopic, topic)
}

// Send writes a record with the time of the log and returns where it stands, once it is durable. When ctx ends first, the
// record may still be written.
func (p *Producer[K, V]) Send(ctx context.Context, key K, value V) (commitlog.Position, error) {
	return p.SendWith(ctx, key, value, processor.Meta{})
}

// SendWith is Send with a timestamp and headers.
func (p *Producer[K, V]) SendWith(ctx context.Context, key K, value V, m processor.Meta) (commitlog.Position, error) {
	rec, err := p.encode.record(key, value, m)
	if err != nil {
		return commitlog.Position{}, err
	}
	return p.send(ctx, rec)
}

// SendTombstone writes a record without a value: in a compacted topic it deletes the key.
func (p *Producer[K, V]) SendTombstone(ctx context.Context, key K) (commitlog.Position, error) {
	rec, err := p.encode.tombstone(key)
	if err != nil {
		return commitlog.Position{}, err
	}
	return p.send(ctx, rec)
}

func (p *Producer[K, V]) send(ctx context.Context, rec commitlog.Record) (commitlog.Position, error) {
	to := commitlog.Partition{Topic: p.stream.Name, Index: p.partition(rec.Key)}
	if rec.Key == nil {
		p.turn.Add(1)
	}
	pos, err := p.writer.Append(ctx, to, []commitlog.Record{rec})
	if err != nil {
		return commitlog.Position{}, fmt.Errorf("send to %s/%d: %w", to.Topic, to.Index, err)
	}
	return pos, nil
}

// partition is where a key belongs. Records without one go to the partition whose turn it is; each request passes the turn on.
func (p *Producer[K, V]) partition(key []byte) int32 {
	if key == nil {
		return int32(p.turn.Load() % uint32(p.count))
	}
	return p.stream.Partitioner.Partition(key, p.count)
}
