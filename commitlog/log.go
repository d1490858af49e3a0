package commitlog

import "context"

// Log is a connection to one log: embedded.Open makes one; a driver for Kafka is to come. Safe for concurrent use.
type Log interface {
	Admin
	Groups
	// OpenReader gives a reader that reads nothing until Seek. The context bounds the opening only.
	OpenReader(ctx context.Context, c ReaderConfig) (Reader, error)
	// OpenWriter gives an idempotent writer outside transactions.
	OpenWriter(ctx context.Context, c WriterConfig) (Writer, error)
	// OpenTransactor takes the transactional id over: its previous user is fenced, and its last transaction decided when
	// the call returns. ErrInvalidConfig without an ID, or with a Timeout the log refuses.
	OpenTransactor(ctx context.Context, c TransactorConfig) (Transactor, error)
	// Close ends the connection. Close readers, writers and transactors first; calls after it say ErrClosed. Closing
	// twice is no error.
	Close() error
}

// Isolation says which records a reader sees. The zero value is ReadCommitted.
type Isolation int8

const (
	// ReadCommitted gives committed records only, up to the last stable offset: the first of an open transaction.
	ReadCommitted Isolation = iota
	// ReadUncommitted gives everything, aborted records too, up to the high watermark.
	ReadUncommitted
)

// String names the isolation as Kafka's configurations do.
func (i Isolation) String() string {
	if i == ReadUncommitted {
		return "read_uncommitted"
	}
	return "read_committed"
}
