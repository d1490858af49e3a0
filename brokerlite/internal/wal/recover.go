package wal

import (
	"fmt"
	"path"
)

// recover reads what is on disk, replays it, makes it durable and prepares the log for its first round. That round opens
// a new file, whose header ends the chain before it: nothing is ever written behind a torn end, so what stands there
// cannot come back.
func (l *Log) recover(after LSN, replay func(lsn LSN, kind byte, payload []byte) error) (Report, error) {
	s := scanner{
		fs: l.c.FS, after: after,
		visit: func(e Entry) error { return replay(e.LSN, e.Kind, e.Payload) },
		round: func(last LSN, size int64) {
			if last > after {
				l.mu.written.add(last, size)
			}
		},
	}
	if err := s.list(l.dir); err != nil {
		return s.report, err
	}
	if err := s.scan(); err != nil {
		return s.report, err
	}
	if err := l.syncReplayed(s.used); err != nil {
		return s.report, err
	}
	if err := l.clearUnused(&s); err != nil {
		return s.report, err
	}
	if err := l.c.FS.SyncDir(l.dir); err != nil {
		return s.report, fmt.Errorf("sync directory: %w", err)
	}
	for _, file := range s.used {
		l.mu.live = append(l.mu.live, liveFile{number: file.number, after: file.header.after, bytes: max(file.size, l.c.FileBytes)})
	}
	l.disk = disk{number: s.newest, last: s.last, synced: s.last}
	l.mu.next, l.mu.decided = s.last+1, s.last
	return s.report, l.findSpare()
}

// syncReplayed makes durable what a killed process had only written: the owner is about to show it to the world.
func (l *Log) syncReplayed(files []found) error {
	for _, file := range files {
		f, err := l.c.FS.OpenReadWrite(file.name)
		if err != nil {
			return err
		}
		err = f.Sync()
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			return fmt.Errorf("sync %s: %w", file.name, err)
		}
	}
	return nil
}

// clearUnused recycles the files that recovery did not read: covered ones, and those behind the end of a log that did
// not sync.
func (l *Log) clearUnused(s *scanner) error {
	names, err := l.c.FS.List(l.dir)
	if err != nil {
		return err
	}
	for _, base := range names {
		number, ok := parseName(base, freeSuffix)
		if !ok {
			continue
		}
		if len(l.mu.free) < maxFree {
			l.mu.free = append(l.mu.free, number)
		} else if err := l.c.FS.Remove(path.Join(l.dir, base)); err != nil {
			return err
		}
	}
	used := map[uint64]bool{}
	for _, file := range s.used {
		used[file.number] = true
	}
	for _, file := range s.files {
		if used[file.number] {
			continue
		}
		if err := l.letGo(file.number, len(l.mu.free) < maxFree && file.size <= l.c.FileBytes); err != nil {
			return err
		}
	}
	return nil
}

// findSpare sees to the spare file. Without room for it the log starts full, and can still be read.
func (l *Log) findSpare() error {
	info, err := l.c.FS.Stat(path.Join(l.dir, spareName))
	if err == nil && info.Size >= l.c.SpareBytes {
		l.disk.hasSpare = true
		return nil
	}
	err = l.makeSpare()
	if isFull(err) {
		l.mu.full = err
		return nil
	}
	if err != nil {
		return fmt.Errorf("spare file: %w", err)
	}
	return nil
}
