package codectest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/codec/codectest"
)

// recorder takes the errors of a run that is meant to fail.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

type pair struct{ A, B string }

func encodePair(p pair) ([]byte, error) { return []byte(p.A + "/" + p.B), nil }
func decodePair(data []byte) (pair, error) {
	a, b, ok := strings.Cut(string(data), "/")
	if !ok {
		return pair{}, errors.New("want A/B")
	}
	return pair{a, b}, nil
}

func TestAGoodCodecPasses(t *testing.T) {
	codectest.Run(t, codec.Func("pair", encodePair, decodePair), pair{"a", "b"}, pair{"", "x"})
}

// Each broken codec breaks one promise, and Run says which.
func TestEachBrokenPromiseIsFound(t *testing.T) {
	n := 0
	for _, c := range []struct {
		name  string
		codec codec.Codec[pair]
		want  string
	}{
		{"it forgets a field", codec.Func("pair", encodePair, func(data []byte) (pair, error) {
			p, err := decodePair(data)
			return pair{A: p.A}, err
		}), "round trip"},
		{"each encoding differs", codec.Func("pair", func(p pair) ([]byte, error) {
			n++
			return fmt.Appendf(nil, "%s/%s%d", p.A, p.B, n), nil
		}, decodePair), "equal values need equal bytes"},
		{"Decode writes", codec.Func("pair", encodePair, func(data []byte) (pair, error) {
			p, err := decodePair(data)
			data[0]++
			return p, err
		}), "changed the bytes"},
		{"no bytes panic", codec.Func("pair", encodePair, func(data []byte) (pair, error) {
			_ = data[0]
			return decodePair(data)
		}), "panics"},
		{"a value is refused", codec.Func("pair", func(p pair) ([]byte, error) {
			if p.A == "a" {
				return nil, errors.New("no")
			}
			return encodePair(p)
		}, decodePair), "Append"},
		{"no format", codec.Func("", encodePair, decodePair), "Format"},
		{"different keys share bytes", codec.KeyFunc("pair", encodePair, decodePair), "equal bytes exactly for equal keys"},
	} {
		r := &recorder{TB: t}
		codectest.Run(r, c.codec, pair{"a", "b/c"}, pair{"a/b", "c"})
		if !strings.Contains(strings.Join(r.errors, "\n"), c.want) {
			t.Errorf("%s: Run said %q, want something with %q", c.name, r.errors, c.want)
		}
	}
}

// keeper keeps the bytes it decodes, and overwrites what dst holds.
type keeper struct{ codec.Codec[[]byte] }

func (keeper) Decode(data []byte) ([]byte, error)        { return data, nil }
func (keeper) Append(_ []byte, v []byte) ([]byte, error) { return append([]byte{}, v...), nil }

func TestKeptBytesAndALostPrefixAreFound(t *testing.T) {
	r := &recorder{TB: t}
	codectest.Run(r, codec.Codec[[]byte](keeper{codec.Bytes}), []byte("abc"))
	all := strings.Join(r.errors, "\n")
	for _, want := range []string{"Decode kept them", "want the bytes behind it"} {
		if !strings.Contains(all, want) {
			t.Errorf("Run said %q, want something with %q", r.errors, want)
		}
	}
}

// unsorted claims an order that big endian numbers do not have.
type unsorted struct{ codec.Key[int64] }

func (unsorted) AppendSort(dst, key []byte) []byte      { return append(dst, key...) }
func (unsorted) AppendUnsort(dst, sorted []byte) []byte { return append(dst, sorted...) }

func TestAWrongSortFormIsFound(t *testing.T) {
	r := &recorder{TB: t}
	codectest.Run(r, codec.Codec[int64](unsorted{codec.Int64}), -1, 0)
	if !strings.Contains(strings.Join(r.errors, "\n"), "compare as") {
		t.Errorf("Run said %q, want a fault of order", r.errors)
	}
}

// guesser is a chain of two versions that breaks what fault names.
type guesser struct {
	codec.Codec[string]
	fault string
	n     *int
}

func (g guesser) Append(dst []byte, v string) ([]byte, error) {
	if g.fault == "loses the schema" {
		return append(dst, v...), nil
	}
	return dst, errors.New("the schema would be lost")
}

func (g guesser) AppendSchema(dst []byte, v string) ([]byte, string, error) {
	name := "2"
	switch g.fault {
	case "names another":
		*g.n++
		name = fmt.Sprint(*g.n)
	case "too long":
		name = strings.Repeat("2", 256)
	case "none":
		name = ""
	}
	return append(dst, v...), name, nil
}

func (g guesser) DecodeSchema(name string, data []byte) (string, error) {
	if len(name) > 0 && name[0] == '2' || g.fault == "guesses" || g.fault == "names another" || g.fault == "none" && name == "" {
		return string(data), nil
	}
	return "", fmt.Errorf("%q: %w", name, codec.ErrSchema)
}

func TestEachBrokenPromiseOfSchemasIsFound(t *testing.T) {
	for fault, want := range map[string]string{
		"":                 "",
		"loses the schema": "loses schema",
		"names another":    "equal values need equal schemas",
		"too long":         "at most 255",
		"none":             "want the same",
		"guesses":          "never guessed",
	} {
		r := &recorder{TB: t}
		codectest.Run[string](r, guesser{codec.String, fault, new(int)}, "a")
		all := strings.Join(r.errors, "\n")
		if want == "" && all != "" || !strings.Contains(all, want) {
			t.Errorf("%q: Run said %q, want something with %q", fault, all, want)
		}
	}
}
