package worker

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/journal"
)

// retry is a record that failed and will be tried again. While it waits nothing of it is staged, and commits go on (S-60).
type retry struct {
	pending  bool
	attempts int // failed ones so far
	at       time.Time
	timer    clock.Timer
}

// failed sends a record the way of the error policy. It returns true when the task may go on to the next record.
func (t *task) failed(in *input, r *commitlog.Record, err error) bool {
	policy := t.ed.decl.OnError
	var permanent *decl.PermanentError
	var stop *stopError
	if t.quit.Load() {
		t.giveUp()
		t.stopping = true
		return false
	}
	switch {
	case errors.As(err, &stop):
		t.giveUp()
		t.park(in, r, err)
		return false
	case !errors.As(err, &permanent) && t.retry.attempts < policy.Retries:
		t.backOff(policy)
		t.log.Warn("record failed, will be tried again", "record", position(in, r), "attempt", t.retry.attempts, "error", err)
		return false
	}
	attempts := t.retry.attempts + 1
	t.giveUp()
	switch policy.Then {
	case decl.DeadLetter:
		return t.deadLetter(in, r, err, attempts)
	case decl.Skip:
		t.skip(in, r, err)
		return true
	default:
		t.park(in, r, err)
		return false
	}
}

// giveUp ends the retries of a record.
func (t *task) giveUp() {
	if t.retry.timer != nil {
		t.retry.timer.Stop()
	}
	t.retry = retry{}
}

// backOff sets the alarm for the next attempt.
func (t *task) backOff(p decl.ErrorPolicy) {
	wait := p.Backoff
	for range t.retry.attempts {
		if wait >= p.MaxBackoff {
			break
		}
		wait *= 2
	}
	wait = min(wait, p.MaxBackoff)
	c := t.ed.unit.worker.config.Clock
	t.retry = retry{pending: true, attempts: t.retry.attempts + 1, at: c.Now().Add(wait), timer: c.NewTimer(wait)}
	t.shared.Lock()
	t.shared.retries++
	t.shared.Unlock()
	t.setPhase(Backoff)
}

// tryAgain runs the waiting record again if its time has come. It returns false while it has not.
func (t *task) tryAgain() bool {
	if t.stopping {
		t.giveUp()
		return true
	}
	if t.ed.unit.worker.config.Clock.Now().Before(t.retry.at) {
		return false
	}
	t.retry.pending = false
	t.setPhase(t.runningPhase())
	in, r := t.from, t.record
	t.busy.Store(true)
	t.here(in)
	if err := t.try(in, r, t.aheadLimit()); err != nil {
		t.failed(in, r, err)
		return !t.retry.pending
	}
	t.finished(in, r)
	t.giveUp()
	return true
}

// skip passes over a record, counted, logged and recorded.
func (t *task) skip(in *input, r *commitlog.Record, err error) {
	t.log.Warn("record skipped", "record", position(in, r), "error", err)
	t.counts.skipped++
	t.order.decided(in, r.Offset, journal.Skipped, err.Error())
	t.passed(in, r)
}

// deadLetter puts a record that cannot be handled into the dead-letter topic, in the commit that passes it (S-61). The letter has
// the record's time, but for a time that lies ahead of the clock: logs refuse such records, and a header says it.
func (t *task) deadLetter(in *input, r *commitlog.Record, err error, attempts int) bool {
	o := &t.ed.letters
	headers := letterHeaders(t, in, r, err, attempts)
	key, value, headers := fitLetter(r.Key, r.Value, headers, o.maxBytes)
	if recordSize(key, value, headers) > o.maxBytes {
		t.park(in, r, fmt.Errorf("%w; and its dead letter does not fit into %s, which takes %d bytes", err, o.topic, o.maxBytes))
		return false
	}
	p := commitlog.Partition{Topic: o.topic, Index: t.partition % o.partitions}
	t.out.stage(p, key, value, min(r.Timestamp, t.ed.unit.worker.config.Clock.Now().UnixMilli()), headers)
	t.out.accept()
	t.log.Warn("record dead-lettered", "record", position(in, r), "topic", o.topic, "error", err)
	t.counts.letters++
	t.order.decided(in, r.Offset, journal.DeadLettered, err.Error())
	t.passed(in, r)
	return true
}

// fitLetter cuts the value, and if that is not enough the key, until the letter fits. Headers say how long they were; where the
// whole record is they say anyway.
func fitLetter(key, value []byte, headers []commitlog.Header, most int) ([]byte, []byte, []commitlog.Header) {
	if recordSize(key, value, headers) <= most {
		return key, value, headers
	}
	if value != nil {
		headers = append(headers, commitlog.Header{Key: "millrun-value-cut", Value: []byte(strconv.Itoa(len(value)))})
		value = value[:max(0, min(len(value), most-recordSize(key, nil, headers)))]
	}
	if recordSize(key, value, headers) > most && key != nil {
		headers = append(headers, commitlog.Header{Key: "millrun-key-cut", Value: []byte(strconv.Itoa(len(key)))})
		key = key[:max(0, min(len(key), most-recordSize(nil, value, headers)))]
	}
	return key, value, headers
}

// letterHeaders are the original headers and those that say where the record came from and why it is here.
func letterHeaders(t *task, in *input, r *commitlog.Record, err error, attempts int) []commitlog.Header {
	h := append([]commitlog.Header(nil), r.Headers...)
	add := func(key, value string) { h = append(h, commitlog.Header{Key: key, Value: []byte(value)}) }
	add("millrun-topic", in.part.Topic)
	add("millrun-partition", strconv.Itoa(int(in.part.Index)))
	add("millrun-offset", strconv.FormatInt(r.Offset, 10))
	add("millrun-processor", t.ed.decl.Name)
	add("millrun-edition", strconv.Itoa(t.ed.number))
	add("millrun-attempts", strconv.Itoa(attempts))
	add("millrun-error", cut(err.Error(), 4096))
	if r.Timestamp > t.ed.unit.worker.config.Clock.Now().UnixMilli() {
		add("millrun-timestamp", strconv.FormatInt(r.Timestamp, 10))
	}
	return h
}

// park stops the task at a record, or at an input (r nil), and says so in the next commit (S-59).
func (t *task) park(in *input, r *commitlog.Record, err error) {
	if t.parked != nil {
		return
	}
	p := &journal.Parked{Time: t.ed.unit.worker.config.Clock.Now().UnixMilli(), Reason: cut(err.Error(), 4096)}
	if in != nil {
		p.Stream = in.stream.Name
		p.Record = commitlog.Position{Partition: in.part, Offset: in.next}
		if r != nil {
			p.Record.Offset = r.Offset
		}
	}
	t.parked = p
	t.parkedNew, t.unparkNew = p, false
	attrs := []any{"record", p.Record.String(), "error", err}
	var panicked *panicError
	if errors.As(err, &panicked) {
		attrs = append(attrs, "stack", string(panicked.stack))
	}
	t.log.Error("task stopped", attrs...)
	t.setPhase(Parked) // where and why shows with the commit that says so, which holds what came before
	t.touch()
}

// unpark tries the record again.
func (t *task) unpark() {
	if t.parked == nil {
		return
	}
	t.parked, t.parkedNew, t.unparkNew = nil, nil, true
	t.shared.Lock()
	t.shared.parked = nil
	t.shared.Unlock()
	t.log.Info("stopped task tries its record again")
	t.setPhase(t.runningPhase())
	t.touch()
}

func (t *task) aheadLimit() int64 {
	if d := t.ed.unit.worker.config.MaxAhead; d > 0 && t.follow == nil {
		return t.ed.unit.worker.config.Clock.Now().Add(d).UnixMilli()
	}
	return 1<<63 - 1
}

// repeat does again what the serving edition decided about a record, without running the handler (S-26).
func (t *task) repeat(in *input, r *commitlog.Record, d *journal.Decision) {
	switch d.Kind {
	case journal.DeadLettered:
		t.counts.letters++
	default:
		t.counts.skipped++
	}
	t.passed(in, r)
}

func position(in *input, r *commitlog.Record) string {
	return commitlog.Position{Partition: in.part, Offset: r.Offset}.String()
}

// noticeMisuse stops the task when a Context was used between records: by a goroutine that outlived its handler. Within a
// handler the record's own end notices it.
func (t *task) noticeMisuse() {
	if t.parked != nil {
		return
	}
	if err := t.run.Misuse(); err != nil {
		t.park(t.from, nil, &stopError{fmt.Errorf("of a record before this place: %w", err)})
	}
}
