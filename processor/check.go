package processor

import "github.com/millrun/millrun/internal/decl"

// What follows runs in the test kit alone, which has a Checker. It is kept out of its callers, so that what the closures hold
// does not move the callers' values to the heap.

// tellEncoded tells how to encode a value again; encode holds nothing of the call.
//
//go:noinline
func tellEncoded[T any](r *decl.Run, kind, name, part string, data []byte, encode func(T) ([]byte, error), value T) {
	r.Checker.Encoded(func() string { return "the " + part + " of " + kind + " " + name }, data, func() ([]byte, error) { return encode(value) })
}

// tellRead tells what a handler was given, which it may change.
//
//go:noinline
func (t *Table[K, V]) tellRead(r *decl.Run, key []byte, value V) {
	r.Checker.Read(t.decl, key, func() ([]byte, error) { return t.values.AppendEntry(nil, value) })
}
