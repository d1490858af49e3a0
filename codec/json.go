package codec

import (
	"encoding/json"
	"fmt"
)

// JSON writes T with encoding/json. Maps come sorted by key, so equal values give equal bytes. It is no Key: field order and
// number formats are no identity.
func JSON[T any]() Codec[T] { return jsonCodec[T]{} }

type jsonCodec[T any] struct{}

func (jsonCodec[T]) Format() string { return "json" }

func (jsonCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return dst, fmt.Errorf("codec json: %w", err)
	}
	return append(dst, b...), nil
}

func (jsonCodec[T]) Decode(data []byte) (T, error) {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		var zero T // what was decoded before the fault is no value
		return zero, fmt.Errorf("codec json: %w", err)
	}
	return v, nil
}
