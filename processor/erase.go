package processor

import (
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
)

// This file is the crossing from bytes to types: above it are the user's handlers, below it the runtime, which knows neither
// K nor V. The way back, from types to bytes, is in the methods of Stream and Table.

func eraseHandler[K, V any](s *Stream[K, V], handle func(ctx Context, key K, value V) error) func(*decl.Run, []byte, []byte) error {
	return func(run *decl.Run, key, value []byte) error {
		run.Stream = s.decl
		k, err := s.decodeKey(key)
		if err != nil {
			return err
		}
		v, err := s.values.Decode(run.Meta.Headers, value)
		if err != nil {
			return s.undecodable("value", err)
		}
		return handle(Context{run, run.Call()}, k, v)
	}
}

func eraseTombstone[K, V any](s *Stream[K, V], handle func(ctx Context, key K) error) func(*decl.Run, []byte) error {
	return func(run *decl.Run, key []byte) error {
		run.Stream = s.decl
		k, err := s.decodeKey(key)
		if err != nil {
			return err
		}
		return handle(Context{run, run.Call()}, k)
	}
}

func eraseEventTime[K, V any](s *Stream[K, V], of func(V) time.Time) func([]byte, []commitlog.Header) (int64, error) {
	return func(value []byte, headers []commitlog.Header) (int64, error) {
		v, err := s.values.Decode(headers, value)
		if err != nil {
			return 0, s.undecodable("value", err)
		}
		at := of(v)
		if ms := at.UnixMilli(); ms >= 0 {
			return ms, nil
		}
		return 0, decl.Permanentf("stream %s: the event time %s is before 1970", s.decl.Name, at.UTC().Format(time.RFC3339))
	}
}

func (s *Stream[K, V]) decodeKey(key []byte) (K, error) {
	if key == nil && !s.decl.Unkeyed {
		var zero K
		return zero, decl.Permanentf("stream %s: the record has no key (nil key): declare the stream with codec.Unkeyed if its keys mean nothing", s.decl.Name)
	}
	k, err := s.key.Decode(key)
	if err != nil {
		return k, s.undecodable("key", err)
	}
	return k, nil
}

func (s *Stream[K, V]) undecodable(what string, err error) error {
	return decl.Permanentf("stream %s: the %s does not decode: %w", s.decl.Name, what, err)
}

// Permanent marks an error as not worth a retry: the record goes to its fate at once. nil stays nil. Bytes that do not
// decode are permanent by themselves.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &decl.PermanentError{Err: err}
}

// errorAt puts the place of a declaration before a fault.
func errorAt(site decl.Site, format string, args ...any) error {
	return fmt.Errorf("%s: "+format, append([]any{site}, args...)...)
}
