package wal

import (
	"errors"
	"fmt"
)

// maxFree is how many covered files wait for their next use; with 64 MiB files what a checkpoint every 256 MiB frees.
const maxFree = 4

// Covered says that a durable checkpoint holds everything up to lsn, so that files wholly below may be used anew. It does
// file operations and holds no lock meanwhile.
func (l *Log) Covered(lsn LSN) error {
	l.mu.Lock()
	if err := l.mu.err; err != nil {
		l.mu.Unlock()
		return err
	}
	l.mu.written.cover(lsn)
	var gone []liveFile
	for len(l.mu.live) > 1 && l.mu.live[1].after <= lsn {
		gone = append(gone, l.mu.live[0])
		l.mu.live = l.mu.live[1:]
	}
	keep := maxFree - len(l.mu.free)
	l.mu.Unlock()

	var errs []error
	for _, file := range gone {
		recycle := keep > 0 && file.bytes <= l.c.FileBytes
		if err := l.letGo(file.number, recycle); err != nil {
			errs = append(errs, err)
		} else if recycle {
			keep--
		}
	}
	return errors.Join(errs...)
}

// letGo gives a file no recovery needs any more to the next rounds, or removes it. The entry need not be durable: a
// covered file that comes back is passed over.
func (l *Log) letGo(number uint64, recycle bool) error {
	name := fileName(l.dir, number)
	if !recycle {
		if err := l.c.FS.Remove(name); err != nil {
			return fmt.Errorf("remove covered file: %w", err)
		}
		return nil
	}
	if err := l.c.FS.Rename(name, freeName(l.dir, number)); err != nil {
		return fmt.Errorf("recycle covered file: %w", err)
	}
	l.mu.Lock()
	l.mu.free = append(l.mu.free, number)
	l.mu.Unlock()
	return nil
}

// Bytes is what was written since the newest covered LSN, to within 64 KiB: the distance a recovery would walk.
func (l *Log) Bytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.written.bytes()
}
