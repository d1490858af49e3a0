package codec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Versions is a Codec of values that were written in several versions. Encoding writes the newest one, decoding raises an
// older value step by step. The schema is the version's number, and none for version 1: what a plain codec wrote before there
// was a chain is version 1, and a chain of one version writes what the plain codec does. If the codec of a version has schemas
// itself, they follow behind a slash: "2/paid", and "paid" alone in version 1.
//
//	orders := codec.Upcast(codec.Version1(codec.JSON[OrderV1]()), codec.JSON[Order](),
//		func(o OrderV1) (Order, error) { return Order{Cents: o.Euros * 100}, nil })
//
// The format is that of version 1, so a chain may grow without making another table. A version above the newest is ErrSchema:
// an older program never guesses. It follows that a rolled-back program stops at the first value of the newer one.
type Versions[T any] struct {
	number int
	codec  Codec[T] // of version number
	format string
	// older decodes a version below number and raises it to T; nil in version 1.
	older func(version int, schema string, data []byte) (T, error)
	err   error
}

var _ SchemaCodec[int] = (*Versions[int])(nil)

// Version1 starts a chain with the codec that values had from the first day.
func Version1[T any](c Codec[T]) *Versions[T] {
	v := &Versions[T]{number: 1, codec: c, err: stepFault(1, c)}
	if c != nil {
		v.format = c.Format()
	}
	return v
}

// Upcast adds the next version to a chain, which stays as it is. up makes a value of the new version of one of the older; it
// must be pure, or a replay gives other answers. Its error is that of the value.
func Upcast[A, B any](older *Versions[A], c Codec[B], up func(A) (B, error)) *Versions[B] {
	if older == nil {
		return &Versions[B]{number: 2, codec: c, err: errors.New("Upcast: the older chain is nil: begin with Version1")}
	}
	v := &Versions[B]{number: older.number + 1, codec: c, format: older.format}
	v.err = errors.Join(older.err, stepFault(v.number, c))
	if up == nil {
		v.err = errors.Join(v.err, fmt.Errorf("version %d: the function that raises version %d is nil", v.number, older.number))
	}
	v.older = func(version int, schema string, data []byte) (B, error) {
		var zero B
		a, err := older.decode(version, schema, data)
		if err != nil {
			return zero, err
		}
		b, err := up(a)
		if err != nil {
			return zero, fmt.Errorf("raise version %d to %d: %w", older.number, v.number, err)
		}
		return b, nil
	}
	return v
}

func stepFault[T any](number int, c Codec[T]) error {
	err := faultOf(c)
	if _, chain := c.(interface{ chain() }); chain {
		err = errors.Join(err, errors.New("the codec is a chain itself: add to it with Upcast"))
	}
	if err != nil {
		return fmt.Errorf("version %d: %w", number, err)
	}
	return nil
}

func (v *Versions[T]) chain() {}

// Format is the format of version 1.
func (v *Versions[T]) Format() string { return v.format }

// Fault says what is wrong with the chain.
func (v *Versions[T]) Fault() error { return v.err }

// Append is for a chain of one version; of a longer one it fails, because the version would be lost.
func (v *Versions[T]) Append(dst []byte, value T) ([]byte, error) {
	data, schema, err := v.AppendSchema(dst, value)
	if err == nil && schema != "" {
		return dst, besideLost(v.format, schema)
	}
	return data, err
}

// Decode decodes version 1.
func (v *Versions[T]) Decode(data []byte) (T, error) { return v.DecodeSchema("", data) }

// AppendSchema writes the newest version.
func (v *Versions[T]) AppendSchema(dst []byte, value T) ([]byte, string, error) {
	data, inner, err := AppendSchema(v.codec, dst, value)
	if err != nil {
		return dst, "", fmt.Errorf("version %d: %w", v.number, err)
	}
	switch _, _, taken := cutVersion(inner); {
	case v.number == 1 && !taken:
		return data, inner, nil
	case inner == "":
		return data, strconv.Itoa(v.number), nil
	}
	return data, strconv.Itoa(v.number) + "/" + inner, nil
}

// DecodeSchema decodes any version up to the newest.
func (v *Versions[T]) DecodeSchema(schema string, data []byte) (T, error) {
	version, inner, ok := cutVersion(schema)
	if !ok {
		version, inner = 1, schema
	}
	if version < 1 || version > v.number {
		var zero T
		return zero, fmt.Errorf("codec %s: %w: it is version %s, this program knows up to %d: a newer program wrote it",
			v.format, ErrSchema, clip(schema), v.number)
	}
	return v.decode(version, inner, data)
}

func (v *Versions[T]) decode(version int, schema string, data []byte) (T, error) {
	if version < v.number {
		return v.older(version, schema, data)
	}
	value, err := DecodeSchema(v.codec, schema, data)
	if err != nil {
		var zero T
		return zero, fmt.Errorf("version %d: %w", version, err)
	}
	return value, nil
}

// cutVersion takes the number off a schema; ok is false if it does not begin with one. A number that is too large to be one is
// above every newest version.
func cutVersion(schema string) (version int, inner string, ok bool) {
	number, inner, _ := strings.Cut(schema, "/")
	if number == "" || number[0] < '0' || number[0] > '9' {
		return 0, "", false
	}
	version, err := strconv.Atoi(number)
	if err != nil {
		return -1, inner, true
	}
	return version, inner, true
}
