package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// OS is the file system of the machine.
//
// New files are for their owner alone (mode 0600). Sync uses fdatasync on Linux, which writes the bytes and the size and
// leaves out the modification time, and File.Sync elsewhere. On Windows SyncDir does nothing: NTFS journals its own
// directory entries and offers no call for it.
var OS FS = osFS{}

const filePerm = 0o600

type osFS struct{}

func (osFS) Create(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (osFS) Open(name string) (File, error) {
	return openOS(name, os.O_RDONLY)
}

func (osFS) OpenReadWrite(name string) (File, error) {
	return openOS(name, os.O_RDWR)
}

func openOS(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, filePerm)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	}
	if err != nil {
		f.Close() // nothing was written: the first error is the one that counts
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Remove(name string) error     { return os.Remove(name) }
func (osFS) RemoveAll(name string) error  { return os.RemoveAll(name) }
func (osFS) Rename(from, to string) error { return os.Rename(from, to) }

func (osFS) MkdirAll(dir string, perm fs.FileMode) error { return os.MkdirAll(dir, perm) }

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) Stat(name string) (Info, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Info{}, err
	}
	if info.IsDir() {
		return Info{Dir: true, Modified: info.ModTime()}, nil
	}
	return Info{Size: info.Size(), Modified: info.ModTime()}, nil
}

func (osFS) SyncDir(dir string) error { return syncDir(dir) }

// Lock relies on locks that belong to the open file, not to the process, so that a second Lock in the same process is
// refused like one of another process.
func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close() // the lock was refused: nothing depends on this handle
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return f, nil // closing the file gives the lock back
}

func (osFS) Free(dir string) (int64, error) { return freeBytes(dir) }

// osFile is an os.File with the cheaper Sync and without the methods File leaves out.
type osFile struct{ f *os.File }

func (o osFile) ReadAt(p []byte, off int64) (int, error)  { return o.f.ReadAt(p, off) }
func (o osFile) WriteAt(p []byte, off int64) (int, error) { return o.f.WriteAt(p, off) }
func (o osFile) Close() error                             { return o.f.Close() }
func (o osFile) Sync() error                              { return syncFile(o.f) }
func (o osFile) Truncate(size int64) error                { return o.f.Truncate(size) }

func (o osFile) Size() (int64, error) {
	info, err := o.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
