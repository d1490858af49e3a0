package codec

import "fmt"

// String writes the bytes of the string, whatever they are.
var String Key[string] = stringCodec{}

// Bytes writes the bytes and copies them on Decode. nil and empty are one value here: it decodes as empty.
var Bytes Key[[]byte] = bytesCodec{}

// Empty writes nothing; a set is a table of Empty. Bytes that are not empty do not decode.
var Empty Codec[struct{}] = emptyCodec{}

// Unkeyed is the key of a stream that means nothing by its keys: whatever key a record has, or none, is fine. Emit to such
// a stream keeps the task's partition, and a producer spreads its records over all.
var Unkeyed Key[struct{}] = unkeyedCodec{}

// IsUnkeyed tells whether c is Unkeyed.
func IsUnkeyed[K any](c Key[K]) bool {
	_, ok := any(c).(unkeyedCodec)
	return ok
}

type stringCodec struct{}

func (stringCodec) Canonical()                                  {}
func (stringCodec) Format() string                              { return "string" }
func (stringCodec) Append(dst []byte, v string) ([]byte, error) { return append(dst, v...), nil }
func (stringCodec) Decode(data []byte) (string, error)          { return string(data), nil }

type bytesCodec struct{}

func (bytesCodec) Canonical()                                  {}
func (bytesCodec) Format() string                              { return "bytes" }
func (bytesCodec) Append(dst []byte, v []byte) ([]byte, error) { return append(dst, v...), nil }
func (bytesCodec) Decode(data []byte) ([]byte, error)          { return append([]byte{}, data...), nil }

type emptyCodec struct{}

func (emptyCodec) Format() string                                { return "empty" }
func (emptyCodec) Append(dst []byte, _ struct{}) ([]byte, error) { return dst, nil }

func (emptyCodec) Decode(data []byte) (struct{}, error) {
	if len(data) != 0 {
		return struct{}{}, fmt.Errorf("codec empty: want no bytes, got %s", show(data))
	}
	return struct{}{}, nil
}

type unkeyedCodec struct{}

func (unkeyedCodec) Canonical()                                    {}
func (unkeyedCodec) Format() string                                { return "unkeyed" }
func (unkeyedCodec) Append(dst []byte, _ struct{}) ([]byte, error) { return dst, nil }
func (unkeyedCodec) Decode([]byte) (struct{}, error)               { return struct{}{}, nil }
