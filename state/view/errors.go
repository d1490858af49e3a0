package view

import (
	"errors"
	"fmt"

	"github.com/millrun/millrun/commitlog"
)

var (
	// ErrNoTable says that no edition of the table exists: its processor has never run on this log, or the edition that serves
	// was built before the table was declared.
	ErrNoTable = errors.New("view: there is no such table yet")
	// ErrClosed says that the view was closed.
	ErrClosed = errors.New("view: closed")
)

// StoppedError ends an AtLeast that waits for a task that has stopped (S-59).
type StoppedError struct {
	Processor string
	Edition   int
	Record    commitlog.Position // the record at which the task stands
	Reason    string             // the error that stopped it
}

// Error says which task stands where, and why.
func (e *StoppedError) Error() string {
	return fmt.Sprintf("view: the task %s.e%d/%d has stopped at %v: %s",
		e.Processor, e.Edition, e.Record.Partition.Index, e.Record, e.Reason)
}
