package vfs

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// syncFile makes bytes and size durable. A signal may interrupt fdatasync before it has done anything, so that one error
// is tried again; no other is.
func syncFile(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = conn.Control(func(fd uintptr) {
		for {
			syncErr = unix.Fdatasync(int(fd))
			if syncErr != unix.EINTR {
				return
			}
		}
	})
	if err != nil { // Control fails only for a closed file, with an error of its own
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: fs.ErrClosed}
	}
	if syncErr != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: syncErr}
	}
	return nil
}
