package commitlog

import (
	"context"
	"time"
)

// ReaderConfig says how a Reader fetches. The zero value reads committed records with the defaults below.
type ReaderConfig struct {
	Isolation Isolation // zero: ReadCommitted
	// BufferBytes bounds what is fetched and not released; 0: 8 MiB. One answer for each partition may exceed it: a
	// partition of which the reader and its user hold nothing is fetched all the same, so that whoever keeps batches of
	// one partition until another has data does not wait for ever.
	BufferBytes int
	BatchBytes  int           // per partition and fetch; 0: 1 MiB. A larger single batch still arrives
	MaxWait     time.Duration // how long the log may hold a fetch; 0: 500 ms
}

// Reader reads a set of partitions: one task's inputs, or a changelog. It knows no groups and commits nothing. One
// goroutine, but for Wake.
type Reader interface {
	// Seek adds p, or moves it: its next batch starts at offset, and batches fetched before are dropped. An offset
	// inside a batch is fine; records below it are not given. Whether p exists shows in Poll. An offset below 0 comes
	// out of Poll as ErrOutOfRange.
	Seek(p Partition, offset int64)
	// Drop stops reading p; batches fetched and not polled are dropped. A partition that is not read is no error.
	Drop(p Partition)
	// Poll gives the next batch, partitions with data in turn; (nil, nil) after wait or Wake; wait 0 asks for what is
	// there already. A fault of one partition is a *PartitionError (ErrOutOfRange, ErrUnknownTopic, ErrCorrupt): the
	// others go on, that one after Seek.
	Poll(ctx context.Context, wait time.Duration) (*Batch, error)
	// Wake makes the Poll under way, else the next one, return early. Safe from any goroutine.
	Wake()
	// Close stops fetching and waits for what the reader has started. Batches given out stay valid until their Release.
	Close() error
}
