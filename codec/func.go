package codec

import (
	"errors"
	"fmt"
)

// Func makes a Codec of two functions. Format names the bytes and must change when they do. The functions keep the promises
// of Codec: decode gets bytes that are valid during the call only. A missing function is a fault that topology.New reports.
func Func[T any](format string, encode func(T) ([]byte, error), decode func([]byte) (T, error)) Codec[T] {
	return funcCodec[T]{format, encode, decode}
}

// KeyFunc makes a Key of two functions. By using it you promise that equal keys give equal bytes for ever: list the fields
// in one order, give each a fixed width or a length before it, and never use a map.
func KeyFunc[K any](format string, encode func(K) ([]byte, error), decode func([]byte) (K, error)) Key[K] {
	return keyFuncCodec[K]{funcCodec[K]{format, encode, decode}}
}

type funcCodec[T any] struct {
	format string
	encode func(T) ([]byte, error)
	decode func([]byte) (T, error)
}

type keyFuncCodec[K any] struct{ funcCodec[K] }

func (keyFuncCodec[K]) Canonical() {}

func (c funcCodec[T]) Format() string { return c.format }

func (c funcCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	b, err := c.encode(v)
	if err != nil {
		return dst, fmt.Errorf("codec %s: %w", c.format, err)
	}
	return append(dst, b...), nil
}

func (c funcCodec[T]) Decode(data []byte) (T, error) {
	v, err := c.decode(data)
	if err != nil {
		var zero T
		return zero, fmt.Errorf("codec %s: %w", c.format, err)
	}
	return v, nil
}

// Fault implements Faulty.
func (c funcCodec[T]) Fault() error {
	switch {
	case c.format == "":
		return errors.New("codec.Func needs a format (argument 1)")
	case c.encode == nil:
		return fmt.Errorf("codec %s has no encode function (argument 2)", c.format)
	case c.decode == nil:
		return fmt.Errorf("codec %s has no decode function (argument 3)", c.format)
	}
	return nil
}
