package commitlog

import (
	"context"
	"time"
)

// WriterConfig says how a Writer sends. The zero value means the defaults below.
type WriterConfig struct {
	Linger      time.Duration // extra wait for company; 0: none, what comes during a request goes with the next
	BufferBytes int           // 0: 32 MiB; Append waits when full
	Compression string        // "" or "none", gzip, snappy, lz4, zstd
}

// Writer appends outside transactions, idempotently: a retry never writes twice. Safe for concurrent use.
type Writer interface {
	// Append writes records to p as one batch and returns the position of the first once they are durable (all in-sync
	// replicas; brokerlite: synced). Concurrent calls share requests; those of one goroutine keep their order. Records
	// may be reused on return. No records: nothing happens, the position has offset -1.
	//
	// ErrTooLarge (above max.message.bytes; only a Transactor splits) and ErrInvalidRecord: nothing was written.
	// ErrUnknownOutcome, also when the context ended with the request under way: they may be in the log, once.
	Append(ctx context.Context, p Partition, records []Record) (Position, error)
	// Close waits for appends under way; later ones say ErrClosed.
	Close() error
}
