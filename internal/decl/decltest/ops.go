// Package decltest holds the plainest world a handler can act on, for tests of what stands above the runtime.
package decltest

import (
	"bytes"
	"maps"
	"slices"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
)

// New gives the world of a processor, its tables empty, and the run that acts on it.
func New(p *decl.Processor) *Ops {
	o := &Ops{Run: &decl.Run{App: "test", Processor: p.Name}, Tables: map[*decl.Table]map[string][]byte{}, Streams: p.Emits}
	for _, own := range p.Owns {
		o.Tables[own] = map[string][]byte{}
	}
	o.Run.Ops = o
	return o
}

// Ops is a task's world in maps: tables by their sort form, and what was emitted. It knows no partitions and no commits.
type Ops struct {
	Run     *decl.Run
	Tables  map[*decl.Table]map[string][]byte // what is missing is undeclared
	Streams []*decl.Stream                    // what may be emitted to
	Emitted []commitlog.Record
}

func (o *Ops) table(t *decl.Table) map[string][]byte {
	m := o.Tables[t]
	if m == nil {
		o.Run.Fault(decl.UndeclaredTable(o.Run.Processor, t))
	}
	return m
}

func sortForm(t *decl.Table, key []byte) string {
	if t.Sort != nil {
		key = t.Sort(nil, key)
	}
	return string(key)
}

// Get implements decl.Ops.
func (o *Ops) Get(t *decl.Table, key []byte) ([]byte, bool) {
	v, ok := o.table(t)[sortForm(t, key)]
	return v, ok
}

// Put implements decl.Ops.
func (o *Ops) Put(t *decl.Table, key, value []byte) {
	if m := o.table(t); m != nil {
		m[sortForm(t, key)] = bytes.Clone(value)
	}
}

// Delete implements decl.Ops.
func (o *Ops) Delete(t *decl.Table, key []byte) { delete(o.table(t), sortForm(t, key)) }

// Scan implements decl.Ops.
func (o *Ops) Scan(t *decl.Table, from, to []byte, yield func(key, value []byte) bool) {
	m := maps.Clone(o.table(t))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if from != nil && k < string(from) || to != nil && k >= string(to) {
			continue
		}
		key := []byte(k)
		if t.Unsort != nil {
			key = t.Unsort(nil, key)
		}
		if !yield(key, m[k]) {
			return
		}
	}
}

// Emit implements decl.Ops.
func (o *Ops) Emit(s *decl.Stream, key, value []byte, timestamp int64, headers []commitlog.Header) {
	if !slices.Contains(o.Streams, s) {
		o.Run.Fault(decl.UndeclaredStream(o.Run.Processor, s))
		return
	}
	o.Emitted = append(o.Emitted, commitlog.Record{Key: bytes.Clone(key), Value: bytes.Clone(value), Timestamp: timestamp, Headers: slices.Clone(headers)})
}
