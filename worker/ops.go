package worker

import (
	"bytes"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/schema"
)

// A task is the decl.Ops of its handlers: they run on its goroutine.
var _ decl.Ops = (*task)(nil)

// table finds the index of a table in the store. Programs have few tables, and a look along a short list is faster than a
// map.
func (t *task) table(d *decl.Table) int {
	for i, own := range t.ed.tables {
		if own.decl == d {
			return i
		}
	}
	return t.tableByName(d)
}

// tableByName serves handles that are copies of the declared one. -1: the processor does not own the table.
func (t *task) tableByName(d *decl.Table) int {
	for i, own := range t.ed.tables {
		if own.decl.Name == d.Name && own.decl.Topic == d.Topic {
			return i
		}
	}
	return -1
}

// mine faults when a key belongs to another partition: what is written there no reader finds.
func (t *task) mine(d *decl.Table, key []byte) bool {
	if t.record != nil && bytes.Equal(key, t.record.Key) {
		return true
	}
	if t.ed.partitions == 1 || t.from == nil {
		return true
	}
	want := t.ed.partitioner.Partition(key, t.ed.partitions)
	if want == t.partition {
		return true
	}
	t.run.Fault(decl.Permanentf("key %q of table %s belongs to partition %d, this task has partition %d: send it there with a NewInternalStream",
		key, d.Name, want, t.partition))
	return false
}

// Get implements decl.Ops.
func (t *task) Get(d *decl.Table, key []byte) ([]byte, bool) {
	i := t.table(d)
	if i < 0 {
		return t.getForeign(d, key)
	}
	if t.run.Faulted() != nil || !t.mine(d, key) {
		return nil, false
	}
	v, ok, err := t.cache.Get(i, key)
	if err != nil {
		t.run.Fault(&stopError{err})
		return nil, false
	}
	return v, ok
}

// Put implements decl.Ops.
func (t *task) Put(d *decl.Table, key, value []byte) {
	i := t.table(d)
	if i < 0 {
		t.notOurs(d, "Put")
		return
	}
	if t.run.Faulted() != nil || !t.mine(d, key) {
		return
	}
	size := recordSize(key, value, nil)
	if d.Schemas {
		size += schema.RecordBytes
	}
	if most := t.ed.tables[i].maxBytes; size > most {
		t.run.Fault(decl.Permanentf("table %s, key %q: the entry has %d bytes, its changelog takes %d (max.message.bytes)",
			d.Name, clip(key), len(key)+len(value), most))
		return
	}
	t.cache.Put(i, key, value)
}

// Delete implements decl.Ops.
func (t *task) Delete(d *decl.Table, key []byte) {
	i := t.table(d)
	if i < 0 {
		t.notOurs(d, "Delete")
		return
	}
	if t.run.Faulted() != nil || !t.mine(d, key) {
		return
	}
	t.cache.Delete(i, key)
}

// Scan implements decl.Ops.
func (t *task) Scan(d *decl.Table, from, to []byte, yield func(key, value []byte) bool) {
	i := t.table(d)
	if i < 0 {
		t.scanForeign(d, from, to, yield)
		return
	}
	if t.run.Faulted() != nil {
		return
	}
	if err := t.cache.Scan(i, from, to, yield); err != nil {
		t.run.Fault(&stopError{err})
	}
}

// Emit implements decl.Ops.
func (t *task) Emit(s *decl.Stream, key, value []byte, timestamp int64, headers []commitlog.Header) {
	if t.run.Faulted() != nil {
		return
	}
	o := t.output(s)
	if o == nil {
		t.run.Fault(decl.UndeclaredStream(t.ed.decl.Name, s))
		return
	}
	if !s.Internal && t.ed.fenced() {
		t.counts.fenced++
		return
	}
	if size := recordSize(key, value, headers); size > o.maxBytes {
		t.run.Fault(decl.Permanentf("emit to %s, key %q: the record has %d bytes, the topic takes %d (max.message.bytes)",
			s.Name, clip(key), size, o.maxBytes))
		return
	}
	p := commitlog.Partition{Topic: o.topic}
	if s.Unkeyed {
		p.Index = t.partition % o.partitions
	} else {
		p.Index = s.Partitioner.Partition(key, o.partitions)
	}
	t.out.stage(p, key, value, timestamp, headers)
}

func (t *task) output(s *decl.Stream) *output {
	for i := range t.ed.outputs {
		if o := &t.ed.outputs[i]; o.decl == s || o.decl.Name == s.Name && o.decl.Internal == s.Internal {
			return o
		}
	}
	return nil
}

// recordSize is what a record takes in a batch of its own, at most.
func recordSize(key, value []byte, headers []commitlog.Header) int {
	n := 61 + 32 + len(key) + len(value)
	for _, h := range headers {
		n += 10 + len(h.Key) + len(h.Value)
	}
	return n
}

func clip(b []byte) []byte {
	if len(b) > 64 {
		return b[:64]
	}
	return b
}
