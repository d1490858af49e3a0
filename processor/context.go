package processor

import (
	"context"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
)

// Context is one record on its way through one task, and a context.Context. It is cancelled when the task must stop, when the
// handler has run for too long, when it returns, and at the record's first fault: after a failed read "not found" is not the
// truth, and a call to the outside made with ctx does not go out. Loops that wait should look at ctx.Err.
//
// A Context ends with its handler. Used later it answers with zero values, changes nothing, and stops the task with ErrStale.
// It is not safe for concurrent use, but for the four methods of context.Context.
type Context struct {
	run  *decl.Run
	call uint64
}

var _ context.Context = Context{}

// ErrStale is what stops a task whose handler kept its Context and used it after it had returned.
var ErrStale = decl.ErrStale

// open gives the run of a context that may act; nil when it is stale or the record has met a fault.
func (c Context) open() *decl.Run {
	if c.run == nil || !c.run.Live(c.call) || c.run.Faulted() != nil {
		return nil
	}
	return c.run
}

// live gives the run of a context whose handler has not returned, else nil.
func (c Context) live() *decl.Run {
	if c.run == nil || !c.run.Live(c.call) {
		return nil
	}
	return c.run
}

// Timestamp is the event time of the record, in milliseconds: what the stream's EventTime says, else the record's own
// timestamp. The zero Time if the record has none.
func (c Context) Timestamp() time.Time {
	if r := c.live(); r != nil {
		return fromMillis(r.Meta.Timestamp)
	}
	return time.Time{}
}

// StreamTime is the highest event time that this task has handled, this record included; it never goes back, over restarts
// too. The zero Time before there was one.
func (c Context) StreamTime() time.Time {
	if r := c.live(); r != nil {
		return fromMillis(r.Meta.StreamTime)
	}
	return time.Time{}
}

// Position is where in the log the record stands.
func (c Context) Position() commitlog.Position {
	r := c.live()
	if r == nil || r.Meta.Partition == nil {
		return commitlog.Position{}
	}
	return commitlog.Position{Partition: *r.Meta.Partition, Offset: r.Meta.Offset}
}

// Header gives the last header of that key; the bytes are valid until the handler returns, and not to be written to.
func (c Context) Header(key string) (value []byte, ok bool) {
	r := c.live()
	if r == nil {
		return nil, false
	}
	for i := len(r.Meta.Headers) - 1; i >= 0; i-- {
		if r.Meta.Headers[i].Key == key {
			return r.Meta.Headers[i].Value, true
		}
	}
	return nil, false
}

// Deadline implements context.Context; there is none to tell.
func (c Context) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Done implements context.Context. Safe for concurrent use.
func (c Context) Done() <-chan struct{} {
	if c.run == nil {
		return closed
	}
	return c.run.Done(c.call)
}

// Err implements context.Context: nil while the handler runs and nothing has cancelled it. Safe for concurrent use.
func (c Context) Err() error {
	if c.run == nil {
		return context.Canceled
	}
	return c.run.Err(c.call)
}

// Value implements context.Context; a Context carries no values.
func (c Context) Value(any) any { return nil }

// AfterFunc runs f in a goroutine of its own when the context is cancelled or its handler has returned; stop takes that back
// and tells whether it did. Package context finds this method, so context.WithTimeout(ctx, d) starts no goroutine. What it
// returns is no Context: tables do not take it.
func (c Context) AfterFunc(f func()) (stop func() bool) {
	if c.run == nil {
		return context.AfterFunc(cancelledContext(), f)
	}
	return c.run.AfterFunc(c.call, f)
}

func cancelledContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

var closed = cancelledContext().Done()

func fromMillis(ms int64) time.Time {
	if ms < 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
