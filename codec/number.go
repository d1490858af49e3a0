package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Int64 writes 8 bytes big endian, as Java's LongSerializer. Scans run from the lowest to the highest number.
var Int64 Key[int64] = int64Codec{}

// Uint64 writes 8 bytes big endian.
var Uint64 Key[uint64] = uint64Codec{}

// Float64 writes the 8 bytes of IEEE 754 big endian, as Java's DoubleSerializer. -0 is written as 0, and every NaN as one.
// NaN is refused as a key. Scans run from -Inf to +Inf.
var Float64 Key[float64] = float64Codec{}

// Bool writes one byte, 0 or 1; other bytes do not decode.
var Bool Key[bool] = boolCodec{}

type int64Codec struct{}

func (int64Codec) Canonical()     {}
func (int64Codec) Format() string { return "int64" }

func (int64Codec) Append(dst []byte, v int64) ([]byte, error) {
	return binary.BigEndian.AppendUint64(dst, uint64(v)), nil
}

func (int64Codec) Decode(data []byte) (int64, error) {
	u, err := eight("int64", data)
	return int64(u), err
}

func (int64Codec) AppendSort(dst, key []byte) []byte      { return flipSign(dst, key) }
func (int64Codec) AppendUnsort(dst, sorted []byte) []byte { return flipSign(dst, sorted) }

// flipSign maps two's complement to the order of unsigned numbers: the sign bit, turned round, puts negative ones first.
// It is its own inverse.
func flipSign(dst, key []byte) []byte {
	n := len(dst)
	dst = append(dst, key...)
	if len(key) > 0 {
		dst[n] ^= 0x80
	}
	return dst
}

type uint64Codec struct{}

func (uint64Codec) Canonical()     {}
func (uint64Codec) Format() string { return "uint64" }

func (uint64Codec) Append(dst []byte, v uint64) ([]byte, error) {
	return binary.BigEndian.AppendUint64(dst, v), nil
}

func (uint64Codec) Decode(data []byte) (uint64, error) { return eight("uint64", data) }

type float64Codec struct{}

func (float64Codec) Canonical()     {}
func (float64Codec) Format() string { return "float64" }

func (float64Codec) Append(dst []byte, v float64) ([]byte, error) {
	switch {
	case v == 0:
		v = 0 // -0 and 0 are equal, so they have the same bytes
	case v != v:
		v = math.Float64frombits(0x7ff8000000000000) // the NaN that Java writes
	}
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(v)), nil
}

// AppendKey refuses NaN, which does not even equal itself.
func (c float64Codec) AppendKey(dst []byte, v float64) ([]byte, error) {
	if v != v {
		return dst, errors.New("codec float64: NaN cannot be a key: it does not equal itself")
	}
	return c.Append(dst, v)
}

func (float64Codec) Decode(data []byte) (float64, error) {
	u, err := eight("float64", data)
	return math.Float64frombits(u), err
}

// AppendSort turns the sign bit of positive numbers and all bits of negative ones, whose magnitude grows downwards.
func (float64Codec) AppendSort(dst, key []byte) []byte {
	n := len(dst)
	dst = append(dst, key...)
	turn(dst[n:], len(key) > 0 && key[0]&0x80 != 0)
	return dst
}

func (float64Codec) AppendUnsort(dst, sorted []byte) []byte {
	n := len(dst)
	dst = append(dst, sorted...)
	turn(dst[n:], len(sorted) > 0 && sorted[0]&0x80 == 0)
	return dst
}

func turn(b []byte, all bool) {
	switch {
	case len(b) == 0:
	case all:
		for i := range b {
			b[i] = ^b[i]
		}
	default:
		b[0] ^= 0x80
	}
}

type boolCodec struct{}

func (boolCodec) Canonical()     {}
func (boolCodec) Format() string { return "bool" }

func (boolCodec) Append(dst []byte, v bool) ([]byte, error) {
	if v {
		return append(dst, 1), nil
	}
	return append(dst, 0), nil
}

func (boolCodec) Decode(data []byte) (bool, error) {
	if len(data) != 1 || data[0] > 1 {
		return false, fmt.Errorf("codec bool: want one byte, 0 or 1, got %s", show(data))
	}
	return data[0] == 1, nil
}

func eight(format string, data []byte) (uint64, error) {
	if len(data) != 8 {
		return 0, fmt.Errorf("codec %s: want 8 bytes, got %s", format, show(data))
	}
	return binary.BigEndian.Uint64(data), nil
}

// show prints the start of bytes that did not decode.
func show(data []byte) string {
	const most = 16
	if len(data) > most {
		return fmt.Sprintf("%d bytes, %x...", len(data), data[:most])
	}
	return fmt.Sprintf("%d bytes, %x", len(data), data)
}
