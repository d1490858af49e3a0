package codec

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// OneOf encodes an interface by the concrete types that are its cases. The schema of a value is the name of its case; if the
// case's own codec has schemas, that follows behind a slash: "paid", "paid/2".
//
//	codec.OneOf[Event](
//		codec.NewCase("placed", codec.JSON[Placed]()),
//		codec.NewCase("paid", codec.JSON[Paid]()),
//	)
//
// A case's name is data: rename the Go type, keep the name. Cases may be added; a value of a case that this program does not
// have is ErrSchema, and so is a value without a schema. The format is "oneof" whatever the cases are, so that adding one does
// not make another table; a case changes its bytes only by Version1 and Upcast.
//
// What topology.New reports: a case that does not implement I, two cases of one name or type, an I that is no interface.
func OneOf[I any](cases ...Case) Codec[I] {
	c := oneOf[I]{byName: map[string]Case{}, byType: map[reflect.Type]Case{}}
	var faults []error
	face := reflect.TypeFor[I]()
	if face.Kind() != reflect.Interface {
		faults = append(faults, fmt.Errorf("OneOf of %v: want an interface, or use the codec of the type itself", face))
	}
	if len(cases) == 0 {
		faults = append(faults, fmt.Errorf("OneOf of %v has no cases", face))
	}
	for i, one := range cases {
		if one == nil {
			faults = append(faults, fmt.Errorf("case %d is nil: make it with NewCase", i+1))
			continue
		}
		if err := one.fault(face); err != nil {
			faults = append(faults, fmt.Errorf("case %q: %w", one.name(), err))
		}
		if _, twice := c.byName[one.name()]; twice {
			faults = append(faults, fmt.Errorf("two cases have the name %q", one.name()))
		}
		if first, twice := c.byType[one.goType()]; twice {
			faults = append(faults, fmt.Errorf("cases %q and %q are both of type %v", first.name(), one.name(), one.goType()))
		}
		c.byName[one.name()], c.byType[one.goType()] = one, one
	}
	c.err = errors.Join(faults...)
	return c
}

// Case is one concrete type of a OneOf. Only NewCase makes one.
type Case interface {
	name() string
	goType() reflect.Type
	// fault says what is wrong with the case in a OneOf of face.
	fault(face reflect.Type) error
	// append and decode are of the case's own codec: the schema is what follows the name and the slash.
	append(dst []byte, v any) (data []byte, schema string, err error)
	decode(schema string, data []byte) (any, error)
}

// NewCase names the case of T for ever and gives it a codec. The name has letters, digits, '.', '_' and '-', begins with a
// letter, and has at most 128 bytes. T must be the type that values have, so *Placed and Placed are two cases.
func NewCase[T any](name string, c Codec[T]) Case { return typedCase[T]{name, c} }

type typedCase[T any] struct {
	label string
	codec Codec[T]
}

func (c typedCase[T]) name() string         { return c.label }
func (c typedCase[T]) goType() reflect.Type { return reflect.TypeFor[T]() }

func (c typedCase[T]) fault(face reflect.Type) error {
	var faults []error
	if !legalCase(c.label) {
		faults = append(faults, errors.New("the name must begin with a letter and have letters, digits, '.', '_' and '-' alone, 128 at most"))
	}
	switch t := c.goType(); {
	case t.Kind() == reflect.Interface:
		faults = append(faults, fmt.Errorf("%v is an interface: want the type that values have", t))
	case face.Kind() == reflect.Interface && !t.Implements(face):
		hint := ""
		if reflect.PointerTo(t).Implements(face) {
			hint = fmt.Sprintf(", but *%v does", t)
		}
		faults = append(faults, fmt.Errorf("%v does not implement %v%s", t, face, hint))
	}
	return errors.Join(append(faults, faultOf(c.codec))...)
}

func legalCase(name string) bool {
	if len(name) == 0 || len(name) > 128 {
		return false
	}
	for i, b := range []byte(name) {
		letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
		if !letter && (i == 0 || !(b >= '0' && b <= '9' || b == '.' || b == '_' || b == '-')) {
			return false
		}
	}
	return true
}

func (c typedCase[T]) append(dst []byte, v any) ([]byte, string, error) {
	return AppendSchema(c.codec, dst, v.(T))
}

func (c typedCase[T]) decode(schema string, data []byte) (any, error) {
	return DecodeSchema(c.codec, schema, data)
}

// oneOf is read-only after OneOf.
type oneOf[I any] struct {
	byName map[string]Case
	byType map[reflect.Type]Case
	err    error
}

var _ SchemaCodec[any] = oneOf[any]{}

func (c oneOf[I]) Format() string { return "oneof" }
func (c oneOf[I]) Fault() error   { return c.err }

// Append always fails: the bytes alone do not say which case they are.
func (c oneOf[I]) Append(dst []byte, v I) ([]byte, error) {
	_, schema, err := c.AppendSchema(dst, v)
	if err == nil {
		err = besideLost("oneof", schema)
	}
	return dst, err
}

// Decode always fails, for the same reason.
func (c oneOf[I]) Decode(data []byte) (I, error) { return c.DecodeSchema("", data) }

func (c oneOf[I]) AppendSchema(dst []byte, v I) ([]byte, string, error) {
	of := reflect.TypeOf(any(v))
	one, ok := c.byType[of]
	switch {
	case of == nil:
		return dst, "", fmt.Errorf("codec oneof: the value is nil, which is no case of %v", reflect.TypeFor[I]())
	case !ok:
		return dst, "", fmt.Errorf("codec oneof: a value of type %v is no case of %v: add NewCase, or pass the type of one: %s",
			of, reflect.TypeFor[I](), c.names())
	}
	data, inner, err := one.append(dst, v)
	if err != nil {
		return dst, "", fmt.Errorf("codec oneof: case %q: %w", one.name(), err)
	}
	if inner == "" {
		return data, one.name(), nil
	}
	return data, one.name() + "/" + inner, nil
}

func (c oneOf[I]) DecodeSchema(schema string, data []byte) (I, error) {
	var zero I
	name, inner, _ := strings.Cut(schema, "/")
	one, ok := c.byName[name]
	switch {
	case schema == "":
		return zero, fmt.Errorf("codec oneof: %w: the value names none, want one of %s", ErrSchema, c.names())
	case !ok:
		return zero, fmt.Errorf("codec oneof: %w: it is %q, this program knows %s", ErrSchema, clip(name), c.names())
	}
	v, err := one.decode(inner, data)
	if err != nil {
		return zero, fmt.Errorf("codec oneof: case %q: %w", name, err)
	}
	out, ok := v.(I)
	if !ok {
		return zero, fmt.Errorf("codec oneof: case %q gives %T, which does not implement %v", name, v, reflect.TypeFor[I]())
	}
	return out, nil
}

// names lists the cases for a message.
func (c oneOf[I]) names() string {
	const most = 20
	var list []string
	for name := range c.byName {
		list = append(list, name)
	}
	slices.Sort(list)
	if len(list) > most {
		list = append(list[:most], "...")
	}
	return strings.Join(list, ", ")
}
