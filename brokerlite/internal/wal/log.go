package wal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/invariant"
)

// Log is an open write-ahead log. Safe for concurrent use. One Log at a time may own a directory; the caller holds the
// lock that says so.
type Log struct {
	dir string
	c   Config

	wake    chan struct{}   // room for one: the queue is not empty
	resume  chan chan error // Resume asks the committer
	stop    chan struct{}   // closed by Close
	stopped chan struct{}   // closed by the committer

	disk  disk // the committer's own
	syncs clock.Durations

	mu struct {
		sync.Mutex
		forming *group // takes what is appended; never nil
		writing *group // on its way to disk, or nil
		buf     []byte // of a finished group, for the next
		next    LSN    // of the next record
		// decided: every record up to it is durable or has failed. failed lists the latter.
		decided LSN
		failed  spans
		full    error // why the disk refused, nil if it does not
		err     error // final
		closed  bool
		live    []liveFile // in chain order; the last is the one written to, if any was begun
		free    []uint64   // numbers of .free files of Config.FileBytes
		written distance
	}
}

var errClosed = errors.New("wal: closed")

// Open recovers the log in dir, which must exist, and starts its committer. replay gets every record above after, in
// LSN order, before Open returns; payload is valid during the call only, and an error of replay ends Open with that
// error, wrapped. after is what the caller's checkpoint covers; a log that begins above it is *Damage.
func Open(dir string, c Config, after LSN, replay func(lsn LSN, kind byte, payload []byte) error) (*Log, Report, error) {
	if err := c.check(); err != nil {
		return nil, Report{}, err
	}
	l := &Log{
		dir:     dir,
		c:       c.withDefaults(),
		wake:    make(chan struct{}, 1),
		resume:  make(chan chan error),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
	}
	l.mu.forming = newGroup(nil)
	report, err := l.recover(after, replay)
	if err != nil {
		return nil, report, fmt.Errorf("open write-ahead log %s: %w", dir, err)
	}
	// Close ends it and waits for it.
	go l.run()
	return l, report, nil
}

// Admit waits while the queue is full. It returns the error that Append would return, or that of ctx. Callers hold no
// lock that Config.OnDurable or OnFull may want.
func (l *Log) Admit(ctx context.Context) error {
	for {
		l.mu.Lock()
		err := l.refusal(false)
		room := len(l.mu.forming.buf) < l.c.QueueBytes
		taken := l.mu.forming.taken
		l.mu.Unlock()
		if err != nil || room {
			return err
		}
		select {
		case <-taken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Append queues a record whose payload is the parts put together, and gives its LSN. It copies them, so the caller may
// change them when it returns. It never waits for the disk. An error means that nothing was queued: the log is closed, has
// failed (Err), the disk is full (errors.Is with syscall.ENOSPC), or the record has more than 1 GiB.
func (l *Log) Append(kind byte, payload ...[]byte) (LSN, error) {
	return l.enqueue(false, kind, payload)
}

// AppendReserved is Append for the small records that must pass on a full disk, such as deletions: they go to the spare
// file while it has room.
func (l *Log) AppendReserved(kind byte, payload ...[]byte) (LSN, error) {
	return l.enqueue(true, kind, payload)
}

func (l *Log) enqueue(reserved bool, kind byte, payload [][]byte) (LSN, error) {
	size := 0
	for _, p := range payload {
		size += len(p)
	}
	if size > maxRecordBytes {
		return 0, fmt.Errorf("wal: a record of %d bytes, want at most %d", size, maxRecordBytes)
	}
	l.mu.Lock()
	if err := l.refusal(reserved); err != nil {
		l.mu.Unlock()
		return 0, err
	}
	lsn := l.mu.next
	l.mu.next++
	l.mu.forming.add(lsn, reserved, kind, payload...)
	l.mu.Unlock()
	l.signal()
	return lsn, nil
}

// refusal says why nothing can be appended. The caller holds mu.
func (l *Log) refusal(reserved bool) error {
	switch {
	case l.mu.err != nil:
		return l.mu.err
	case l.mu.closed:
		return errClosed
	case l.mu.full != nil && !reserved:
		return l.mu.full
	}
	return nil
}

// signal tells the committer that there is work. One signal stands for any number of records.
func (l *Log) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Wait returns nil once the record lsn is durable, or why it never will be, or the error of ctx, which leaves the outcome
// open. Wait(0) is nil.
func (l *Log) Wait(ctx context.Context, lsn LSN) error {
	for {
		done, err := l.fate(lsn)
		if done == nil {
			return err
		}
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fate gives the outcome of a record, or what to wait for while it is open.
func (l *Log) fate(lsn LSN) (<-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.mu.failed.has(lsn):
		return nil, fmt.Errorf("wal: record %d was refused: %w", lsn, l.mu.failed.cause)
	case l.mu.writing != nil && l.mu.writing.first <= lsn && lsn <= l.mu.writing.last:
		return l.mu.writing.done, nil // decided or not: OnDurable comes before every waiter
	case lsn <= l.mu.decided:
		return nil, nil
	case l.mu.err != nil:
		return nil, l.mu.err
	case lsn >= l.mu.next:
		return nil, fmt.Errorf("wal: record %d was never appended: the next is %d", lsn, l.mu.next)
	}
	invariant.Check(l.mu.forming.count > 0 && lsn <= l.mu.forming.last, "record %d is in no group", lsn)
	return l.mu.forming.done, nil
}

// Failed says that a full disk refused the record, for Config.OnFull, which has no time to Wait.
func (l *Log) Failed(lsn LSN) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.failed.has(lsn)
}

// Durable gives the newest LSN such that every record up to it is durable or was refused by a full disk.
func (l *Log) Durable() LSN {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.decided
}

// Full says that the disk has no room and only reserved records are taken; Resume ends it. A log may begin so.
func (l *Log) Full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.full != nil
}

// Err is the final error of the log, nil while it works: a sync failed, or a write for another reason than a full disk.
// Every waiter got it, and so does every later call; the files are not touched again. Only a new Open, which trusts the
// disk alone, can go on. A full disk is not final and not reported here.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.err
}

// Close writes and syncs what is queued, stops the committer and closes the files. Later calls fail; a second Close
// returns nil. On a log that has failed it gives the final error.
func (l *Log) Close() error {
	l.mu.Lock()
	closed := l.mu.closed
	l.mu.closed = true
	l.mu.Unlock()
	if closed {
		<-l.stopped
		return nil
	}
	close(l.stop)
	<-l.stopped
	return l.Err()
}

func (c Config) check() error {
	var faults []error
	if c.FS == nil {
		faults = append(faults, errors.New("wal: Config.FS is missing"))
	}
	for _, size := range []struct {
		name  string
		bytes int64
	}{{"FileBytes", c.FileBytes}, {"SpareBytes", c.SpareBytes}} {
		if size.bytes != 0 && size.bytes < minFileBytes {
			faults = append(faults, fmt.Errorf("wal: Config.%s is %d, want at least %d", size.name, size.bytes, minFileBytes))
		}
	}
	if c.QueueBytes < 0 || c.QueueBytes > maxQueueBytes {
		faults = append(faults, fmt.Errorf("wal: Config.QueueBytes is %d, want 0 to %d", c.QueueBytes, maxQueueBytes))
	}
	return errors.Join(faults...)
}

const (
	minFileBytes = 64 << 10
	// A round's length is 32 bits: a queue filled to its limit and one record more must fit.
	maxQueueBytes  = 1 << 30
	maxRecordBytes = 1 << 30
)

func (c Config) withDefaults() Config {
	if c.FileBytes == 0 {
		c.FileBytes = 64 << 20
	}
	if c.SpareBytes == 0 {
		c.SpareBytes = 1 << 20
	}
	c.FileBytes, c.SpareBytes = roundUp(c.FileBytes), roundUp(c.SpareBytes)
	if c.QueueBytes == 0 {
		c.QueueBytes = 16 << 20
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	return c
}
