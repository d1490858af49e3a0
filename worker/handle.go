package worker

import (
	"math"
	"runtime/debug"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
)

// take handles records of one batch of in until the bound, the end of the batch, a message or a record that stops the task.
//
// This is the path that every record goes: no allocation, lock or channel here; one atomic load for the mailbox and the one
// atomic add that ends a call. The clock was read when the batch came in.
func (t *task) take(in *input, b bound) {
	records := in.queue[0].Records
	t.here(in)
	ahead := int64(math.MaxInt64)
	if d := t.ed.unit.worker.config.MaxAhead; d > 0 && t.follow == nil {
		ahead = t.now.Add(d).UnixMilli()
	}
	for in.at < len(records) {
		r := &records[in.at]
		if b.time != math.MaxInt64 || b.upTo >= 0 {
			if b.upTo >= 0 && r.Offset >= b.upTo {
				return
			}
			if at := t.timeOf(in); at > b.time || at == b.time && !b.equal {
				return
			}
		}
		if in.limit >= 0 && r.Offset >= in.limit {
			return
		}
		if !t.handle(in, r, ahead) {
			return
		}
		if t.box.attention.Load() || t.single > 0 {
			return // a task that was given up finds its message there
		}
	}
	t.pop(in)
}

// handle takes one record. It returns false when the task cannot go on to the next one now.
func (t *task) handle(in *input, r *commitlog.Record, ahead int64) bool {
	if t.hung != nil && t.hung.at == (commitlog.Position{Partition: in.part, Offset: r.Offset}) {
		err := t.hung.err
		t.hung = nil
		goOn := t.failed(in, r, err)
		t.here(in)
		return goOn
	}
	if t.follow != nil {
		if d := t.follow.decision(in, r.Offset); d != nil {
			t.repeat(in, r, d)
			t.here(in)
			return true
		}
	}
	t.from, t.record = in, r
	if err := t.try(in, r, ahead); err != nil {
		goOn := t.failed(in, r, err)
		if goOn {
			t.here(in)
		}
		return goOn
	}
	t.finished(in, r)
	return true
}

// finished lets the effects of a record join the open layer and moves the position over it.
func (t *task) finished(in *input, r *commitlog.Record) {
	t.cache.Accept()
	t.out.accept()
	t.streamTime = max(t.streamTime, t.run.Meta.StreamTime)
	t.passed(in, r)
	t.counts.records++
	if used := t.cache.OpenBytes() + t.out.open.bytes; used-t.reported > chargeBytes {
		t.charge(used)
	}
}

// passed moves the position over a record.
func (t *task) passed(in *input, r *commitlog.Record) {
	in.next = r.Offset + 1
	in.at++
	t.since++
	if t.single > 0 {
		t.single--
		t.lastTaken = &commitlog.Position{Partition: in.part, Offset: r.Offset}
	}
	t.record = nil
	t.order.took(in)
	t.touch()
}

// try runs the handler for one record. On an error nothing of the record is left.
func (t *task) try(in *input, r *commitlog.Record, ahead int64) error {
	err := t.attempt(in, r, ahead)
	if err == nil && t.cache.StagedBytes()+t.out.size > t.ed.unit.worker.config.MaxRecordEffectsBytes {
		err = decl.Permanentf("effects of %d bytes: one record may have %d (Config.MaxRecordEffectsBytes)",
			t.cache.StagedBytes()+t.out.size, t.ed.unit.worker.config.MaxRecordEffectsBytes)
	}
	if err != nil {
		t.cache.Discard()
		t.out.discard()
	}
	return err
}

func (t *task) attempt(in *input, r *commitlog.Record, ahead int64) (err error) {
	ts := r.Timestamp
	if in.stream.EventTime != nil && r.Value != nil {
		if ts, err = guardTime(in.stream, r); err != nil {
			return err
		}
	}
	if ts > ahead {
		return decl.Permanentf("event time %s is more than %v ahead of the clock (Config.MaxAhead)",
			time.UnixMilli(ts).UTC().Format(time.RFC3339Nano), t.ed.unit.worker.config.MaxAhead)
	}
	if in.checks--; in.checks < 0 {
		if err := t.checkPartition(in, r.Key); err != nil {
			return err
		}
	}
	t.run.Begin(decl.Meta{Timestamp: ts, StreamTime: max(t.streamTime, ts), Partition: &in.part, Offset: r.Offset,
		Headers: r.Headers})
	err = t.call(in, r)
	if fault := t.run.End(); fault != nil {
		err = fault
	}
	if stale := t.run.Misuse(); stale != nil {
		err = &stopError{stale}
	}
	return err
}

// call crosses into user code. A panic is the record's error, with its stack.
func (t *task) call(in *input, r *commitlog.Record) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, at: decl.PanicSite(), stack: debug.Stack()}
		}
	}()
	if around := t.ed.unit.worker.config.Handle; around != nil {
		return around(&t.run, in.decl, r.Key, r.Value)
	}
	return in.decl.Process(&t.run, r.Key, r.Value)
}

// guardTime runs a stream's event-time extractor; its panic is the record's error.
func guardTime(s *decl.Stream, r *commitlog.Record) (ms int64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, at: decl.PanicSite(), stack: debug.Stack()}
		}
	}()
	return s.EventTime(r.Value, r.Headers)
}
