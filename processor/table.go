package processor

import (
	"iter"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/schema"
)

// Table is keyed state, owned by exactly one processor, or, made by NewTopicTable, a topic that others write. It is immutable and safe for concurrent use: what it holds belongs to
// the task, and is reached through a Context. Its name is data, because it names changelog and directory.
//
// A task sees the keys of its own partition. Using a key that belongs to another one is a fault; an internal stream moves
// data to where its new key belongs.
type Table[K, V any] struct {
	decl      *decl.Table
	key       codec.Key[K]
	value     codec.Codec[V]
	values    schema.Values[V]
	encodeKey func(dst []byte, k K) ([]byte, error)
}

// AnyTable is a Table of whatever types. Only this package implements it.
type AnyTable interface {
	Name() string
	Decl() *decl.Table
	table()
}

// NewTable declares a table. A set is a table of codec.Empty.
func NewTable[K, V any](name string, key codec.Key[K], value codec.Codec[V]) *Table[K, V] {
	return newTable(&decl.Table{Name: name, Site: decl.UseSite()}, key, value)
}

// NewTopicTable declares a compacted topic that others write, to be read as a table: the latest value of each key, and no
// value deletes. A processor names it in Reads or ReadsGlobal; nobody owns it. A record whose key or value does not decode,
// or that has no key, counts as absent; it is reported and counted.
func NewTopicTable[K, V any](topic string, key codec.Key[K], value codec.Codec[V]) *Table[K, V] {
	return newTable(&decl.Table{Name: topic, Topic: true, Partitioner: Murmur2, Site: decl.UseSite()}, key, value)
}

func newTable[K, V any](d *decl.Table, key codec.Key[K], value codec.Codec[V]) *Table[K, V] {
	t := &Table[K, V]{decl: d, key: key, value: value, values: schema.For(value)}
	t.decl.Faults = codecFaults(key, value)
	if key != nil {
		t.decl.KeyFormat = key.Format()
		t.encodeKey = codec.KeyEncoder(key)
		if codec.IsUnkeyed(key) {
			t.decl.Faults = append(t.decl.Faults, errUnkeyedTable)
		}
		if s, ok := key.(codec.Sortable); ok {
			t.decl.Sort, t.decl.Unsort = s.AppendSort, s.AppendUnsort
		}
	}
	if value != nil {
		t.decl.ValueFormat = value.Format()
		if t.decl.Schemas = t.values.Have(); t.decl.Schemas {
			t.decl.Same = t.values.Same
		}
	}
	return t
}

// Name is the name that the table was declared with.
func (t *Table[K, V]) Name() string {
	if t == nil {
		return ""
	}
	return t.decl.Name
}

// Decl is for the runtime.
func (t *Table[K, V]) Decl() *decl.Table {
	if t == nil {
		return nil
	}
	return t.decl
}

// Codecs gives the codecs that the table was declared with.
func (t *Table[K, V]) Codecs() (codec.Key[K], codec.Codec[V]) { return t.key, t.value }

func (t *Table[K, V]) table() {}

// Get returns the value of key as this record and those before it left it; the zero V and false if there is none, and also
// after a fault, when ctx is cancelled. The value is decoded anew and is yours; only Put keeps a change to it. Of a table that
// the processor Reads, it is what the owner had committed some moment ago.
func (t *Table[K, V]) Get(ctx Context, key K) (value V, ok bool) {
	r := ctx.open()
	if r == nil {
		return value, false
	}
	k, ok := t.keyBytes(r, "Get", key)
	if !ok {
		return value, false
	}
	data, ok := r.Ops.Get(t.decl, k)
	if !ok {
		return value, false
	}
	v, err := t.values.DecodeEntry(present(data))
	if err != nil {
		t.unreadable(r, k, err)
		return value, false
	}
	if r.Checker != nil {
		t.tellRead(r, k, v)
	}
	return v, true
}

// Put sets the value of key. It encodes at once: a later change to value is not seen. A zero V is a value. Only the owner puts
// and deletes.
func (t *Table[K, V]) Put(ctx Context, key K, value V) {
	r := ctx.open()
	if r == nil {
		return
	}
	k, ok := t.keyBytes(r, "Put", key)
	if !ok {
		return
	}
	v, err := t.values.AppendEntry(r.Value[:0], value)
	if err != nil {
		r.Fault(decl.Permanentf("table %s: Put (%s): key %s: the value does not encode: %w",
			t.decl.Name, decl.UseSite(), decl.ShowKey(k), err))
		return
	}
	r.Value = v
	if r.Checker != nil {
		tellEncoded(r, "table", t.decl.Name, "value", v, func(value V) ([]byte, error) { return t.values.AppendEntry(nil, value) }, value)
	}
	r.Ops.Put(t.decl, k, present(v))
}

// Delete removes key; of an absent key: nothing.
func (t *Table[K, V]) Delete(ctx Context, key K) {
	r := ctx.open()
	if r == nil {
		return
	}
	if k, ok := t.keyBytes(r, "Delete", key); ok {
		r.Ops.Delete(t.decl, k)
	}
}

// All gives the entries of this task's partition (of every one where ReadsGlobal names the table) in key order, as of the start
// of the loop: what the loop itself puts or
// deletes does not appear in it. A fault ends the loop and cancels ctx.
func (t *Table[K, V]) All(ctx Context) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if r := ctx.open(); r != nil {
			t.scan(r, nil, nil, yield)
		}
	}
}

// Range is All for the keys from from on and below to. Numbers and times come in their order, other keys in that of their
// bytes.
func (t *Table[K, V]) Range(ctx Context, from, to K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		r := ctx.open()
		if r == nil {
			return
		}
		low, ok := t.bound(r, from)
		if !ok {
			return
		}
		if high, ok := t.bound(r, to); ok {
			t.scan(r, low, high, yield)
		}
	}
}

// keyBytes encodes into the scratch of the task.
func (t *Table[K, V]) keyBytes(r *decl.Run, call string, key K) ([]byte, bool) {
	k, err := t.encodeKey(r.Key[:0], key)
	if err != nil {
		r.Fault(decl.Permanentf("table %s: %s (%s): the key does not encode: %w", t.decl.Name, call, decl.UseSite(), err))
		return nil, false
	}
	r.Key = k
	if r.Checker != nil {
		tellEncoded(r, "table", t.decl.Name, "key", k, func(key K) ([]byte, error) { return t.encodeKey(nil, key) }, key)
	}
	return present(k), true
}
