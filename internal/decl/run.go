package decl

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"github.com/millrun/millrun/commitlog"
)

// ErrStale is reported when a Context is used after its handler returned.
var ErrStale = errors.New("a Context was used after its handler had returned: do not keep it, nor pass it to a goroutine")

// Ops is what a handler can do to the world, in bytes. The runtime implements it once per task; calls come from the
// goroutine that runs the handler. Faults do not come back as errors: Ops calls Run.Fault and answers with nothing.
type Ops interface {
	// Get returns the value of key; the bytes are valid until the next call of Ops.
	Get(t *Table, key []byte) (value []byte, ok bool)
	// Put stages a value; Ops copies key and value. Delete stages a removal.
	Put(t *Table, key, value []byte)
	Delete(t *Table, key []byte)
	// Scan calls yield for the entries whose sort form is in [from, to), in the order of the sort form, until yield returns
	// false; a nil bound is open. It shows the table as of the call. Key (in its log form) and value are valid in the call.
	Scan(t *Table, from, to []byte, yield func(key, value []byte) bool)
	// Emit stages a record; Ops copies all bytes. A nil value is a tombstone.
	Emit(s *Stream, key, value []byte, timestamp int64, headers []commitlog.Header)
}

// Foreign is the optional part of Ops that hears of an entry which the table's codecs do not read. true: the entry belongs to
// somebody else and counts as absent. false: it is a fault of the record.
type Foreign interface {
	Undecodable(t *Table, key []byte, err error) (absent bool)
}

// Checker hears what the typed surface sees and bytes do not show. The test kit has one; elsewhere there is none, and asking
// for it is all it costs. Calls come from the goroutine that runs the handler.
type Checker interface {
	// Encoded hears that what, as "the key of table x", was encoded to data; again encodes the same once more.
	Encoded(what func() string, data []byte, again func() ([]byte, error))
	// Read hears that a handler was given the value of key, which it may change; encode gives that value as it is by then. The
	// bytes of key are valid in the call.
	Read(t *Table, key []byte, encode func() ([]byte, error))
}

// Meta describes the record in the handler. Timestamps are ms since 1970, -1 for none.
type Meta struct {
	Timestamp  int64
	StreamTime int64
	Partition  *commitlog.Partition // of the input; never written to
	Offset     int64
	Headers    []commitlog.Header // valid in the call
}

// Run is one task's place in its handlers: a task owns one and reuses it for each record. Begin, End, Fault and the exported
// fields belong to the goroutine that runs the handler. Live, Cancel, Done, Err, AfterFunc, Stale and Misuse may be called
// from any goroutine.
//
// A record is one call. Its number is what a Context carries; End raises the number, so a Context that was kept is told
// apart from a fresh one without a pointer to compare.
type Run struct {
	Ops       Ops     // set before the first Begin; Config.Handle of the runtime may put its own before it, for one call
	Checker   Checker // nil but in the test kit
	App       string  // the application and the processor: for messages and, with the position, for identifiers
	Processor string
	Meta      Meta
	// Stream is the input of the call; the handlers of Input set it. Its name is the same in every edition.
	Stream *Stream
	// Key, Value, Schema and Headers are scratch buffers for encoding: handles append from [:0] and store the result back.
	Key, Value, Schema []byte
	Headers            []commitlog.Header
	// IDs counts the identifiers given out in this call; Rand is made on first use in a call.
	IDs  int
	Rand *rand.Rand

	call   atomic.Uint64
	fault  error
	misuse atomic.Pointer[error]
	watch  watch
}

// Begin starts a call for one record and returns its number.
func (r *Run) Begin(m Meta) uint64 {
	r.Meta = m
	r.fault = nil
	r.IDs = 0
	r.Rand = nil
	return r.call.Load()
}

// End ends the call: contexts of it are stale from here on. It returns the first fault of the call, nil if there was none.
func (r *Run) End() error {
	call := r.call.Add(1) - 1
	if r.watch.used.Load() {
		r.watch.close(call)
	}
	return r.fault
}

// Call is the number of the call under way.
func (r *Run) Call() uint64 { return r.call.Load() }

// Live tells whether call is the one under way. If not, it records the misuse, which the runtime reads with Misuse.
func (r *Run) Live(call uint64) bool {
	if r.call.Load() == call {
		return true
	}
	r.Stale()
	return false
}

// Stale records that a Context of an ended call was used.
func (r *Run) Stale() {
	err := fmt.Errorf("processor %s: %w (%s)", r.Processor, ErrStale, UseSite())
	r.misuse.CompareAndSwap(nil, &err)
}

// Misuse returns and clears what Stale recorded.
func (r *Run) Misuse() error {
	if r.misuse.Load() == nil {
		return nil
	}
	if p := r.misuse.Swap(nil); p != nil {
		return *p
	}
	return nil
}

// Fault keeps the record's first fault and cancels the context: what the handler does from here on is discarded.
func (r *Run) Fault(err error) {
	if r.fault != nil {
		return
	}
	r.fault = err
	r.Cancel(r.call.Load(), context.Canceled)
}

// Faulted returns the first fault of the call under way.
func (r *Run) Faulted() error { return r.fault }
