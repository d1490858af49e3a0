package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/millrun/millrun/internal/invariant"
	"github.com/millrun/millrun/internal/vfs"
)

// disk is the file that is written to, and what the committer knows of the others. Nobody else touches it.
//
// at is a multiple of blockBytes; the bytes below allocated have their blocks already, so writing them needs no room.
type disk struct {
	f         vfs.File // nil before the first round
	name      string
	number    uint64 // of f; before the first round: of the newest file there ever was
	salt      uint64
	at        int64
	allocated int64
	limit     int64
	isSpare   bool // f was the spare file: it must not grow
	hasSpare  bool

	last   LSN // of the last round
	synced LSN // known to be durable
	zeros  []byte
}

// zeroStep is how far ahead of the rounds a new file is filled with zeros: a sync that changes no file size is half as
// expensive. Filling all 64 MiB at once would make the first start slow and small logs large.
const zeroStep = 1 << 20

// liveFile is a file that recovery would read.
type liveFile struct {
	number uint64
	after  LSN
	bytes  int64 // what it may grow to
}

// write puts a group on disk as one round. The bytes are not synced.
func (d *disk) write(l *Log, g *group) error {
	size := roundUp(int64(len(g.buf)))
	if err := d.place(l, size); err != nil {
		return err
	}
	h := roundHeader{
		flags: l.flags(), salt: d.salt,
		previous: d.last, first: g.first, last: g.last, synced: d.synced,
		count: uint32(g.count), length: uint32(len(g.buf) - roundHeaderBytes),
	}
	invariant.Check(h.previous < h.first && h.synced <= h.previous, "round %d..%d after %d, synced %d", h.first, h.last, h.previous, h.synced)
	h.seal(g.buf)
	if _, err := d.f.WriteAt(d.padded(g, size), d.at); err != nil {
		return err
	}
	d.at += size
	d.last = g.last
	d.allocated = max(d.allocated, d.at)
	d.zeroAhead(size)
	return nil
}

// padded gives the round with zeros up to the next block: for a part of a block the page cache of a recycled file would
// have to read the rest from disk first.
func (d *disk) padded(g *group, size int64) []byte {
	n := len(g.buf)
	for int64(len(g.buf)) < size {
		g.buf = append(g.buf, d.block()[:min(blockBytes, size-int64(len(g.buf)))]...)
	}
	whole := g.buf
	g.buf = g.buf[:n]
	return whole
}

// block gives zeros.
func (d *disk) block() []byte {
	if d.zeros == nil {
		d.zeros = make([]byte, 256<<10)
	}
	return d.zeros
}

// zeroAhead fills the file in front of the rounds. A round that is large itself grows the file well enough. No room is no
// fault yet: the next round will say so.
func (d *disk) zeroAhead(size int64) {
	if d.allocated > d.at || size >= zeroStep/4 || d.isSpare || d.at >= d.limit {
		return
	}
	end := min(d.at+zeroStep, d.limit)
	if d.writeZeros(d.f, d.at, end) == nil {
		d.allocated = end
	}
}

func (d *disk) writeZeros(f vfs.File, from, to int64) error {
	for from < to {
		n, err := f.WriteAt(d.block()[:min(int64(len(d.block())), to-from)], from)
		if err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}

// place sees to it that the file has space for a round of size bytes, or begins another.
func (d *disk) place(l *Log, size int64) error {
	l.mu.Lock()
	full := l.mu.full != nil
	l.mu.Unlock()
	fits := d.f != nil && d.at+size <= d.limit
	switch {
	case full && d.isSpare && fits, !full && fits:
		return nil
	case full && !d.hasSpare:
		return errSpareUsed
	case full && blockBytes+size > l.c.SpareBytes:
		return errSpareUsed
	case full:
		return d.begin(l, l.c.SpareBytes, true)
	}
	return d.begin(l, max(l.c.FileBytes, blockBytes+size), false)
}

// begin makes the next file the one that is written to: an entry that is durable, a header that is durable, and then the
// first round may come. So a round whose file has no header is damage, never a torn start.
func (d *disk) begin(l *Log, limit int64, spare bool) (err error) {
	next := disk{
		name: fileName(l.dir, d.number+1), number: d.number + 1,
		at: blockBytes, limit: limit, isSpare: spare,
		hasSpare: d.hasSpare && !spare, last: d.last, synced: d.synced, zeros: d.zeros,
	}
	if next.salt, err = l.newSalt(); err != nil {
		return err
	}
	if spare {
		d.hasSpare = false
	}
	if err := next.create(l); err != nil {
		return err
	}
	if err := next.writeHeader(l); err != nil {
		return errors.Join(err, next.f.Close(), l.c.FS.Remove(next.name))
	}
	if d.f != nil {
		if err := d.f.Close(); err != nil {
			return errors.Join(err, next.f.Close())
		}
	}
	*d = next
	l.mu.Lock()
	l.mu.live = append(l.mu.live, liveFile{number: d.number, after: d.last, bytes: limit})
	l.mu.Unlock()
	return nil
}

// create opens the next file: the spare one, a recycled one or a new one.
func (d *disk) create(l *Log) (err error) {
	fs := l.c.FS
	switch number, ok := l.freeFor(d); {
	case d.isSpare:
		err = fs.Rename(path.Join(l.dir, spareName), d.name)
	case ok:
		err = fs.Rename(freeName(l.dir, number), d.name)
	default:
		d.f, err = fs.Create(d.name)
	}
	if err != nil {
		return err
	}
	if d.f == nil {
		if d.f, err = fs.OpenReadWrite(d.name); err != nil {
			return err
		}
		if d.allocated, err = d.f.Size(); err != nil {
			return err
		}
	}
	if !l.c.NoSync {
		if err := fs.SyncDir(l.dir); err != nil {
			return &syncError{err}
		}
	}
	return nil
}

// freeFor takes a recycled file if the next file can be one.
func (l *Log) freeFor(d *disk) (uint64, bool) {
	if d.isSpare || d.limit != l.c.FileBytes {
		return 0, false
	}
	return l.takeFree()
}

func (l *Log) takeFree() (uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.mu.free)
	if n == 0 {
		return 0, false
	}
	number := l.mu.free[n-1]
	l.mu.free = l.mu.free[:n-1]
	return number, true
}

func (d *disk) writeHeader(l *Log) error {
	h := fileHeader{flags: l.flags(), number: d.number, salt: d.salt, after: d.last, synced: d.synced}
	if _, err := d.f.WriteAt(h.encode(), 0); err != nil {
		return err
	}
	d.allocated = max(d.allocated, blockBytes)
	if l.c.NoSync {
		return nil
	}
	if err := d.f.Sync(); err != nil {
		return &syncError{err}
	}
	return nil
}

func (l *Log) flags() uint32 {
	if l.c.NoSync {
		return 0
	}
	return flagSyncs
}

func (l *Log) newSalt() (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(l.c.Random, b[:]); err != nil {
		return 0, fmt.Errorf("salt for a new file: %w", err)
	}
	return binary.BigEndian.Uint64(b[:]), nil
}

// sync makes the last round durable.
func (d *disk) sync() error {
	if err := d.f.Sync(); err != nil {
		return &syncError{err}
	}
	d.synced = d.last
	return nil
}

// cutBack removes what a failed write left behind the last round.
func (d *disk) cutBack() error {
	if d.f == nil {
		return nil
	}
	size, err := d.f.Size()
	if err != nil || size <= d.at || d.isSpare {
		return err
	}
	d.allocated = d.at
	return d.f.Truncate(d.at)
}

// makeRoom tries whether the disk gives room again.
func (d *disk) makeRoom(l *Log) error {
	if d.isSpare {
		return d.begin(l, l.c.FileBytes, false)
	}
	if d.f == nil || d.allocated > d.at {
		return nil
	}
	end := min(d.at+zeroStep, d.limit)
	if err := d.writeZeros(d.f, d.at, end); err != nil {
		return errors.Join(err, d.cutBack())
	}
	d.allocated = max(d.allocated, end)
	return nil
}

func (d *disk) close() error {
	if d.f == nil {
		return nil
	}
	f := d.f
	d.f = nil
	return f.Close()
}
