package wal

import (
	"io"

	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/vfs"
)

// LSN numbers the records of a log: 1 is the first ever, 0 means "before every record". LSNs only rise; they have gaps
// where a full disk refused records.
type LSN uint64

// Config says how a log works. The zero value of each field but FS is its default.
type Config struct {
	// FS holds the directory. Required.
	FS vfs.FS
	// FileBytes is the size at which a file ends and the next begins; default 64 MiB, at least 64 KiB. A round that is
	// larger than a file gets a file of its own size.
	FileBytes int64
	// SpareBytes is the size of the file kept for reserved records when the disk is full; default 1 MiB, at least 64 KiB.
	// It limits what AppendReserved can take until Resume.
	SpareBytes int64
	// QueueBytes is the fill of the queue at which Admit waits; default 16 MiB. Append itself never waits, so the queue
	// can pass it by one record for each caller that was admitted before it filled.
	QueueBytes int
	// NoSync leaves out every sync but those of Open and Close: a record counts as durable when the operating system has
	// it (flush=os). A process that is killed loses nothing; a machine that loses power does.
	NoSync bool
	// OnDurable, if set, is called by the committer after each sync, before waiters wake, with the newest durable LSN. No
	// lock of the log is held. While it runs no further round is written, so it must be short; it may call Append.
	OnDurable func(LSN)
	// OnFull, if set, is called by the committer when the disk is full, before waiters wake and before any further
	// OnDurable. Append has begun to refuse. Of the records above durable all have failed but those given to
	// AppendReserved, which follow through the spare file; Log.Failed tells them apart. The owner takes back what the
	// failed ones had done in memory and calls Resume later, not from here. Until Resume it is called again only if
	// reserved records failed as well, because the spare file is used up. No lock of the log is held.
	OnFull func(durable LSN, err error)
	// Clock times the syncs. Nil: they are counted nowhere.
	Clock clock.Clock
	// Random gives the salts of files; default crypto/rand.Reader. Tests give a seeded one.
	Random io.Reader
}
