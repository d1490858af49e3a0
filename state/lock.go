package state

import (
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/millrun/millrun/internal/vfs"
)

// LockDir makes dir, which belongs to one application, and takes its lock, the file LOCK in it. It is refused at once, with an
// error that wraps vfs.ErrLocked, while another owner has it; that may be a Worker of this process. Closing gives it back.
func LockDir(fs vfs.FS, dir string) (io.Closer, error) {
	return LockFile(fs, dir, "LOCK", "another worker")
}

// LockFile is LockDir for a directory that several share: each takes the lock of its own file. owner is who must have it when
// it is taken, for the message.
func LockFile(fs vfs.FS, dir, file, owner string) (io.Closer, error) {
	if err := makeDurable(fs, dir); err != nil {
		return nil, fmt.Errorf("state: directory %s: %w", dir, err)
	}
	lock, err := fs.Lock(path.Join(dir, file))
	switch {
	case errors.Is(err, vfs.ErrLocked):
		return nil, vfs.Locked("state: directory %s is in use by %s", dir, owner)
	case err != nil:
		return nil, fmt.Errorf("state: lock directory %s: %w", dir, err)
	}
	return lock, nil
}

// makeDurable makes dir and its missing parents, and the entries of those it made durable: else a power cut takes them all,
// with what was synced below.
func makeDurable(fs vfs.FS, dir string) error {
	var made []string // parents that get a new entry, the deepest first
	for d := path.Clean(dir); d != "." && d != "/"; d = path.Dir(d) {
		if _, err := fs.Stat(d); err == nil {
			break
		}
		made = append(made, path.Dir(d))
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, parent := range made {
		if err := fs.SyncDir(parent); err != nil {
			return err
		}
	}
	return nil
}
