// Package schema carries the name of a value's schema beside the value: as a header of the record, and as a field before the
// value where there is no record around it, in tables. It is the one place that knows both forms.
//
// A table whose codec has schemas (decl.Table.Schemas) hands entries to the runtime, not values: the kind byte of the store
// and, for kind 02, the schema, then the value. So every layer between the handle and LevelDB moves one string of bytes, and the
// store writes it as it is. What enters or leaves a changelog is turned into header and value. A table whose codec has none
// hands over the value and nothing else.
package schema

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
)

// Header is the key of the record header that names the schema. The last one counts.
const Header = "millrun-schema"

// The kind of a value in a store, its first byte; docs/format/state.md has the whole form.
const (
	Plain = 0x01 // the value follows
	Named = 0x02 // one byte with the length of the schema's name, the name, the value
)

// mostName is how long a schema's name can be.
const mostName = 255

// RecordBytes is at most what the schema of an entry adds to the size of its changelog record, beyond the entry's own bytes.
const RecordBytes = 10 + len(Header)

// ErrEntry is wrapped where bytes are no entry.
var ErrEntry = errors.New("not an entry with a schema")

// Of gives the schema that the headers name; nil: none. The bytes are the header's.
func Of(headers []commitlog.Header) []byte {
	for i := len(headers) - 1; i >= 0; i-- {
		if headers[i].Key == Header {
			return headers[i].Value
		}
	}
	return nil
}

// AppendEntry makes an entry of what a record holds; an empty schema is none. The name is cut where it is longer than any that
// can be known, so that whatever a changelog holds can be stored.
func AppendEntry(dst, schema, value []byte) []byte {
	if len(schema) == 0 {
		return append(append(dst, Plain), value...)
	}
	schema = schema[:min(len(schema), mostName)]
	dst = append(append(dst, Named, byte(len(schema))), schema...)
	return append(dst, value...)
}

// Cut takes an entry apart. Both parts are its bytes, and value is never nil; schema is nil if there is none.
func Cut(entry []byte) (schema, value []byte, err error) {
	switch {
	case len(entry) > 0 && entry[0] == Plain:
		return nil, entry[1:], nil
	case len(entry) > 1 && entry[0] == Named && entry[1] > 0 && len(entry) >= 2+int(entry[1]):
		n := 2 + int(entry[1])
		return entry[2:n:n], entry[n:], nil
	}
	return nil, nil, fmt.Errorf("%w: it begins with % x", ErrEntry, entry[:min(2, len(entry))])
}

// Values encodes and decodes the values of one handle. The zero Values has no codec and must not be used. Safe for
// concurrent use.
type Values[V any] struct {
	plain  codec.Codec[V]
	beside codec.SchemaCodec[V] // nil: values have no schemas
}

// For prepares a codec, which may be nil: then the handle has a fault and is never used.
func For[V any](c codec.Codec[V]) Values[V] {
	beside, _ := c.(codec.SchemaCodec[V])
	return Values[V]{c, beside}
}

// Have tells whether values have schemas.
func (v Values[V]) Have() bool { return v.beside != nil }

// Append encodes a value for a record; schema goes into its header, unless it is "".
func (v Values[V]) Append(dst []byte, value V) (data []byte, schema string, err error) {
	if v.beside == nil {
		data, err = v.plain.Append(dst, value)
		return data, "", err
	}
	data, schema, err = v.beside.AppendSchema(dst, value)
	if err == nil && len(schema) > mostName {
		err = fmt.Errorf("codec %s: the name of the schema has %d bytes, at most %d can travel", v.plain.Format(), len(schema), mostName)
	}
	return data, schema, err
}

// Decode decodes the value of a record with these headers.
func (v Values[V]) Decode(headers []commitlog.Header, data []byte) (V, error) {
	name := Of(headers)
	if v.beside == nil && len(name) == 0 {
		return v.plain.Decode(data)
	}
	return codec.DecodeSchema(v.plain, string(name), data)
}

// AppendEntry encodes a value for a table: an entry if values have schemas, else the value alone.
func (v Values[V]) AppendEntry(dst []byte, value V) ([]byte, error) {
	if v.beside == nil {
		return v.plain.Append(dst, value)
	}
	at := len(dst)
	dst, name, err := v.Append(append(dst, Plain), value)
	if err != nil || name == "" {
		return dst, err
	}
	// The codec names the schema when it has encoded, so the name moves the value back.
	dst[at] = Named
	dst = slices.Insert(dst, at+1, byte(len(name)))
	return insert(dst, at+2, name), nil
}

// insert is slices.Insert of a string.
func insert(dst []byte, at int, s string) []byte {
	n := len(dst)
	dst = append(dst, s...)
	copy(dst[at+len(s):], dst[at:n])
	copy(dst[at:], s)
	return dst
}

// DecodeEntry decodes what AppendEntry gave, and what a program without schemas wrote.
func (v Values[V]) DecodeEntry(data []byte) (V, error) {
	if v.beside == nil {
		return v.plain.Decode(data)
	}
	name, value, err := Cut(data)
	if err != nil {
		var zero V
		return zero, err
	}
	return v.beside.DecodeSchema(string(name), value)
}

// Same tells whether two entries hold equal values, whatever the versions that they were written in: both are raised to the
// newest and compared in its bytes. What does not decode equals nothing.
func (v Values[V]) Same(a, b []byte) bool {
	newest := func(entry []byte) []byte {
		value, err := v.DecodeEntry(entry)
		if err != nil {
			return nil
		}
		again, err := v.AppendEntry([]byte{}, value)
		if err != nil {
			return nil
		}
		return again
	}
	x, y := newest(a), newest(b)
	return x != nil && y != nil && bytes.Equal(x, y)
}

// Reserved refuses headers that would be taken for a schema: a header copied from another record would make the value
// unreadable, or worse, readable.
func Reserved(headers []commitlog.Header) error {
	if Of(headers) != nil {
		return fmt.Errorf("the header %s belongs to the value's codec: leave it out", Header)
	}
	return nil
}
