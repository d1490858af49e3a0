// Package decl holds what a program declared, as data: the seam between the typed surface (package processor) and the
// runtime (package worker). Nothing here does I/O. Values are built by package processor, checked by package topology and
// read by everyone else; after that they never change and may be shared by goroutines.
package decl

import (
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// Site is where something was declared or used, as "file.go:31"; empty when unknown.
type Site string

// Stream is a declared topic.
type Stream struct {
	Name        string
	Internal    bool // its topic is derived from application, processor and edition
	KeyFormat   string
	ValueFormat string
	Unkeyed     bool // keys mean nothing: any key or none is fine, Emit keeps the task's partition
	Partitioner commitlog.Partitioner
	Foreign     bool // AllowForeignPartitions: a key hashed elsewhere is counted, not refused (S-68)
	// EventTime gives the event time in ms (0 or more) of a value's bytes, whose schema is among the headers; nil, and for a
	// tombstone: the record's timestamp counts. Its error is the record's, and permanent.
	EventTime func(value []byte, headers []commitlog.Header) (ms int64, err error)
	Faults    []error // of the codecs, found when declared; topology reports them
	Site      Site
}

// Table is declared keyed state.
type Table struct {
	Name        string
	Topic       bool // a compacted topic that others write: Name is the topic's name
	KeyFormat   string
	ValueFormat string
	Schemas     bool // what Ops takes and gives as value is an entry of internal/schema
	// Same tells whether two entries hold equal values in different versions; nil without Schemas.
	Same        func(a, b []byte) bool
	Partitioner commitlog.Partitioner // of a topic table; nil means that of the owner's inputs
	// Sort turns key bytes into the form the store orders by, Unsort turns it back; both nil: the bytes themselves. They append
	// to dst.
	Sort   func(dst, key []byte) []byte
	Unsort func(dst, sorted []byte) []byte
	Faults []error
	Site   Site
}

// Input is one consumed stream with its byte-level handlers. Handle is set, Tombstone may be nil; Process picks.
type Input struct {
	Stream *Stream
	// Handle decodes and handles a record that has a value. It returns the handler's error, or a PermanentError for bytes that
	// do not decode. Faults of handles (Run.Fault) are not returned; the runtime asks the Run.
	Handle    func(run *Run, key, value []byte) error
	Tombstone func(run *Run, key []byte) error
	Site      Site
}

// Process hands a record to the handler that is meant for it. A nil value is a tombstone, which without a handler for it is a
// permanent error, never a zero value.
func (in *Input) Process(run *Run, key, value []byte) error {
	if value != nil {
		return in.Handle(run, key, value)
	}
	if in.Tombstone == nil {
		return Permanentf("stream %s: the record has no value (a tombstone): add OnTombstone", in.Stream.Name)
	}
	return in.Tombstone(run, key)
}

// Processor is one declared processor.
type Processor struct {
	Name    string
	Version string // "1" unless said
	Inputs  []Input
	Owns    []*Table
	Reads   []*Table // of others: the same partition (S-20)
	Globals []*Table // of others: every partition (S-22)
	Emits   []*Stream
	StartAt Start
	OnError ErrorPolicy
	Faults  []error // found while declaring: nil handles, edges given twice
	Site    Site
}

// Start is where the first edition of a processor begins when nothing is committed.
type Start int8

// Beginning is the first record that the log still has, End what comes after the first start.
const (
	Beginning Start = iota
	End
)

func (s Start) String() string {
	if s == End {
		return "end"
	}
	return "beginning"
}

// Fate is what becomes of a record whose attempts are used up.
type Fate int8

// Stop parks the task at the record, DeadLetter sends the record to the dead-letter topic, Skip counts and logs it.
const (
	Stop Fate = iota
	DeadLetter
	Skip
)

func (f Fate) String() string {
	switch f {
	case DeadLetter:
		return "dead-letter"
	case Skip:
		return "skip"
	default:
		return "stop"
	}
}

// ErrorPolicy is the byte-level twin of processor.ErrorPolicy, with its defaults filled in.
type ErrorPolicy struct {
	Retries    int
	Backoff    time.Duration
	MaxBackoff time.Duration
	Then       Fate
}

// PermanentError marks an error that no retry can mend.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }

func (e *PermanentError) Unwrap() error { return e.Err }

// Permanentf gives a PermanentError with a formatted message.
func Permanentf(format string, args ...any) error {
	return &PermanentError{fmt.Errorf(format, args...)}
}
