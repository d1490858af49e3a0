package recordbatch

import (
	"errors"
	"fmt"
)

// The kinds of fault, for callers that branch; each maps to one Kafka error code.
var (
	// ErrCorrupt is damage: the length or the checksum is wrong, bytes are missing, a field cannot be read.
	// CORRUPT_MESSAGE on the wire.
	ErrCorrupt = errors.New("recordbatch: damaged batch")
	// ErrInvalid is an intact batch that breaks a rule. INVALID_RECORD on the wire.
	ErrInvalid = errors.New("recordbatch: invalid batch")
	// ErrTooLarge is a batch above a limit. MESSAGE_TOO_LARGE on the wire.
	ErrTooLarge = errors.New("recordbatch: batch too large")
	// ErrUnsupported is a compression nobody here knows. UNSUPPORTED_COMPRESSION_TYPE on the wire.
	ErrUnsupported = errors.New("recordbatch: unsupported compression")
)

// Fault says what is wrong with a batch, and where.
type Fault struct {
	Kind error  // ErrCorrupt, ErrInvalid, ErrTooLarge or ErrUnsupported
	What string // the field or the part that is wrong
	At   int    // byte position in the batch; inside compressed records: in the records once decompressed
	Got  int64
	Want string // what was expected in the place of Got
	Err  error  // the cause, if another package found the fault; else nil
}

// Error names the fault, the byte and the expectation.
func (f *Fault) Error() string {
	s := fmt.Sprintf("%v: %s at byte %d is %d, want %s", f.Kind, f.What, f.At, f.Got, f.Want)
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

// Unwrap gives the kind and the cause.
func (f *Fault) Unwrap() []error {
	if f.Err == nil {
		return []error{f.Kind}
	}
	return []error{f.Kind, f.Err}
}

func corrupt(what string, at int, got int64, want string) *Fault {
	return &Fault{Kind: ErrCorrupt, What: what, At: at, Got: got, Want: want}
}

func invalid(what string, at int, got int64, want string) *Fault {
	return &Fault{Kind: ErrInvalid, What: what, At: at, Got: got, Want: want}
}
