package wal

import "context"

// Log is an open write-ahead log. Safe for concurrent use. One Log at a time may own a directory; the caller holds the
// lock that says so.
type Log struct{}

// Open recovers the log in dir, which must exist, and starts its committer. replay gets every record above after, in
// LSN order, before Open returns; payload is valid during the call only, and an error of replay ends Open with that
// error, wrapped. after is what the caller's checkpoint covers; a log that begins above it is *Damage.
func Open(dir string, c Config, after LSN, replay func(lsn LSN, kind byte, payload []byte) error) (*Log, Report, error) {
	panic("not built")
}

// Admit waits while the queue is full. It returns the error that Append would return, or that of ctx. Callers hold no
// lock that Config.OnDurable or OnFull may want.
func (l *Log) Admit(ctx context.Context) error { panic("not built") }

// Append queues a record whose payload is the parts put together, and gives its LSN. It copies them, so the caller may
// change them when it returns. It never waits for the disk. An error means that nothing was queued: the log is closed, has
// failed (Err), or the disk is full (errors.Is with syscall.ENOSPC).
func (l *Log) Append(kind byte, payload ...[]byte) (LSN, error) { panic("not built") }

// AppendReserved is Append for the small records that must pass on a full disk, such as deletions: they go to the spare
// file while it has room.
func (l *Log) AppendReserved(kind byte, payload ...[]byte) (LSN, error) { panic("not built") }

// Wait returns nil once the record lsn is durable, or why it never will be, or the error of ctx, which leaves the outcome
// open. Wait(0) is nil.
func (l *Log) Wait(ctx context.Context, lsn LSN) error { panic("not built") }

// Durable gives the newest LSN such that every record up to it is durable or was refused by a full disk.
func (l *Log) Durable() LSN { panic("not built") }

// Covered says that a durable checkpoint holds everything up to lsn, so that files wholly below may be used anew. It does
// file operations and holds no lock meanwhile.
func (l *Log) Covered(lsn LSN) error { panic("not built") }

// Bytes is what was written since the newest covered LSN, to within 64 KiB: the distance a recovery would walk.
func (l *Log) Bytes() int64 { panic("not built") }

// Resume leaves the full state: the owner says that it has taken back the effects of every failed record. It fails, and
// the log stays full, while the disk cannot give a new spare file and room for the next records. On a log that is not full
// it does nothing.
func (l *Log) Resume() error { panic("not built") }

// Err is the final error of the log, nil while it works: a sync failed, or a write for another reason than a full disk.
// Every waiter got it, and so does every later call; the files are not touched again. Only a new Open, which trusts the
// disk alone, can go on. A full disk is not final and not reported here.
func (l *Log) Err() error { panic("not built") }

// Close writes and syncs what is queued, stops the committer and closes the files. Later calls fail; a second Close
// returns nil.
func (l *Log) Close() error { panic("not built") }
