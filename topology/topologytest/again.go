package topologytest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/decl"
)

// again handles every record of the story once more, each for at most limit of real time. What differs is a fault of the
// handler.
func (s *strict) again(limit time.Duration) {
	s.mu.Lock()
	traces := s.mu.traces
	s.mu.traces = nil
	s.mu.Unlock()
	for _, t := range traces {
		second, err := t.again(limit)
		switch {
		case err != nil:
			s.fault("again"+t.handler(), "%v", err)
			return // its goroutine still runs: what it shares with other handlers is not to be touched beside it
		case second == nil:
			continue // an attempt that fails, say because the outside is closed by now, would leave nothing
		}
		if d := difference(t.did, *second); d != "" {
			s.fault("again"+t.handler(), "%s is not a function of its record: at %s %s: use ctx.Timestamp, ctx.Rand and ctx.ID, sort the keys of a map before a loop over them, and keep nothing between records but in tables",
				t.handler(), t.position(), d)
		}
	}
}

// secondRun is how long a second run may take, in real time: far more than a handler needs that waits for nobody.
const secondRun = 10 * time.Second

// again runs the handler with what it read the first time. It gives what the handler did, nil if it failed; an error if the
// handler does not return.
func (t *trace) again(limit time.Duration) (*effects, error) {
	r := &replayer{trace: t, did: newEffects(), scans: map[extent]bool{}}
	run := &decl.Run{Ops: r, App: t.app, Processor: t.processor}
	call := run.Begin(t.meta)
	var did *effects
	done := make(chan struct{})
	go func() { // waited for below; left alone if the handler never returns
		defer close(done)
		defer func() {
			if recover() != nil { // as an error
				did = nil
			}
		}()
		if err := t.in.Process(run, t.key, t.value); err == nil && run.Faulted() == nil {
			did = &r.did
		}
	}()
	late := clock.System.NewTimer(limit)
	defer late.Stop()
	select {
	case <-done:
		run.End()
		return did, nil
	case <-late.C():
		run.Cancel(call, context.Canceled)
		return nil, fmt.Errorf("%s did not return within %v when it was run a second time for the record at %s: it waits for something that is not in its record; Config.Lax spares it the second run",
			t.handler(), limit, t.position())
	}
}

func (t *trace) position() commitlog.Position {
	return commitlog.Position{Partition: *t.meta.Partition, Offset: t.meta.Offset}
}

// replayer is the decl.Ops of a second run: it answers with what the first one read, and changes nothing. What the first run
// did not read is absent; should that mislead the handler, it has read something else for the same record.
type replayer struct {
	trace *trace
	did   effects
	scans map[extent]bool
}

// Get implements decl.Ops.
func (r *replayer) Get(t *decl.Table, key []byte) ([]byte, bool) {
	e := entryOf(t, key)
	v, has := r.did.writes[e]
	if !has {
		v, has = r.trace.gets[e]
	}
	if !has || v.absent {
		return nil, false
	}
	return []byte(v.data), true
}

// Put implements decl.Ops.
func (r *replayer) Put(t *decl.Table, key, data []byte) {
	r.did.writes[entryOf(t, key)] = value{data: string(data)}
}

// Delete implements decl.Ops.
func (r *replayer) Delete(t *decl.Table, key []byte) {
	r.did.writes[entryOf(t, key)] = value{absent: true}
}

// Scan implements decl.Ops.
func (r *replayer) Scan(t *decl.Table, from, to []byte, yield func(key, value []byte) bool) {
	e := extentOf(r.scans, t, from, to)
	r.scans[e] = true
	for _, v := range r.trace.scans[e] {
		if !yield(bytes.Clone(v.key), bytes.Clone(v.data)) {
			return
		}
	}
}

// Emit implements decl.Ops.
func (r *replayer) Emit(s *decl.Stream, key, data []byte, timestamp int64, headers []commitlog.Header) {
	r.did.emit(s, key, data, timestamp, headers)
}

// Undecodable implements decl.Foreign.
func (r *replayer) Undecodable(t *decl.Table, key []byte, _ error) bool {
	return r.trace.foreign[entryOf(t, key)]
}

// difference says what two runs did differently, the first of it; "" if nothing.
func difference(first, second effects) string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(first.writes)), maps.Keys(second.writes))
	slices.SortFunc(keys, func(a, b entry) int { return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.key, b.key)) })
	for _, e := range slices.Compact(keys) {
		a, inFirst := first.writes[e]
		b, inSecond := second.writes[e]
		if a != b || inFirst != inSecond {
			return fmt.Sprintf("table %s, key %s: the first run %s, the second %s", e.table, decl.ShowKey([]byte(e.key)),
				wrote(a, b, inFirst), wrote(b, a, inSecond))
		}
	}
	streams := slices.AppendSeq(slices.Collect(maps.Keys(first.emits)), maps.Keys(second.emits))
	slices.Sort(streams)
	for _, s := range slices.Compact(streams) {
		a, b := first.emits[s], second.emits[s]
		for i := range min(len(a), len(b)) {
			if x, y := apart(a[i], b[i]); x != y {
				return fmt.Sprintf("emit %d to stream %s: the first run sent %s, the second %s", i+1, s, x, y)
			}
		}
		if len(a) != len(b) {
			return fmt.Sprintf("stream %s: the first run sent %d records, the second %d", s, len(a), len(b))
		}
	}
	return ""
}

// wrote tells of a write beside the one it differs from.
func wrote(v, other value, has bool) string {
	switch {
	case !has:
		return "wrote nothing"
	case v.absent:
		return "deleted"
	default:
		return "put " + shown(v.data, other.data)
	}
}

// apart gives the first part in which two emits differ; the same twice if there is none.
func apart(a, b emit) (x, y string) {
	if !same(a.key, b.key) {
		return "key " + shown(string(a.key), string(b.key)), "key " + shown(string(b.key), string(a.key))
	}
	of := "for key " + decl.ShowKey(a.key) + " "
	switch {
	case !same(a.value, b.value) && (a.value == nil || b.value == nil):
		return of + bodyOf(a), bodyOf(b)
	case !same(a.value, b.value):
		return of + shown(string(a.value), string(b.value)), shown(string(b.value), string(a.value))
	case a.timestamp != b.timestamp:
		return of + "the time " + timeOf(a), timeOf(b)
	}
	if x, y = headersOf(a), headersOf(b); x != y {
		return of + "the headers " + x, y
	}
	return "", ""
}

// same keeps nil and empty apart.
func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func bodyOf(e emit) string {
	if e.value == nil {
		return "a tombstone"
	}
	return decl.ShowKey(e.value)
}

func timeOf(e emit) string { return time.UnixMilli(e.timestamp).UTC().Format(time.RFC3339Nano) }

func headersOf(e emit) string {
	list := make([]string, len(e.headers))
	for i, h := range e.headers {
		list[i] = fmt.Sprintf("%s=%q", h.Key, h.Value)
	}
	return "[" + strings.Join(list, " ") + "]"
}

// shown prints bytes for a message, from shortly before they differ from other where they are long.
func shown(data, other string) string {
	const before = 16
	at := 0
	for at < min(len(data), len(other)) && data[at] == other[at] {
		at++
	}
	if at < 2*before || len(data) <= 64 {
		return decl.ShowKey([]byte(data))
	}
	return "..." + decl.ShowKey([]byte(data[at-before:]))
}
