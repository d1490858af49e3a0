package processor

import (
	"errors"
	"fmt"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/schema"
)

// Stream is a topic with a key codec and a value codec. It is immutable and safe for concurrent use; processors, topologies
// and producers may share it.
type Stream[K, V any] struct {
	decl      *decl.Stream
	key       codec.Key[K]
	value     codec.Codec[V]
	values    schema.Values[V]
	encodeKey func(dst []byte, k K) ([]byte, error)
}

// AnyStream is a Stream of whatever types. Only this package implements it.
type AnyStream interface {
	Name() string
	Decl() *decl.Stream
	stream()
}

// Partitioner says which partition a key belongs to. Murmur2, FNV1a and CRC32 are those in use.
type Partitioner = commitlog.Partitioner

// The partitioners of the clients in use: Java's and the default here, that of sarama and goka, and librdkafka's.
var (
	Murmur2 = commitlog.Murmur2
	FNV1a   = commitlog.FNV1a
	CRC32   = commitlog.CRC32
)

// NewStream declares a topic, called exactly name. A record that the codecs cannot decode is an error of that record, and so
// is a record without a key, unless the key is codec.Unkeyed.
func NewStream[K, V any](name string, key codec.Key[K], value codec.Codec[V]) *Stream[K, V] {
	return newStream(name, key, value, false)
}

// NewInternalStream declares a stream of one processor, which both emits and consumes it: to move data to another key, or to
// loop. Its topic is <app>.<processor>.<name>.e<edition>, created by the worker with as many partitions as the processor's
// inputs have. A rebuild writes and reads one of its own, while what it emits to public streams is held back.
func NewInternalStream[K, V any](name string, key codec.Key[K], value codec.Codec[V]) *Stream[K, V] {
	return newStream(name, key, value, true)
}

func newStream[K, V any](name string, key codec.Key[K], value codec.Codec[V], internal bool) *Stream[K, V] {
	s := &Stream[K, V]{
		decl: &decl.Stream{Name: name, Internal: internal, Partitioner: Murmur2, Site: decl.UseSite()},
		key:  key, value: value, values: schema.For(value),
	}
	s.decl.Faults = codecFaults(key, value)
	if key != nil {
		s.decl.KeyFormat = key.Format()
		s.decl.Unkeyed = codec.IsUnkeyed(key)
		s.encodeKey = codec.KeyEncoder(key)
	}
	if value != nil {
		s.decl.ValueFormat = value.Format()
	}
	return s
}

// codecFaults says what is wrong with a handle's codecs.
func codecFaults[K, V any](key codec.Key[K], value codec.Codec[V]) []error {
	var faults []error
	for _, c := range [...]struct {
		codec any
		what  string
		arg   int
	}{{key, "key", 2}, {value, "value", 3}} {
		if c.codec == nil {
			faults = append(faults, fmt.Errorf("the %s codec is nil (argument %d)", c.what, c.arg))
		} else if f, ok := c.codec.(codec.Faulty); ok && f.Fault() != nil {
			faults = append(faults, fmt.Errorf("the %s codec (argument %d): %w", c.what, c.arg, f.Fault()))
		}
	}
	return faults
}

// Name is the name that the stream was declared with.
func (s *Stream[K, V]) Name() string {
	if s == nil {
		return ""
	}
	return s.decl.Name
}

// Decl is for the runtime.
func (s *Stream[K, V]) Decl() *decl.Stream {
	if s == nil {
		return nil
	}
	return s.decl
}

// Codecs gives the codecs that the stream was declared with.
func (s *Stream[K, V]) Codecs() (codec.Key[K], codec.Codec[V]) { return s.key, s.value }

func (s *Stream[K, V]) stream() {}

// EventTime gives a copy whose records happened when of says, in whole milliseconds; the default is the record's timestamp,
// which also counts for tombstones. A time before 1970, and so the zero Time, is an error of the record. The function must
// depend on the value alone.
func (s *Stream[K, V]) EventTime(of func(V) time.Time) *Stream[K, V] {
	c := s.copy()
	if of == nil {
		c.decl.Faults = append(c.decl.Faults, errors.New("EventTime needs a function"))
		return c
	}
	c.decl.EventTime = eraseEventTime(c, of)
	return c
}

// PartitionBy gives a copy whose keys are hashed by p, as those who write the topic hash them; nil: Murmur2.
func (s *Stream[K, V]) PartitionBy(p Partitioner) *Stream[K, V] {
	c := s.copy()
	if p == nil {
		p = Murmur2
	}
	c.decl.Partitioner = p
	return c
}

// AllowForeignPartitions gives a copy of which records may stand in another partition than their key's. They are counted.
// Without it such a record stops the task, because look-ups would search for its key where it is not.
func (s *Stream[K, V]) AllowForeignPartitions() *Stream[K, V] {
	c := s.copy()
	c.decl.Foreign = true
	return c
}

func (s *Stream[K, V]) copy() *Stream[K, V] {
	c, d := *s, *s.decl
	d.Faults = append([]error(nil), d.Faults...)
	c.decl = &d
	return &c
}
