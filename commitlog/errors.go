package commitlog

import (
	"errors"
	"fmt"
)

// What callers branch on. Drivers wrap one of these and keep the cause in the chain.
var (
	// ErrClosed says that the log, reader, writer or transactor was closed.
	ErrClosed = sentinel("closed")
	// ErrUnavailable says that the log did not answer, or had no leader or coordinator, until the context ended.
	ErrUnavailable = sentinel("log not available")
	// ErrUnsupported says that this log has no such call.
	ErrUnsupported = sentinel("not supported by this log")
	// ErrNotAuthorized says that the log refuses the caller.
	ErrNotAuthorized = sentinel("not authorized")
	// ErrInvalidConfig says that a name, a setting or a request breaks a rule of the log.
	ErrInvalidConfig = sentinel("invalid name, setting or request")
	// ErrUnknownTopic says that the topic or the partition does not exist.
	ErrUnknownTopic = sentinel("unknown topic or partition")
	// ErrTopicExists says that a topic of that name exists.
	ErrTopicExists = sentinel("topic exists")
	// ErrOutOfRange says that the offset lies before the start or behind the end of the partition.
	ErrOutOfRange = sentinel("offset out of range")
	// ErrCorrupt says that bytes in the log are damaged.
	ErrCorrupt = sentinel("damaged data")
	// ErrStorage says that the log's disk is full or failed.
	ErrStorage = sentinel("storage fault or full disk")
	// ErrTooLarge says that a record or a batch is above the topic's max.message.bytes.
	ErrTooLarge = sentinel("record too large")
	// ErrInvalidRecord says that the log does not take such a record: no key in a compacted topic, a timestamp out of
	// bounds.
	ErrInvalidRecord = sentinel("record refused")
	// ErrAborted says that the transaction has not committed and never will.
	ErrAborted = sentinel("transaction aborted")
	// ErrFenced says that somebody newer has the transactional id, or the group instance id: stop.
	ErrFenced = sentinel("fenced")
	// ErrUnknownOutcome says that a write may or may not have taken effect.
	ErrUnknownOutcome = sentinel("outcome unknown")
	// ErrRebalance says that the group is rebalancing: commit, then join again.
	ErrRebalance = sentinel("group is rebalancing")
	// ErrNotMember says that the member is not, or no longer, in this generation of the group.
	ErrNotMember = sentinel("not a member of this generation")
	// ErrUnknownGroup says that the group does not exist.
	ErrUnknownGroup = sentinel("unknown group")
	// ErrGroupNotEmpty says that a group with members cannot be deleted.
	ErrGroupNotEmpty = sentinel("group has members")
)

func sentinel(s string) error { return errors.New("commitlog: " + s) }

// PartitionError says at which place of the log an error happened. Offset is -1 where no offset is meant.
type PartitionError struct {
	Partition Partition
	Offset    int64
	Err       error
}

// Error gives "topic/partition at offset: cause".
func (e *PartitionError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%v: %v", e.Partition, e.Err)
	}
	return fmt.Sprintf("%v at %d: %v", e.Partition, e.Offset, e.Err)
}

// Unwrap gives the cause.
func (e *PartitionError) Unwrap() error { return e.Err }
