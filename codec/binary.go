package codec

import (
	"encoding"
	"fmt"
)

// Binary writes T by its own MarshalBinary and UnmarshalBinary, which must keep the promises of Codec.
//
//	codec.Binary[url.URL]()
func Binary[T any, P interface {
	*T
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}]() Codec[T] {
	return binaryCodec[T, P]{}
}

type binaryCodec[T any, P interface {
	*T
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}] struct{}

func (binaryCodec[T, P]) Format() string { return "binary" }

func (binaryCodec[T, P]) Append(dst []byte, v T) ([]byte, error) {
	if a, ok := any(P(&v)).(encoding.BinaryAppender); ok {
		out, err := a.AppendBinary(dst)
		if err != nil {
			return dst, fmt.Errorf("codec binary: %w", err)
		}
		return out, nil
	}
	b, err := P(&v).MarshalBinary()
	if err != nil {
		return dst, fmt.Errorf("codec binary: %w", err)
	}
	return append(dst, b...), nil
}

func (binaryCodec[T, P]) Decode(data []byte) (T, error) {
	var v T
	if err := P(&v).UnmarshalBinary(data); err != nil {
		var zero T
		return zero, fmt.Errorf("codec binary: %w", err)
	}
	return v, nil
}
