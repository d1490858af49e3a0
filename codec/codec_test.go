package codec_test

import (
	"bytes"
	"errors"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/codec/codectest"
)

type order struct {
	ID    int64
	Items map[string]int
}

func TestEveryCodecKeepsItsPromises(t *testing.T) {
	codectest.Run(t, codec.Codec[string](codec.String), "a", "", "é", "\x00", "\xff\xfe")
	codectest.Run(t, codec.Codec[int64](codec.Int64), math.MinInt64, -5, -1, 0, 1, 5, math.MaxInt64)
	codectest.Run(t, codec.Codec[uint64](codec.Uint64), 0, 1, math.MaxUint64)
	codectest.Run(t, codec.Codec[float64](codec.Float64), math.Inf(-1), -1.5, -0.25, 0, math.Copysign(0, -1), 2.5, math.Inf(1), math.NaN())
	codectest.Run(t, codec.Codec[bool](codec.Bool), false, true)
	codectest.Run(t, codec.Codec[time.Time](codec.Time), time.Unix(-1, 0), time.Unix(0, 0), time.Date(2026, 1, 1, 0, 0, 0, 7, time.FixedZone("", 3600)))
	codectest.Run(t, codec.Codec[[]byte](codec.Bytes), []byte("a"), []byte{}, []byte{0xff})
	codectest.Run(t, codec.Empty, struct{}{})
	codectest.Run(t, codec.JSON[order](), order{1669859068457630240, map[string]int{"b": 2, "a": 1, "c": 3}})
	codectest.Run(t, codec.Binary[url.URL](), url.URL{Scheme: "https", Host: "example.org", Path: "/a"})
}

// The bytes are a contract with what is on disk and with other clients: a round trip would hide a change.
func TestBytesAreWhatTheyWere(t *testing.T) {
	for _, c := range []struct{ name, got, want string }{
		{"string", encode(t, codec.String, "é"), "\xc3\xa9"},
		{"int64", encode(t, codec.Int64, -2), "\xff\xff\xff\xff\xff\xff\xff\xfe"},
		{"uint64", encode(t, codec.Uint64, 258), "\x00\x00\x00\x00\x00\x00\x01\x02"},
		{"float64", encode(t, codec.Float64, 1.5), "\x3f\xf8\x00\x00\x00\x00\x00\x00"},
		{"float64 -0", encode(t, codec.Float64, math.Copysign(0, -1)), "\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"float64 NaN", encode(t, codec.Float64, math.Float64frombits(0xfff8000000000001)), "\x7f\xf8\x00\x00\x00\x00\x00\x00"},
		{"bool", encode(t, codec.Bool, true), "\x01"},
		{"time", encode(t, codec.Time, time.Unix(1, 5)), "\x00\x00\x00\x00\x3b\x9a\xca\x05"},
		{"empty", encode(t, codec.Empty, struct{}{}), ""},
		{"unkeyed", encode(t, codec.Unkeyed, struct{}{}), ""},
		{"json", encode(t, codec.JSON[order](), order{1, map[string]int{"b": 2, "a": 1}}), `{"ID":1,"Items":{"a":1,"b":2}}`},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %x, want %x", c.name, c.got, c.want)
		}
	}
}

func encode[T any](t *testing.T, c codec.Codec[T], v T) string {
	t.Helper()
	b, err := c.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// C-04: scans go by value, also over the sign.
func TestSortFormsOrderByValue(t *testing.T) {
	ordered(t, codec.Int64, math.MinInt64, -5, -1, 0, 1, 5, math.MaxInt64)
	ordered(t, codec.Float64, math.Inf(-1), -1.5, -0.25, 0, 2.5, math.Inf(1))
	ordered(t, codec.Time, time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), time.Unix(0, 0).UTC(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
}

func ordered[K any](t *testing.T, c codec.Key[K], rising ...K) {
	t.Helper()
	s := c.(codec.Sortable)
	var forms [][]byte
	for _, k := range rising {
		key := []byte(encode(t, c, k))
		form := s.AppendSort(nil, key)
		if back := s.AppendUnsort(nil, form); !bytes.Equal(back, key) {
			t.Errorf("%s %v: back from the sort form is %x, want %x", c.Format(), k, back, key)
		}
		forms = append(forms, form)
	}
	if !slices.IsSortedFunc(forms, bytes.Compare) {
		t.Errorf("%s: the sort forms of %v are %x, not rising", c.Format(), rising, forms)
	}
}

// C-22: 0 and -0 are one key, NaN is none, and a map cannot be a key because JSON is no Key.
func TestOneKeyHasOneForm(t *testing.T) {
	if encode(t, codec.Float64, 0) != encode(t, codec.Float64, math.Copysign(0, -1)) {
		t.Error("0 and -0 have different bytes")
	}
	if _, err := codec.KeyEncoder(codec.Float64)(nil, math.NaN()); err == nil || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("NaN as a key gives %v, want an error that names it", err)
	}
	if _, ok := any(codec.JSON[map[string]string]()).(codec.Key[map[string]string]); ok {
		t.Error("JSON is a Key")
	}
	if codec.IsUnkeyed(codec.String) || !codec.IsUnkeyed(codec.Unkeyed) {
		t.Error("IsUnkeyed does not tell Unkeyed from other keys")
	}
}

func TestBytesThatAreNoValueAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
	}{
		{"int64 of 7 bytes", decode(codec.Int64, "1234567")},
		{"int64 of none", decode(codec.Int64, "")},
		{"uint64 of 9 bytes", decode(codec.Uint64, "123456789")},
		{"float64 of 4 bytes", decode(codec.Float64, "1234")},
		{"bool 2", decode(codec.Bool, "\x02")},
		{"bool of none", decode(codec.Bool, "")},
		{"time of 3 bytes", decode(codec.Time, "123")},
		{"empty with bytes", decode(codec.Empty, strings.Repeat("x", 100))},
		{"half of a JSON object", decode(codec.JSON[order](), `{"ID":1`)},
		{"JSON of none", decode(codec.JSON[order](), "")},
		{"JSON and more", decode(codec.JSON[order](), `{} {}`)},
		{"an URL that is none", decode(codec.Binary[url.URL](), "://")},
	} {
		if c.err == nil {
			t.Errorf("%s decodes", c.name)
		} else if len(c.err.Error()) > 200 {
			t.Errorf("%s: the error is %d characters long", c.name, len(c.err.Error()))
		}
	}
}

func decode[T any](c codec.Codec[T], data string) error {
	_, err := c.Decode([]byte(data))
	return err
}

func TestTimesThatWouldWrapAreRefused(t *testing.T) {
	for _, v := range []time.Time{{}, time.Date(1677, 9, 21, 0, 12, 43, 0, time.UTC), time.Date(2262, 4, 11, 23, 47, 17, 0, time.UTC)} {
		if _, err := codec.Time.Append(nil, v); err == nil {
			t.Errorf("%v encodes", v)
		}
	}
	for _, v := range []time.Time{time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)} {
		if _, err := codec.Time.Append(nil, v); err != nil {
			t.Errorf("%v: %v", v, err)
		}
	}
}

func TestAFuncCodecSaysWhatItLacks(t *testing.T) {
	enc := func(string) ([]byte, error) { return nil, errors.New("no") }
	dec := func([]byte) (string, error) { return "half", errors.New("no") }
	for _, c := range []struct {
		codec codec.Codec[string]
		want  string
	}{
		{codec.Func("", enc, dec), "format"},
		{codec.Func("x", nil, dec), "encode"},
		{codec.KeyFunc("x", enc, nil), "decode"},
		{codec.Func("x", enc, dec), ""},
	} {
		err := c.codec.(codec.Faulty).Fault()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("Fault = %v, want %q", err, c.want)
		}
	}
	c := codec.Func("money", enc, dec)
	if _, err := c.Append([]byte("x"), ""); err == nil || !strings.Contains(err.Error(), "money") {
		t.Errorf("Append gives %v, want an error with the format's name", err)
	}
	if v, err := c.Decode(nil); err == nil || v != "" {
		t.Errorf("Decode gives %q, %v: want no half value beside an error", v, err)
	}
}

func TestNumbersEncodeWithoutAllocating(t *testing.T) {
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		b, _ := codec.Int64.Append(buf, 7)
		if v, _ := codec.Int64.Decode(b); v != 7 {
			t.Fatal("7 became", v)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
