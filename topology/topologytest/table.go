package topologytest

import (
	"context"
	"iter"

	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/state/view"
)

// TableProbe reads a table from outside its processor, as a view does: what was committed.
type TableProbe[K, V any] struct {
	h     *Harness
	table *processor.Table[K, V]
	view  *view.View[K, V]
	epoch int // of view
}

// Table gives a probe of t, which a processor of the application owns.
func Table[K, V any](h *Harness, t *processor.Table[K, V]) *TableProbe[K, V] {
	return &TableProbe[K, V]{h: h, table: t}
}

// Get lets all work finish and gives the value of key; false if there is none.
func (p *TableProbe[K, V]) Get(key K) (value V, ok bool) {
	p.h.t.Helper()
	v := p.open()
	ctx, cancel := context.WithTimeout(p.h.ctx, stuck)
	defer cancel()
	value, ok, err := v.Get(ctx, key)
	if err != nil {
		p.h.t.Fatalf("topologytest: table %s: %v", p.table.Name(), err)
	}
	return value, ok
}

// All lets all work finish and gives all entries of all partitions, in key order.
func (p *TableProbe[K, V]) All() iter.Seq2[K, V] {
	p.h.t.Helper()
	v := p.open()
	return func(yield func(K, V) bool) {
		p.h.t.Helper()
		ctx, cancel := context.WithTimeout(p.h.ctx, stuck)
		defer cancel()
		for e, err := range v.All(ctx) {
			if err != nil {
				p.h.t.Fatalf("topologytest: table %s: %v", p.table.Name(), err)
			}
			if !yield(e.Key, e.Value) {
				return
			}
		}
	}
}

// open gives a view that shows all that is committed.
func (p *TableProbe[K, V]) open() *view.View[K, V] {
	p.h.t.Helper()
	p.h.settle()
	ctx, cancel := context.WithTimeout(p.h.ctx, stuck)
	defer cancel()
	if p.view == nil || p.epoch != p.h.epoch {
		v, err := view.Open(ctx, p.h.app, p.h.life.log, p.table, view.Config{Clock: p.h.life.clock})
		if err != nil {
			p.h.t.Fatalf("topologytest: %v", err)
		}
		p.view, p.epoch = v, p.h.epoch
		p.h.life.open = append(p.h.life.open, v)
	}
	if err := p.view.Ready(ctx); err != nil {
		p.h.t.Fatalf("topologytest: table %s: %v", p.table.Name(), err)
	}
	return p.view
}
