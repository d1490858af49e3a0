package topologytest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/internal/schema"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
)

// StreamProbe writes to a public stream and reads what it holds.
type StreamProbe[K, V any] struct {
	h      *Harness
	stream *processor.Stream[K, V]
	out    *producer.Producer[K, V]
	epoch  int // of out
}

// Stream gives a probe of s, which an application of the story reads or writes: that of New, or of a Deploy before. The stream
// may also be the topic of a NewTopicTable. An internal stream has no probe: its records are part of what the processor does
// inside.
func Stream[K, V any](h *Harness, s *processor.Stream[K, V]) *StreamProbe[K, V] {
	h.t.Helper()
	if s.Decl().Internal {
		h.t.Fatalf("topologytest: stream %s is internal: look at the tables and outputs that come of it", s.Name())
	}
	if !h.public[s.Name()] {
		h.t.Fatalf("topologytest: stream %s: no processor of application %s reads or emits to it: add On or Emits, or Deploy first the program that does", s.Name(), h.app.Name())
	}
	return &StreamProbe[K, V]{h: h, stream: s}
}

// Send lets all work finish, then writes a record that happens now.
func (p *StreamProbe[K, V]) Send(key K, value V) commitlog.Position {
	p.h.t.Helper()
	return p.SendWith(key, value, processor.Meta{})
}

// SendAt is Send of a record that happened at at. If that is later than now, the clock moves there first.
func (p *StreamProbe[K, V]) SendAt(key K, value V, at time.Time) commitlog.Position {
	p.h.t.Helper()
	p.h.settle()
	if at.After(p.h.Now()) {
		p.h.moveTo(at)
	}
	return p.SendWith(key, value, processor.Meta{Timestamp: at})
}

// SendWith is Send with a timestamp and headers. The clock stays where it is, even if the timestamp lies ahead: the log takes
// it, and the worker's bound for what lies ahead (MaxAhead, one hour) decides.
func (p *StreamProbe[K, V]) SendWith(key K, value V, m processor.Meta) commitlog.Position {
	p.h.t.Helper()
	p.h.settle()
	if m.Timestamp.IsZero() {
		m.Timestamp = p.h.Now()
	}
	pos, err := p.producer().SendWith(p.h.ctx, key, value, m)
	if err != nil {
		p.h.t.Fatalf("topologytest: %v", err)
	}
	return pos
}

// SendTombstone lets all work finish, then writes a record without a value.
func (p *StreamProbe[K, V]) SendTombstone(key K) commitlog.Position {
	p.h.t.Helper()
	p.h.settle()
	pos, err := p.producer().SendTombstone(p.h.ctx, key)
	if err != nil {
		p.h.t.Fatalf("topologytest: %v", err)
	}
	return pos
}

// SendBytes lets all work finish, then writes a record of raw bytes to a partition: what another program, or a broken one,
// may have written. A nil key is none, a nil value a tombstone.
func (p *StreamProbe[K, V]) SendBytes(partition int32, key, value []byte) commitlog.Position {
	p.h.t.Helper()
	p.h.settle()
	p.producer() // the topic exists from here on
	w, err := p.h.life.log.OpenWriter(p.h.ctx, commitlog.WriterConfig{})
	if err != nil {
		p.h.t.Fatalf("topologytest: %v", err)
	}
	defer p.h.closed(w)
	pos, err := w.Append(p.h.ctx, commitlog.Partition{Topic: p.stream.Name(), Index: partition},
		[]commitlog.Record{{Key: key, Value: value, Timestamp: p.h.Now().UnixMilli()}})
	if err != nil {
		p.h.t.Fatalf("topologytest: %v", err)
	}
	return pos
}

func (p *StreamProbe[K, V]) producer() *producer.Producer[K, V] {
	p.h.t.Helper()
	if p.out == nil || p.epoch != p.h.epoch {
		out, err := producer.Open(p.h.ctx, p.h.life.log, p.stream, producer.Config{Partitions: p.h.cfg.Partitions})
		if err != nil {
			p.h.t.Fatalf("topologytest: %v", err)
		}
		p.out, p.epoch = out, p.h.epoch
		p.h.life.open = append(p.h.life.open, out)
	}
	return p.out
}

// Record is a record of a stream.
type Record[K, V any] struct {
	Key       K
	Value     V // the zero value of a tombstone
	Tombstone bool
	Timestamp time.Time
	Headers   []commitlog.Header
	Position  commitlog.Position
}

// String is the record in one line: where it stands, its key and value, its time and headers.
func (r Record[K, V]) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: key %v, ", r.Position, r.Key)
	if r.Tombstone {
		b.WriteString("no value")
	} else {
		fmt.Fprintf(&b, "value %+v", r.Value)
	}
	fmt.Fprintf(&b, ", %s", r.Timestamp.Format(time.RFC3339Nano))
	writeHeaders(&b, r.Headers)
	return b.String()
}

func writeHeaders(b *strings.Builder, headers []commitlog.Header) {
	for _, h := range headers {
		fmt.Fprintf(b, ", header %s=%s", h.Key, decl.ShowKey(h.Value))
	}
}

// Records lets all work finish and gives every committed record of the stream, by partition and then by offset. A record
// that the stream's codecs do not decode ends the test.
func (p *StreamProbe[K, V]) Records() []Record[K, V] {
	p.h.t.Helper()
	p.h.settle()
	key, value := p.stream.Codecs()
	values := schema.For(value)
	var list []Record[K, V]
	for _, raw := range p.h.read(p.stream.Name()) {
		r := Record[K, V]{Tombstone: raw.Value == nil, Timestamp: time.UnixMilli(raw.Timestamp).UTC(), Headers: raw.Headers,
			Position: raw.at}
		k, err := key.Decode(raw.Key)
		if err == nil && !r.Tombstone {
			r.Value, err = values.Decode(raw.Headers, raw.Value)
		}
		if err != nil {
			p.h.t.Fatalf("topologytest: the record at %v: %v", raw.at, err)
		}
		r.Key = k
		list = append(list, r)
	}
	return list
}

// DeadLetter is a record that a processor could not handle.
type DeadLetter struct {
	Processor  string
	Position   commitlog.Position // of the record in its input
	Error      string
	Attempts   int
	Key, Value []byte // as they came
	Headers    []commitlog.Header
}

// String is the dead letter in one line: who gave the record up, where it stands, why, and what it is. The headers that repeat
// this are left out.
func (d DeadLetter) String() string {
	var b strings.Builder
	attempts := "1 attempt"
	if d.Attempts != 1 {
		attempts = fmt.Sprint(d.Attempts, " attempts")
	}
	fmt.Fprintf(&b, "%s gave up %v after %s: %s: ", d.Processor, d.Position, attempts, d.Error)
	show := func(what string, data []byte) {
		if data == nil {
			fmt.Fprintf(&b, "no %s", what)
		} else {
			fmt.Fprintf(&b, "%s %s", what, decl.ShowKey(data))
		}
	}
	show("key", d.Key)
	b.WriteString(", ")
	show("value", d.Value)
	writeHeaders(&b, slices.DeleteFunc(slices.Clone(d.Headers), func(h commitlog.Header) bool { return strings.HasPrefix(h.Key, "millrun-") }))
	return b.String()
}

// DeadLetters lets all work finish and gives the records of this stream that processors have put into their dead-letter
// topics, by processor, partition and offset.
func (p *StreamProbe[K, V]) DeadLetters() []DeadLetter {
	p.h.t.Helper()
	p.h.settle()
	var list []DeadLetter
	for _, d := range p.h.app.Processors() {
		for _, raw := range p.h.read(names.DeadLetters(p.h.app.Name(), d.Name)) {
			if raw.header("millrun-topic") != p.stream.Name() {
				continue
			}
			list = append(list, DeadLetter{Processor: d.Name, Error: raw.header("millrun-error"), Attempts: int(raw.number("millrun-attempts")),
				Key: raw.Key, Value: raw.Value, Headers: raw.Headers,
				Position: commitlog.Position{Offset: raw.number("millrun-offset"),
					Partition: commitlog.Partition{Topic: p.stream.Name(), Index: int32(raw.number("millrun-partition"))}}})
		}
	}
	return list
}

// header gives the last header of that key.
func (r rawRecord) header(key string) string {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == key {
			return string(r.Headers[i].Value)
		}
	}
	return ""
}

// number reads a header that Millrun wrote; -1 if it is none.
func (r rawRecord) number(key string) int64 {
	n, err := strconv.ParseInt(r.header(key), 10, 64)
	if err != nil {
		return -1
	}
	return n
}
