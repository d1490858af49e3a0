package commitlog

import (
	"context"
	"time"
)

// TransactorConfig says who a Transactor is and how it sends. Only ID must be set.
type TransactorConfig struct {
	ID          string        // one per lane, stable over restarts
	Timeout     time.Duration // the log aborts a transaction open longer; 0: 60 s; Kafka's limit is 15 min
	BatchBytes  int           // 0: 512 KiB; must stay under the topic's max.message.bytes
	Compression string        // "" or "none", gzip, snappy, lz4, zstd
}

// Transactor writes one transaction after another; one goroutine. The first Append begins a transaction.
//
// After ErrInvalidRecord or ErrTooLarge from Append nothing of that call was taken and the transaction goes on. Any other
// error wraps ErrAborted, ErrFenced, ErrUnknownOutcome or ErrClosed, a context that ended included: then only Abort, Renew
// and Close may follow, and Append and Commit say ErrAborted. Since ErrAborted may wrap what the log refused, look for it
// before ErrTooLarge and ErrInvalidRecord.
type Transactor interface {
	// Append adds records to the transaction. It copies them, splits them into batches of BatchBytes, and may send.
	Append(ctx context.Context, p Partition, records []Record) error
	// Commit makes records and offsets take effect together, durably, and ends the transaction. ends: the offset after
	// the last record, for each partition written, in the order they were first written. Other readers see it then, or
	// (Kafka) some milliseconds later. Without records and offsets nothing is sent.
	//
	//	nil                committed
	//	ErrAborted         not committed, never will be (also when Timeout passed): reload the task's state; wraps a
	//	                   *PartitionError with the cause when the log refused a record or a topic
	//	ErrNotMember       as ErrAborted, the group moved on: join; keep the tasks that are still assigned
	//	ErrFenced          as ErrAborted, another Transactor has the ID: give the lane up
	//	ErrUnknownOutcome  either: Renew, then FetchOffsets and the changelog tell which
	Commit(ctx context.Context, offsets ...GroupOffsets) (ends []Position, err error)
	// Abort ends the transaction so that none of it ever takes effect. It becomes Renew if a request of this transaction
	// went unanswered. Without an open transaction it does nothing.
	Abort(ctx context.Context) error
	// Renew takes a new epoch: on nil the last transaction is decided and no late request can touch the next one. An open
	// transaction is aborted by it. ErrFenced: another Transactor has the ID.
	Renew(ctx context.Context) error
	// Close gives the Transactor up. An open transaction is left to the next user of the ID, or to its timeout.
	Close() error
}

// GroupOffsets are the offsets of one group that a transaction commits. Offsets are the next ones to read; the log
// checks Member's generation (S-3).
type GroupOffsets struct {
	Member  Member
	Offsets []Position
}
