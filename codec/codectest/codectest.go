// Package codectest checks a codec that you wrote.
//
//	func TestMoneyCodec(t *testing.T) {
//		codectest.Run(t, moneyCodec, Money{}, Money{Cents: 1}, Money{Cents: -5, Currency: "EUR"})
//	}
package codectest

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/millrun/millrun/codec"
)

// Run checks that c keeps the promises of codec.Codec for the zero value of T and for values, and, if c is a codec.Key, those
// of a key:
//
//   - round trip: what was encoded decodes to an equal value, which encodes to the same bytes again
//   - determinism: encoding twice gives the same bytes
//   - appending: Append keeps what dst holds
//   - ownership: a decoded value keeps no part of the bytes, and Decode does not write to them
//   - empty: Decode of no bytes gives a value or an error, not a panic
//   - schemas (codec.SchemaCodec): the same value has the same schema, a value decodes under the schema it was given, Append
//     does not lose a schema in silence, and a schema that is not known is codec.ErrSchema
//   - identity (keys): equal values have equal bytes, different values have different bytes
//   - order (keys with codec.Sortable): the two functions are inverse, and keep the order of numbers and strings
//
// Values are equal if reflect.DeepEqual says so, or an Equal method of theirs. Empty and nil slices and maps count as equal, and
// so do two NaN. The zero value may be refused with an error; the values given may not.
func Run[T any](t testing.TB, c codec.Codec[T], values ...T) {
	t.Helper()
	if c.Format() == "" {
		t.Errorf("Format is empty: plans and tables need a name for the bytes")
	}
	var zero T
	if _, _, err := codec.AppendSchema(c, nil, zero); err == nil {
		checkValue(t, c, zero)
	}
	for _, v := range values {
		checkValue(t, c, v)
	}
	checkEmpty(t, c)
	if s, ok := c.(codec.SchemaCodec[T]); ok {
		checkSchemas(t, s, values)
	}
	if k, ok := c.(codec.Key[T]); ok {
		checkIdentity(t, k, values)
		if s, ok := c.(codec.Sortable); ok {
			checkOrder(t, k, s, values)
		}
	}
}

// checkEmpty: an empty value is no tombstone, so Decode meets it.
func checkEmpty[T any](t testing.TB, c codec.Codec[T]) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("Decode of no bytes panics: %v", p)
		}
	}()
	if _, err := c.Decode([]byte{}); err != nil && err.Error() == "" {
		t.Errorf("Decode of no bytes gives an error without text")
	}
}

// repeats is how often a value is encoded: enough for Go's random order of maps to show itself.
const repeats = 20

func checkValue[T any](t testing.TB, c codec.Codec[T], v T) {
	t.Helper()
	data, schema, err := codec.AppendSchema(c, nil, v)
	if err != nil {
		t.Errorf("Append(%+v): %v", v, err)
		return
	}
	for range repeats {
		again, name, err := codec.AppendSchema(c, nil, v)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("Append(%+v) gives %x, then %x (%v): equal values need equal bytes", v, data, again, err)
			return
		}
		if name != schema {
			t.Errorf("AppendSchema(%+v) names schema %q, then %q: equal values need equal schemas", v, schema, name)
			return
		}
	}
	if got, _, err := codec.AppendSchema(c, []byte("before"), v); err != nil || string(got) != "before"+string(data) {
		t.Errorf("Append to %q gives %q (%v), want the bytes behind it", "before", got, err)
	}
	checkDecode(t, c, v, schema, data)
}

func checkDecode[T any](t testing.TB, c codec.Codec[T], v T, schema string, data []byte) {
	t.Helper()
	mine := append([]byte{}, data...) // never nil, as the log promises
	got, err := codec.DecodeSchema(c, schema, mine)
	if err != nil {
		t.Errorf("Decode of what Append(%+v) gave: %v", v, err)
		return
	}
	if !bytes.Equal(mine, data) {
		t.Errorf("Decode of %x changed the bytes to %x", data, mine)
	}
	if !equal(got, v) {
		t.Errorf("round trip of %+v gives %+v", v, got)
	}
	for i := range mine {
		mine[i] ^= 0xff
	}
	if again, _, err := codec.AppendSchema(c, nil, got); err != nil || !bytes.Equal(again, data) {
		t.Errorf("the decoded %+v encodes to %x (%v), want %x; if the value changed with the bytes it came from, Decode kept them",
			got, again, err, data)
	}
}

func checkIdentity[T any](t testing.TB, c codec.Key[T], values []T) {
	t.Helper()
	encode := codec.KeyEncoder(c)
	for i, a := range values {
		for _, b := range values[:i] {
			x, errX := encode(nil, a)
			y, errY := encode(nil, b)
			if errX != nil || errY != nil {
				continue // a value that is no key
			}
			if bytes.Equal(x, y) != equal(a, b) {
				t.Errorf("keys %+v and %+v have bytes %x and %x: want equal bytes exactly for equal keys", a, b, x, y)
			}
		}
	}
}

func checkOrder[T any](t testing.TB, c codec.Key[T], s codec.Sortable, values []T) {
	t.Helper()
	encode := codec.KeyEncoder(c)
	sorted := func(v T) []byte {
		key, err := encode(nil, v)
		if err != nil {
			return nil
		}
		form := s.AppendSort([]byte("before"), key)
		if !bytes.HasPrefix(form, []byte("before")) {
			t.Errorf("AppendSort(%x) does not keep what dst holds", key)
			return nil
		}
		form = form[len("before"):]
		if back := s.AppendUnsort(nil, form); !bytes.Equal(back, key) {
			t.Errorf("AppendUnsort(AppendSort(%x)) = %x", key, back)
		}
		return form
	}
	for _, a := range values {
		for _, b := range values {
			x, y := sorted(a), sorted(b)
			if x == nil || y == nil {
				continue
			}
			if want, ok := compare(a, b); ok && bytes.Compare(x, y) != want {
				t.Errorf("%+v and %+v compare as %d, their sort forms %x and %x as %d", a, b, want, x, y, bytes.Compare(x, y))
			}
		}
	}
}

// equal compares as the doc of Run says.
func equal(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if !x.IsValid() || !y.IsValid() || x.Type() != y.Type() {
		return false
	}
	switch x.Kind() {
	case reflect.Slice, reflect.Map:
		if x.Len() == 0 && y.Len() == 0 {
			return true
		}
	case reflect.Float32, reflect.Float64:
		return x.Float() == y.Float() || x.Float() != x.Float() && y.Float() != y.Float()
	}
	m := x.MethodByName("Equal")
	if !m.IsValid() || m.Type().NumIn() != 1 || m.Type().NumOut() != 1 || m.Type().In(0) != y.Type() || m.Type().Out(0).Kind() != reflect.Bool {
		return false
	}
	return m.Call([]reflect.Value{y})[0].Bool()
}
