package worker

import (
	"errors"
	"fmt"

	"github.com/millrun/millrun/internal/decl"
)

// panicError is a panic of user code.
type panicError struct {
	value any
	at    decl.Site // in the user's program; empty: not there
	stack []byte    // for the log
}

func (e *panicError) Error() string {
	if e.at == "" {
		return fmt.Sprintf("panic: %v", e.value)
	}
	return fmt.Sprintf("panic at %s: %v", e.at, e.value)
}

func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// stopError stops the task whatever its error policy says: the fault is the program's or the producer's, not the record's.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }

func (e *stopError) Unwrap() error { return e.err }

var errGoexit = errors.New("the handler ended its goroutine (runtime.Goexit)")
