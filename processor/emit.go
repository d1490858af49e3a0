package processor

import (
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/schema"
)

// Meta is what a record carries beside key and value.
type Meta struct {
	Timestamp time.Time          // in whole milliseconds, not before 1970; zero: in a handler ctx.Timestamp, else now
	Headers   []commitlog.Header // in order, duplicates kept
}

// Emit sends a record together with the commit of the one being handled; nothing is sent if the handler fails. It has the
// timestamp of ctx and no headers. The stream must be among the processor's Emits.
func (s *Stream[K, V]) Emit(ctx Context, key K, value V) {
	if r := ctx.open(); r != nil {
		s.emit(r, key, value, r.Meta.Timestamp, nil)
	}
}

// EmitWith is Emit with a timestamp and headers, which are copied. The header millrun-schema belongs to the value's codec.
func (s *Stream[K, V]) EmitWith(ctx Context, key K, value V, m Meta) {
	r := ctx.open()
	if r == nil {
		return
	}
	at := r.Meta.Timestamp
	if !m.Timestamp.IsZero() {
		if at = m.Timestamp.UnixMilli(); at < 0 {
			r.Fault(decl.Permanentf("stream %s: EmitWith (%s): the timestamp %s is before 1970",
				s.decl.Name, decl.UseSite(), m.Timestamp.UTC().Format(time.RFC3339)))
			return
		}
	}
	if err := schema.Reserved(m.Headers); err != nil {
		r.Fault(decl.Permanentf("stream %s: EmitWith (%s): %w", s.decl.Name, decl.UseSite(), err))
		return
	}
	s.emit(r, key, value, at, m.Headers)
}

// EmitTombstone sends a record without a value: in a compacted topic it deletes the key.
func (s *Stream[K, V]) EmitTombstone(ctx Context, key K) {
	r := ctx.open()
	if r == nil {
		return
	}
	if k, ok := s.keyBytes(r, "EmitTombstone", key); ok {
		r.Ops.Emit(s.decl, k, nil, r.Meta.Timestamp, nil)
	}
}

func (s *Stream[K, V]) emit(r *decl.Run, key K, value V, at int64, headers []commitlog.Header) {
	k, ok := s.keyBytes(r, "Emit", key)
	if !ok {
		return
	}
	v, name, err := s.values.Append(r.Value[:0], value)
	if err != nil {
		r.Fault(decl.Permanentf("stream %s: Emit (%s): key %s: the value does not encode: %w",
			s.decl.Name, decl.UseSite(), decl.ShowKey(k), err))
		return
	}
	r.Value = v
	if r.Checker != nil {
		tellEncoded(r, "stream", s.decl.Name, "value", v, func(value V) ([]byte, error) {
			data, _, err := s.values.Append(nil, value)
			return data, err
		}, value)
	}
	if name != "" {
		r.Schema = append(r.Schema[:0], name...)
		r.Headers = append(append(r.Headers[:0], headers...), commitlog.Header{Key: schema.Header, Value: r.Schema})
		headers = r.Headers
	}
	r.Ops.Emit(s.decl, k, present(v), at, headers)
}

// keyBytes encodes into the scratch of the task. A stream without keys has nil.
func (s *Stream[K, V]) keyBytes(r *decl.Run, call string, key K) ([]byte, bool) {
	if s.decl.Unkeyed {
		return nil, true
	}
	k, err := s.encodeKey(r.Key[:0], key)
	if err != nil {
		r.Fault(decl.Permanentf("stream %s: %s (%s): the key does not encode: %w", s.decl.Name, call, decl.UseSite(), err))
		return nil, false
	}
	r.Key = k
	if r.Checker != nil {
		tellEncoded(r, "stream", s.decl.Name, "key", k, func(key K) ([]byte, error) { return s.encodeKey(nil, key) }, key)
	}
	return present(k), true
}

// present makes empty bytes differ from none: nil is no key, and as a value a tombstone.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
