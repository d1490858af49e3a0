package codec

import (
	"errors"
	"fmt"
)

// ErrSchema is wrapped when the schema of a value is not known: a newer program wrote it, or a case was renamed. Such a value is
// never guessed at.
var ErrSchema = errors.New("the schema of the value is not known")

// SchemaCodec is the optional ability of a Codec whose values come in several schemas; OneOf and Versions have it. The name of
// the schema travels beside the bytes: in a record as the header millrun-schema, in a store as a field before the value. So
// the bytes stay those of the inner codec, and JSON stays JSON for whoever else reads the topic.
//
// The name "" is that of values which have none: they carry no header and no field, and look like those of a plain codec.
// A name has at most 255 bytes.
type SchemaCodec[T any] interface {
	Codec[T]
	// AppendSchema is Append which also names the schema that the bytes are in.
	AppendSchema(dst []byte, v T) (data []byte, schema string, err error)
	// DecodeSchema is Decode of bytes in the schema of that name; ErrSchema if there is none.
	DecodeSchema(schema string, data []byte) (T, error)
}

// AppendSchema encodes with any codec; the schema is "" for one that has none. It is for codecs that wrap another one.
func AppendSchema[T any](c Codec[T], dst []byte, v T) (data []byte, schema string, err error) {
	if s, ok := c.(SchemaCodec[T]); ok {
		return s.AppendSchema(dst, v)
	}
	data, err = c.Append(dst, v)
	return data, "", err
}

// DecodeSchema decodes with any codec. One without schemas refuses a value that names one, with ErrSchema: the program is older
// than the value, or declares another format than the writer. That goes for Bytes too, which would pass the bytes on without
// their schema.
func DecodeSchema[T any](c Codec[T], schema string, data []byte) (T, error) {
	if s, ok := c.(SchemaCodec[T]); ok {
		return s.DecodeSchema(schema, data)
	}
	if schema != "" {
		var zero T
		return zero, fmt.Errorf("codec %s: %w: it is %q, and this program declares the value without schemas (OneOf, Version1)",
			c.Format(), ErrSchema, clip(schema))
	}
	return c.Decode(data)
}

// clip keeps a name that came from elsewhere from filling a message.
func clip(name string) string {
	const most = 64
	if len(name) > most {
		return name[:most] + "..."
	}
	return name
}

// besideLost is the error of Append where the schema would be lost.
func besideLost(format, schema string) error {
	return fmt.Errorf("codec %s: the value is in schema %q, which has to travel beside the bytes: encode with AppendSchema", format, schema)
}

// faultOf asks a codec inside another one whether it was built wrongly.
func faultOf[T any](c Codec[T]) error {
	if c == nil {
		return errors.New("the codec is nil")
	}
	if f, ok := c.(Faulty); ok {
		return f.Fault()
	}
	return nil
}
