package topologytest

import (
	"bytes"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
)

// trace is the first run of a record: what came in, what the handler read, and what it did. Its bytes are its own.
type trace struct {
	app, processor string
	in             *decl.Input
	meta           decl.Meta
	key, value     []byte
	gets           map[entry]value    // as before the record's own writes
	scans          map[extent][]visit // by how often the same was asked for
	foreign        map[entry]bool     // entries of others that do not decode and count as absent
	did            effects
	bytes          int64
}

// entry is a key of a table.
type entry struct {
	table string
	topic bool
	key   string
}

func entryOf(t *decl.Table, key []byte) entry { return entry{t.Name, t.Topic, string(key)} }

// value is what a key holds; absent if it has none.
type value struct {
	data   string
	absent bool
}

// extent is what a scan was asked for: its bounds, and which of those with the same bounds it was in its call.
type extent struct {
	table    string
	topic    bool
	from, to string
	nth      int
}

// visit is an entry that a scan showed.
type visit struct{ key, data []byte }

// effects are what one run of a handler did. The last write of a key counts; the order of emits counts per stream.
type effects struct {
	writes map[entry]value
	emits  map[string][]emit
}

// emit is a record that a handler sent.
type emit struct {
	key, value []byte
	timestamp  int64
	headers    []commitlog.Header
}

func newTrace(run *decl.Run, in *decl.Input, key, val []byte) *trace {
	t := &trace{app: run.App, processor: run.Processor, in: in, meta: run.Meta, key: bytes.Clone(key), value: bytes.Clone(val),
		gets: map[entry]value{}, scans: map[extent][]visit{}, foreign: map[entry]bool{}, did: newEffects()}
	part := *run.Meta.Partition
	t.meta.Partition, t.meta.Headers = &part, cloneHeaders(run.Meta.Headers)
	t.bytes = int64(len(key)+len(val)) + traceOverhead
	return t
}

const traceOverhead = 1 << 10 // counted per record beside its bytes

func newEffects() effects {
	return effects{writes: map[entry]value{}, emits: map[string][]emit{}}
}

func (e *effects) emit(s *decl.Stream, key, val []byte, timestamp int64, headers []commitlog.Header) {
	e.emits[s.Name] = append(e.emits[s.Name], emit{bytes.Clone(key), bytes.Clone(val), timestamp, cloneHeaders(headers)})
}

func cloneHeaders(list []commitlog.Header) []commitlog.Header {
	out := make([]commitlog.Header, len(list))
	for i, h := range list {
		out[i] = commitlog.Header{Key: h.Key, Value: bytes.Clone(h.Value)}
	}
	return out
}

// extentOf numbers the scan by those that seen knows. A nil bound differs from an empty one.
func extentOf[T any](seen map[extent]T, t *decl.Table, from, to []byte) extent {
	bound := func(b []byte) string {
		if b == nil {
			return ""
		}
		return "=" + string(b)
	}
	e := extent{table: t.Name, topic: t.Topic, from: bound(from), to: bound(to)}
	for {
		if _, has := seen[e]; !has {
			return e
		}
		e.nth++
	}
}

// recorder is the decl.Ops of a first run: the task's own, written down.
type recorder struct {
	decl.Ops
	trace *trace
}

// Get implements decl.Ops.
func (r *recorder) Get(t *decl.Table, key []byte) ([]byte, bool) {
	e := entryOf(t, key)
	data, ok := r.Ops.Get(t, key)
	_, known := r.trace.gets[e]
	if _, written := r.trace.did.writes[e]; !written && !known {
		r.trace.gets[e] = value{string(data), !ok}
		r.trace.bytes += int64(len(e.key) + len(data))
	}
	return data, ok
}

// Put implements decl.Ops.
func (r *recorder) Put(t *decl.Table, key, data []byte) {
	r.trace.did.writes[entryOf(t, key)] = value{data: string(data)}
	r.trace.bytes += int64(len(key) + len(data))
	r.Ops.Put(t, key, data)
}

// Delete implements decl.Ops.
func (r *recorder) Delete(t *decl.Table, key []byte) {
	r.trace.did.writes[entryOf(t, key)] = value{absent: true}
	r.Ops.Delete(t, key)
}

// Scan implements decl.Ops.
func (r *recorder) Scan(t *decl.Table, from, to []byte, yield func(key, value []byte) bool) {
	e := extentOf(r.trace.scans, t, from, to)
	r.trace.scans[e] = nil // a scan inside the loop has the next number
	r.Ops.Scan(t, from, to, func(key, data []byte) bool {
		r.trace.scans[e] = append(r.trace.scans[e], visit{bytes.Clone(key), bytes.Clone(data)})
		r.trace.bytes += int64(len(key) + len(data))
		return yield(key, data)
	})
}

// Emit implements decl.Ops.
func (r *recorder) Emit(s *decl.Stream, key, data []byte, timestamp int64, headers []commitlog.Header) {
	r.trace.did.emit(s, key, data, timestamp, headers)
	r.trace.bytes += int64(len(key) + len(data))
	r.Ops.Emit(s, key, data, timestamp, headers)
}

// Undecodable implements decl.Foreign.
func (r *recorder) Undecodable(t *decl.Table, key []byte, err error) (absent bool) {
	if f, ok := r.Ops.(decl.Foreign); ok {
		absent = f.Undecodable(t, key, err)
	}
	r.trace.foreign[entryOf(t, key)] = absent
	return absent
}
