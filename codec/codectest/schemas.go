package codectest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/millrun/millrun/codec"
)

// unknown is a schema that no codec has.
const unknown = "~codectest~"

func checkSchemas[T any](t testing.TB, c codec.SchemaCodec[T], values []T) {
	t.Helper()
	for _, v := range values {
		data, schema, err := c.AppendSchema(nil, v)
		if err != nil {
			continue // reported before
		}
		if len(schema) > 255 {
			t.Errorf("AppendSchema(%+v) names a schema of %d bytes, at most 255 fit into a store", v, len(schema))
		}
		alone, err := c.Append(nil, v)
		switch {
		case schema == "" && (err != nil || !bytes.Equal(alone, data)):
			t.Errorf("Append(%+v) gives %x (%v), AppendSchema %x without a schema: want the same", v, alone, err, data)
		case schema != "" && err == nil:
			t.Errorf("Append(%+v) gives %x and loses schema %q: want an error", v, alone, schema)
		}
		if _, err := c.DecodeSchema(unknown, data); !errors.Is(err, codec.ErrSchema) {
			t.Errorf("DecodeSchema(%q, %x) gives error %v, want codec.ErrSchema: an unknown schema is never guessed", unknown, data, err)
		}
	}
}
