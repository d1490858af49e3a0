package producer

import (
	"fmt"
	"slices"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/schema"
	"github.com/millrun/millrun/processor"
)

// encoder turns typed records into bytes of their own.
type encoder[K, V any] struct {
	stream *decl.Stream
	key    func(dst []byte, k K) ([]byte, error)
	values schema.Values[V]
}

func newEncoder[K, V any](s *processor.Stream[K, V]) encoder[K, V] {
	key, value := s.Codecs()
	return encoder[K, V]{s.Decl(), codec.KeyEncoder(key), schema.For(value)}
}

// record encodes; the log sets a timestamp where the caller gave none. Headers stay the caller's.
func (e encoder[K, V]) record(key K, value V, m processor.Meta) (commitlog.Record, error) {
	rec, err := e.tombstone(key)
	if err != nil {
		return rec, err
	}
	if err := schema.Reserved(m.Headers); err != nil {
		return rec, fmt.Errorf("send to %s: key %s: %w", e.stream.Name, decl.ShowKey(rec.Key), err)
	}
	v, name, err := e.values.Append([]byte{}, value)
	if err != nil {
		return rec, fmt.Errorf("send to %s: key %s: the value does not encode: %w", e.stream.Name, decl.ShowKey(rec.Key), err)
	}
	rec.Value, rec.Headers = v, m.Headers
	if name != "" {
		rec.Headers = append(slices.Clip(rec.Headers), commitlog.Header{Key: schema.Header, Value: []byte(name)})
	}
	if !m.Timestamp.IsZero() {
		rec.Timestamp = m.Timestamp.UnixMilli()
		if rec.Timestamp < 0 {
			return rec, fmt.Errorf("send to %s: key %s: the timestamp %v is before 1970", e.stream.Name, decl.ShowKey(rec.Key), m.Timestamp.UTC())
		}
	}
	return rec, nil
}

// tombstone encodes the key alone.
func (e encoder[K, V]) tombstone(key K) (commitlog.Record, error) {
	rec := commitlog.Record{Timestamp: -1}
	if e.stream.Unkeyed {
		return rec, nil
	}
	k, err := e.key([]byte{}, key)
	if err != nil {
		return rec, fmt.Errorf("send to %s: the key does not encode: %w", e.stream.Name, err)
	}
	rec.Key = k
	return rec, nil
}

// size counts what a record holds of the buffer.
func size(r commitlog.Record) int64 {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return int64(n)
}
