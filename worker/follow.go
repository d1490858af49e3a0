package worker

import (
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/journal"
)

// follower lets a task of an edition that is built take its inputs exactly in the order that the serving edition recorded,
// up to where that one stopped (S-25). Internal inputs are not recorded: they are taken by time between the public ones.
type follower struct {
	ed     *edition
	from   int // the edition that is followed
	limits map[string]int64

	entries   [][]byte // order entries, undecoded, in the order of their numbers
	first     int64    // number of entries[0]
	at        int      // next entry to decode
	order     *journal.Order
	run       int // of order
	several   bool
	decisions map[string]map[int64]journal.Decision
	begins    map[string]int64 // where recording began, per stream
}

func newFollower(ed *edition, from int, limits map[string]int64) *follower {
	return &follower{ed: ed, from: from, limits: limits}
}

// begin reads the recorded order and sets the limits. The task continues the serving edition's numbering.
func (f *follower) begin(t *task) error {
	public := 0
	for _, in := range t.inputs {
		if in.stream.Internal {
			continue
		}
		public++
		limit, ok := f.limits[in.stream.Name]
		if !ok {
			return fmt.Errorf("%s: input %s is new: the edition that is followed has no position in it", t.name(), in.stream.Name)
		}
		in.limit = limit
	}
	f.several = public > 1
	f.entries, f.at, f.order, f.run = nil, 0, nil, 0
	f.decisions = map[string]map[int64]journal.Decision{}
	f.begins = nil
	if err := f.read(t); err != nil {
		return err
	}
	return f.rewind(t)
}

// read takes the order entries and the followed edition's position from the journal.
func (f *follower) read(t *task) error {
	p := commitlog.Partition{Topic: f.ed.journal, Index: t.partition}
	end, err := t.offset(p, commitlog.End)
	if err != nil {
		return err
	}
	next, err := t.offset(p, commitlog.Start)
	if err != nil {
		return err
	}
	r, err := f.ed.unit.worker.logc.OpenReader(t.ctx, commitlog.ReaderConfig{})
	if err != nil {
		return fmt.Errorf("%s: open reader: %w", t.name(), err)
	}
	defer r.Close()
	r.Seek(p, next)
	for next < end {
		b, err := r.Poll(t.ctx, pollWait)
		if err != nil {
			return fmt.Errorf("%s: read recorded order: %w", t.name(), err)
		}
		if b == nil {
			continue
		}
		next = b.Next
		for i := range b.Records {
			if err := f.entry(t, &b.Records[i]); err != nil {
				b.Release()
				return fmt.Errorf("%s: %v@%d: %w", t.name(), p, b.Records[i].Offset, err)
			}
		}
		b.Release()
	}
	return nil
}

func (f *follower) entry(t *task, r *commitlog.Record) error {
	if len(r.Key) == 0 {
		return nil
	}
	e, err := journal.Parse(r.Key, r.Value)
	switch {
	case err != nil:
		return err
	case e.Position != nil && e.Edition == f.from:
		t.orders = e.Position.Orders
	case e.Order != nil:
		if len(f.entries) == 0 {
			f.first = e.Order.Number
			f.begins = map[string]int64{}
			for i, name := range e.Order.Names {
				f.begins[name] = e.Order.From[i]
			}
		}
		if f.several {
			f.entries = append(f.entries, append(append([]byte(nil), r.Key...), r.Value...))
		}
		if f.ed.sameCode {
			for _, d := range e.Order.Decisions {
				name := e.Order.Names[d.Input]
				if d.Offset < f.ed.codeSince[t.partition].Next[name] {
					continue // an older program's: this one ran the handler in a build
				}
				if f.decisions[name] == nil {
					f.decisions[name] = map[int64]journal.Decision{}
				}
				f.decisions[name][d.Offset] = d
			}
		}
	}
	return nil
}

// keyLen is the length of an order entry's key, which stands before the value in entries.
var keyLen = len(journal.OrderKey(0))

// rewind finds the run in which the task stands.
func (f *follower) rewind(t *task) error {
	if !f.several {
		return nil
	}
	return f.advance(t)
}

// advance moves to the first run that is not taken yet; order is nil when all are.
func (f *follower) advance(t *task) error {
	for {
		for f.order != nil && f.run < len(f.order.Runs) {
			r := f.order.Runs[f.run]
			in := t.inputNamed(f.order.Names[r.Input])
			if in != nil && !t.past(in, r.UpTo) {
				return nil
			}
			f.run++
		}
		if f.at == len(f.entries) {
			f.order = nil
			return nil
		}
		raw := f.entries[f.at]
		f.at++
		e, err := journal.Parse(raw[:keyLen], raw[keyLen:])
		if err != nil {
			return err
		}
		f.order, f.run = e.Order, 0
	}
}

// past tells whether everything of in below upTo is taken.
func (t *task) past(in *input, upTo int64) bool {
	if in.limit >= 0 {
		upTo = min(upTo, in.limit)
	}
	return in.next >= upTo || t.settleHead(in) && in.head().Offset >= upTo || in.next >= upTo
}

func (t *task) inputNamed(stream string) *input {
	for _, in := range t.inputs {
		if in.stream.Name == stream {
			return in
		}
	}
	return nil
}

// pick gives the input that was taken from at this point, or an internal one that is older.
func (f *follower) pick(t *task) (*input, bound) {
	if !f.several {
		return t.pickByTime(func(*input) bool { return true })
	}
	if t.beforeRecording(f.begins) {
		in, b := t.pickByTime(func(in *input) bool {
			return in.stream.Internal || !t.past(in, f.begins[in.stream.Name])
		})
		if in != nil && !in.stream.Internal {
			b.upTo = f.begins[in.stream.Name]
		}
		return in, b
	}
	if err := f.advance(t); err != nil {
		t.park(nil, nil, err)
		return nil, unbounded
	}
	if f.order == nil {
		return f.afterLast(t)
	}
	r := f.order.Runs[f.run]
	public := t.inputNamed(f.order.Names[r.Input])
	in, b := t.pickByTime(func(in *input) bool { return in.stream.Internal || in == public })
	if in == public {
		b.upTo = r.UpTo
	}
	return in, b
}

// beforeRecording tells whether the task is before the first recorded order: there the order is by time, as it was live
// before anything was recorded.
func (t *task) beforeRecording(begins map[string]int64) bool {
	for name, at := range begins {
		if in := t.inputNamed(name); in != nil && !t.past(in, at) {
			return true
		}
	}
	return false
}

// afterLast goes on when no recorded run is left: only internal records and the gaps behind the last public ones may
// follow. A public record there means that order entries are missing: the build stops, it never guesses.
func (f *follower) afterLast(t *task) (*input, bound) {
	for _, in := range t.inputs {
		if !in.stream.Internal && t.settleHead(in) && in.head().Offset < in.limit && f.begins != nil {
			t.park(in, in.head(), fmt.Errorf("the recorded order of inputs ends before this record, which the serving edition had handled: the journal %s lacks entries",
				f.ed.journal))
			return nil, unbounded
		}
	}
	return t.pickByTime(func(*input) bool { return true })
}

// decision is what the serving edition decided about a record, nil if it handled it.
func (f *follower) decision(in *input, offset int64) *journal.Decision {
	if len(f.decisions) == 0 {
		return nil
	}
	if d, ok := f.decisions[in.stream.Name][offset]; ok {
		return &d
	}
	return nil
}
