package codec

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// JSON writes T with encoding/json. Maps come sorted by key, so equal values give equal bytes. It is no Key: field order and
// number formats are no identity.
func JSON[T any]() Codec[T] { return jsonCodec[T]{} }

type jsonCodec[T any] struct{}

func (jsonCodec[T]) Format() string { return "json" }

// Fault finds types that no value of which can be written, before the first record does.
func (jsonCodec[T]) Fault() error {
	t := reflect.TypeFor[T]()
	if at, bad := unwritable(t, ""); bad != nil {
		if at == "" {
			return fmt.Errorf("codec json: %v cannot be written", bad)
		}
		return fmt.Errorf("codec json: %v cannot be written: %s has type %v", t, at, bad)
	}
	return nil
}

// unwritable gives the path to a part of t that encoding/json refuses whatever its value is, and the type of that part; nil: it
// knows of none. What may be absent, behind a pointer, in a slice or an embedded struct, or what writes itself, is left to the
// values.
func unwritable(t reflect.Type, at string) (string, reflect.Type) {
	if writesItself(t) || writesItself(reflect.PointerTo(t)) {
		return "", nil
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return at, t
	case reflect.Map:
		switch k := t.Key(); k.Kind() {
		case reflect.Bool, reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128, reflect.Array, reflect.Struct,
			reflect.Chan, reflect.Pointer, reflect.UnsafePointer, reflect.Interface:
			if !k.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
				return at, t
			}
		}
	case reflect.Array:
		if t.Len() > 0 {
			return unwritable(t.Elem(), at+"[0]")
		}
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.IsExported() || f.Anonymous || name == "-" && options == "" || strings.Contains(options, "omit") {
				continue
			}
			path := f.Name
			if at != "" {
				path = at + "." + path
			}
			if where, bad := unwritable(f.Type, path); bad != nil {
				return where, bad
			}
		}
	}
	return "", nil
}

func writesItself(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

func (jsonCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return dst, fmt.Errorf("codec json: %w", err)
	}
	return append(dst, b...), nil
}

func (jsonCodec[T]) Decode(data []byte) (T, error) {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		var zero T // what was decoded before the fault is no value
		return zero, fmt.Errorf("codec json: %w", err)
	}
	return v, nil
}
