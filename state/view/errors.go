package view

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

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

// NotHeldError says that a key is in a partition that the view does not follow (Config.Partitions): ask one that does.
type NotHeldError struct {
	Table     string
	Key       string  // as shown in messages
	Partition int32   // of the key
	Held      []int32 // what the view follows, in order; the view's own: not to be written to
}

// Error says where the key is and what the view has.
func (e *NotHeldError) Error() string {
	return fmt.Sprintf("view: table %s: key %s is in partition %d, and the view follows %s", e.Table, e.Key, e.Partition, listed(e.Held))
}

// listed shows partitions: "0, 2".
func listed(partitions []int32) string {
	var b strings.Builder
	for i, p := range partitions {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(int(p)))
	}
	return b.String()
}
