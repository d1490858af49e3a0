package view

import (
	"context"
	"fmt"
	"iter"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/schema"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

// Entry is one entry of a table.
type Entry[K, V any] struct {
	Key   K
	Value V
}

// View is a read-only copy of a table. Safe for concurrent use.
type View[K, V any] struct {
	f         *follower
	table     *decl.Table
	key       codec.Key[K]
	values    schema.Values[V]
	encodeKey func(dst []byte, k K) ([]byte, error)
}

// Open starts to follow a table that a processor of app owns. It does not wait for anything: until an edition of the table
// exists, Get answers ErrNoTable, and until the copy is complete, Get waits. So it does not matter whether the view or the
// worker starts first. ctx counts for Open only. Close ends what Open has started; do it before log is closed.
//
// AtLeast cannot be used on the table of a processor that reads an internal stream: give the table to a processor of its own
// without internal input if reads have to include a write.
func Open[K, V any](ctx context.Context, app *topology.Topology, log commitlog.Log, table *processor.Table[K, V], cfg Config) (*View[K, V], error) {
	d := table.Decl()
	if d == nil {
		return nil, fmt.Errorf("view: the table is nil: declare it with processor.NewTable")
	}
	owner := app.Owner(d.Name)
	if owner == nil {
		return nil, fmt.Errorf("view: no processor of application %s owns the table %s (%s)", app.Name(), d.Name, d.Site)
	}
	for _, own := range owner.Owns {
		if own.Name == d.Name && own != d {
			return nil, fmt.Errorf("view: the table %s (%s) is not the one that processor %s owns (%s): use that declaration", d.Name, d.Site, owner.Name, own.Site)
		}
	}
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("table %s: %w", d.Name, err)
	}
	v := &View[K, V]{table: d}
	key, value := table.Codecs()
	v.key, v.values = key, schema.For(value)
	v.encodeKey = codec.KeyEncoder(v.key)
	f, err := follow(ctx, app.Name(), owner, d, log, cfg.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("view: table %s: %w", d.Name, err)
	}
	v.f = f
	return v, nil
}

// Get returns the value of key; the zero V and false if there is none. It waits, for ctx, while the copy is not complete, so
// that "none" is never said of a key that has only not been read yet. A key of a partition that the view does not follow is a
// *NotHeldError.
func (v *View[K, V]) Get(ctx context.Context, key K, opts ...ReadOption) (value V, ok bool, err error) {
	k, err := v.encodeKey(nil, key)
	if err != nil {
		return value, false, fmt.Errorf("view: table %s: the key does not encode: %w", v.table.Name, err)
	}
	data, ok, err := v.f.get(ctx, k, positionsOf(opts))
	if err != nil || !ok {
		return value, false, err
	}
	value, err = v.values.DecodeEntry(data)
	if err != nil {
		return value, false, fmt.Errorf("view: table %s: the value of key %s does not decode: %w", v.table.Name, decl.ShowKey(k), err)
	}
	return value, true, nil
}

// All gives the entries of all partitions that are followed, in key order, as of the start of the loop. After an error, which
// comes with a zero Entry, there is nothing more.
func (v *View[K, V]) All(ctx context.Context, opts ...ReadOption) iter.Seq2[Entry[K, V], error] {
	return func(yield func(Entry[K, V], error) bool) {
		v.scan(ctx, nil, nil, opts, yield)
	}
}

// Range is All for the keys from from on and below to. Numbers and times come in their order, other keys in that of their
// bytes.
func (v *View[K, V]) Range(ctx context.Context, from, to K, opts ...ReadOption) iter.Seq2[Entry[K, V], error] {
	return func(yield func(Entry[K, V], error) bool) {
		low, err := v.bound(from)
		if err != nil {
			yield(Entry[K, V]{}, err)
			return
		}
		high, err := v.bound(to)
		if err != nil {
			yield(Entry[K, V]{}, err)
			return
		}
		v.scan(ctx, low, high, opts, yield)
	}
}

// Ready returns when all that was committed to the partitions followed when it was called is in the view. It waits for a first edition of the table too,
// so give it a context that ends.
func (v *View[K, V]) Ready(ctx context.Context) error { return v.f.ready(ctx) }

// Close ends the view and waits for what it started. Calls that wait, and later ones, return ErrClosed; so do iterations under
// way, with their next entry: on disk, they keep files and lock until then. An error says that not all is durable; the next view
// reads that once more.
func (v *View[K, V]) Close() error { return v.f.close() }

// bound gives the sort form of a key, never nil.
func (v *View[K, V]) bound(key K) ([]byte, error) {
	k, err := v.encodeKey([]byte{}, key)
	if err != nil {
		return nil, fmt.Errorf("view: table %s: the key does not encode: %w", v.table.Name, err)
	}
	if v.table.Sort != nil {
		return v.table.Sort([]byte{}, k), nil
	}
	return k, nil
}

func (v *View[K, V]) scan(ctx context.Context, low, high []byte, opts []ReadOption, yield func(Entry[K, V], error) bool) {
	more := true
	err := v.f.scan(ctx, low, high, positionsOf(opts), func(key, data []byte) (bool, error) {
		k, err := v.key.Decode(key)
		if err != nil {
			return false, fmt.Errorf("view: table %s: the key %s does not decode: %w", v.table.Name, decl.ShowKey(key), err)
		}
		value, err := v.values.DecodeEntry(data)
		if err != nil {
			return false, fmt.Errorf("view: table %s: the value of key %s does not decode: %w", v.table.Name, decl.ShowKey(key), err)
		}
		more = yield(Entry[K, V]{k, value}, nil)
		return more, nil
	})
	if err != nil && more {
		yield(Entry[K, V]{}, err)
	}
}
