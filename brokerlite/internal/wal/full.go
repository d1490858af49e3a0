package wal

import (
	"errors"
	"fmt"
	"path"
	"syscall"
)

// becomeFull handles a disk without room: the records that were to be written fail, all but the reserved ones, which go
// to the spare file.
//
// The story. The owner has given the failed records offsets and keeps state that speaks of them. If a later record got
// through, the log would have a hole (S-50). So from the failure on Append refuses, until the owner has taken back what
// failed and says so with Resume. Reserved records depend on none of that; they follow in a file of their own, whose
// header says after which record, so that what remains of the failed round is never read.
func (l *Log) becomeFull(g *group, cause error) {
	if err := l.disk.cutBack(); err != nil {
		l.fail(fmt.Errorf("disk full (%w), and what was written of the round cannot be cut: %w", cause, err))
		return
	}
	rescue := newGroup(nil)
	l.mu.Lock()
	already := l.mu.full != nil
	l.mu.full = cause
	behind := l.mu.forming
	l.mu.forming = newGroup(nil)
	durable := l.mu.decided
	for _, from := range []*group{g, behind} {
		if already { // only reserved records are left to fail
			l.failAll(from, cause)
			continue
		}
		l.failUnreserved(from, cause)
		rescue.takeReserved(from)
	}
	if rescue.count > 0 {
		l.mu.writing = rescue
	} else {
		l.mu.writing = nil
		l.mu.decided = l.mu.next - 1
	}
	l.mu.Unlock()
	if l.c.OnFull != nil {
		l.c.OnFull(durable, cause)
	}
	close(g.done)
	close(behind.taken)
	close(behind.done)
	if rescue.count > 0 {
		l.commit(rescue)
	}
}

// failAll and failUnreserved note the records of a group as refused. The caller holds mu.
func (l *Log) failAll(g *group, cause error) {
	l.eachRecord(g, func(lsn LSN) { l.mu.failed.add(lsn, cause) })
}

func (l *Log) failUnreserved(g *group, cause error) {
	reserved := g.reserved
	l.eachRecord(g, func(lsn LSN) {
		if len(reserved) > 0 && reserved[0].lsn == lsn {
			reserved = reserved[1:]
			return
		}
		l.mu.failed.add(lsn, cause)
	})
}

func (l *Log) eachRecord(g *group, do func(LSN)) {
	for rest := g.buf[roundHeaderBytes:]; len(rest) > 0; {
		lsn, _, _, next, ok := takeRecord(rest, g.first)
		if !ok {
			panic("wal: a group holds bytes that are no record")
		}
		do(lsn)
		rest = next
	}
}

// Resume leaves the full state: the owner says that it has taken back the effects of every failed record. It fails, and
// the log stays full, while the disk cannot give a new spare file and room for the next records. On a log that is not full
// it does nothing.
func (l *Log) Resume() error {
	answer := make(chan error, 1)
	select {
	case l.resume <- answer:
		return <-answer
	case <-l.stopped:
		return errClosed
	}
}

// leaveFull is Resume on the committer's side.
func (l *Log) leaveFull() error {
	l.mu.Lock()
	full, final := l.mu.full, l.mu.err
	l.mu.Unlock()
	if final != nil || full == nil {
		return final
	}
	err := l.makeSpare()
	if err == nil {
		err = l.disk.makeRoom(l)
	}
	if err != nil {
		if isFull(err) {
			return fmt.Errorf("resume: %w", err)
		}
		l.fail(err)
		return l.Err()
	}
	l.mu.Lock()
	l.mu.full = nil
	l.mu.Unlock()
	return nil
}

// makeSpare sees to it that the spare file exists, with all its blocks. Without room it gives back a recycled file and
// tries again.
func (l *Log) makeSpare() error {
	if l.disk.hasSpare {
		return nil
	}
	for {
		err := l.disk.createSpare(l)
		if err == nil {
			return nil
		}
		number, ok := l.takeFree()
		if !isFull(err) || !ok {
			return err
		}
		if err := l.c.FS.Remove(freeName(l.dir, number)); err != nil {
			return err
		}
	}
}

func (d *disk) createSpare(l *Log) error {
	name := path.Join(l.dir, spareName)
	f, err := l.c.FS.Create(name)
	if err != nil {
		return err
	}
	err = d.writeZeros(f, 0, l.c.SpareBytes)
	if err == nil {
		if e := f.Sync(); e != nil {
			err = &syncError{e}
		}
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		if e := l.c.FS.SyncDir(l.dir); e != nil {
			err = &syncError{e}
		}
	}
	if err != nil {
		return errors.Join(err, l.c.FS.Remove(name))
	}
	d.hasSpare = true
	return nil
}

// errSpareUsed is what a reserved record gets when the spare file has no room left.
var errSpareUsed = fmt.Errorf("wal: the spare file is used up: %w", syscall.ENOSPC)
