package schema_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/schema"
)

func chain() codec.Codec[string] {
	up := func(s string) (string, error) { return s + "!", nil }
	return codec.Upcast(codec.Version1(codec.Codec[string](codec.String)), codec.Codec[string](codec.String), up)
}

// The bytes are those of docs/format/state.md: a round trip would hide a change.
func TestEntriesHaveTheirBytes(t *testing.T) {
	for _, c := range []struct{ schema, value, want string }{
		{"", "abc", "01616263"},
		{"", "", "01"},
		{"2", "abc", "020132616263"},
		{"paid/2", "", "0206706169642f32"},
	} {
		entry := schema.AppendEntry([]byte{}, []byte(c.schema), []byte(c.value))
		if got := hexOf(entry); got != c.want {
			t.Errorf("schema %q, value %q: %s, want %s", c.schema, c.value, got, c.want)
		}
		name, value, err := schema.Cut(entry)
		if err != nil || string(name) != c.schema || string(value) != c.value || value == nil {
			t.Errorf("Cut of %s gives %q, %q, %v", c.want, name, value, err)
		}
	}
	entry, err := schema.For(chain()).AppendEntry([]byte("x"), "abc")
	if err != nil || string(entry) != "x\x02\x012abc" {
		t.Errorf("version 2 in a table is %q, %v", entry, err)
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

func TestBytesThatAreNoEntryAreRefused(t *testing.T) {
	for _, b := range []string{"", "\x00", "\x02", "\x02\x00abc", "\x02\x04abc", "\x03abc"} {
		if _, _, err := schema.Cut([]byte(b)); !errors.Is(err, schema.ErrEntry) {
			t.Errorf("%q: %v", b, err)
		}
		if _, err := schema.For(chain()).DecodeEntry([]byte(b)); !errors.Is(err, schema.ErrEntry) {
			t.Errorf("decode of %q: %v", b, err)
		}
	}
}

func TestTheLastHeaderNamesTheSchema(t *testing.T) {
	v := schema.For(chain())
	header := func(names ...string) (list []commitlog.Header) {
		list = append(list, commitlog.Header{Key: "other", Value: []byte("7")})
		for _, n := range names {
			list = append(list, commitlog.Header{Key: schema.Header, Value: []byte(n)})
		}
		return list
	}
	for _, c := range []struct {
		headers []commitlog.Header
		want    string
	}{{nil, "a!"}, {header(), "a!"}, {header("1"), "a!"}, {header("2"), "a"}, {header("9", "2"), "a"}} {
		if got, err := v.Decode(c.headers, []byte("a")); err != nil || got != c.want {
			t.Errorf("%v: %q, %v, want %q", c.headers, got, err, c.want)
		}
	}
	if _, err := v.Decode(header("3"), []byte("a")); !errors.Is(err, codec.ErrSchema) {
		t.Errorf("a newer version: %v", err)
	}
	if _, err := schema.For(codec.Codec[string](codec.String)).Decode(header("2"), []byte("a")); !errors.Is(err, codec.ErrSchema) {
		t.Errorf("a codec without schemas: %v", err)
	}
	if schema.Reserved(header()) != nil || schema.Reserved(header("2")) == nil {
		t.Error("Reserved does not look for the schema header alone")
	}
}

// A table without schemas has the value's bytes and nothing else, at no cost.
func TestValuesWithoutSchemasArePure(t *testing.T) {
	v := schema.For(codec.Codec[int64](codec.Int64))
	buf, headers := make([]byte, 0, 16), []commitlog.Header{{Key: "trace"}}
	n := testing.AllocsPerRun(100, func() {
		b, err := v.AppendEntry(buf, 7)
		if err != nil || !bytes.Equal(b, []byte{0, 0, 0, 0, 0, 0, 0, 7}) {
			t.Fatalf("%x, %v", b, err)
		}
		if got, err := v.DecodeEntry(b); err != nil || got != 7 {
			t.Fatal(got, err)
		}
		if _, name, err := v.Append(buf, 7); err != nil || name != "" {
			t.Fatal(name, err)
		}
		if got, err := v.Decode(headers, b); err != nil || got != 7 {
			t.Fatal(got, err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// A rebuild writes the newest version of what the tables before it have in older ones.
func TestEntriesOfEqualValuesAreTheSame(t *testing.T) {
	v := schema.For(chain())
	old, now := []byte("\x01a"), []byte("\x02\x012a!")
	for _, c := range []struct {
		a, b []byte
		want bool
	}{
		{old, now, true}, {now, old, true}, {old, old, true},
		{old, []byte("\x02\x012a"), false}, {old, []byte("\x01b"), false},
		{[]byte("\x02\x013a"), []byte("\x02\x013a"), false}, {nil, nil, false}, {now, nil, false},
	} {
		if got := v.Same(c.a, c.b); got != c.want {
			t.Errorf("%q and %q are the same: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// longName names a schema that no store can hold.
type longName struct{ codec.Codec[string] }

func (c longName) AppendSchema(dst []byte, v string) ([]byte, string, error) {
	data, err := c.Append(dst, v)
	return data, strings.Repeat("a", 256), err
}

func (c longName) DecodeSchema(string, []byte) (string, error) { return "", codec.ErrSchema }

func TestASchemaNameThatDoesNotFitIsRefused(t *testing.T) {
	v := schema.For(codec.Codec[string](longName{codec.String}))
	if _, err := v.AppendEntry(nil, "x"); err == nil || !strings.Contains(err.Error(), "at most 255") {
		t.Errorf("%v", err)
	}
}
