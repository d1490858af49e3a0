package processor

import (
	"errors"
	"iter"

	"github.com/millrun/millrun/internal/decl"
)

var errUnkeyedTable = errors.New("a table needs keys: codec.Unkeyed has none")

// Prefix gives the entries of this task's partition whose key's bytes begin with those of prefix, in key order. An empty
// prefix gives all.
func Prefix[K ~string | ~[]byte, V any](ctx Context, t *Table[K, V], prefix K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		r := ctx.open()
		if r == nil {
			return
		}
		if low, ok := t.bound(r, prefix); ok {
			t.scan(r, low, after(low), yield)
		}
	}
}

// after gives the first bytes above all that begin with prefix: the last byte that can grow grows, what follows goes. There
// is none above FF FF ..., which nil, the open end, says.
func after(prefix []byte) []byte {
	for n := len(prefix); n > 0; n-- {
		if prefix[n-1] != 0xff {
			high := append([]byte(nil), prefix[:n]...)
			high[n-1]++
			return high
		}
	}
	return nil
}

// bound gives the sort form of key in bytes of its own: the loop body may use the scratch. It is never nil.
func (t *Table[K, V]) bound(r *decl.Run, key K) ([]byte, bool) {
	k, ok := t.keyBytes(r, "Range", key)
	if !ok {
		return nil, false
	}
	if t.decl.Sort != nil {
		return present(t.decl.Sort(nil, k)), true
	}
	return append([]byte{}, k...), true
}

func (t *Table[K, V]) scan(r *decl.Run, low, high []byte, yield func(K, V) bool) {
	r.Ops.Scan(t.decl, low, high, func(key, value []byte) bool {
		k, err := t.key.Decode(present(key))
		if err != nil {
			return t.unreadable(r, key, err)
		}
		v, err := t.values.DecodeEntry(present(value))
		if err != nil {
			return t.unreadable(r, key, err)
		}
		if r.Checker != nil {
			t.tellRead(r, key, v)
		}
		return yield(k, v)
	})
}

// unreadable deals with an entry that does not decode: in a table of others it counts as absent, and true says to go on; in
// the processor's own it is a fault.
func (t *Table[K, V]) unreadable(r *decl.Run, key []byte, err error) bool {
	err = t.undecodable(key, err)
	if foreign, ok := r.Ops.(decl.Foreign); ok && foreign.Undecodable(t.decl, key, err) {
		return true
	}
	r.Fault(err)
	return false
}

// undecodable is the fault of an entry that the table's codecs do not read: another program wrote it, or a codec has changed
// under its format's name.
func (t *Table[K, V]) undecodable(key []byte, err error) error {
	return decl.Permanentf("table %s (%s): the entry of key %s does not decode: %w", t.decl.Name, decl.UseSite(), decl.ShowKey(key), err)
}
