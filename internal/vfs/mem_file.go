package vfs

import (
	"io"
	"io/fs"
	"sync/atomic"
	"syscall"
)

// memFile is one open file of a Mem.
type memFile struct {
	node     *node
	name     string // as given to Create or Open, for errors
	writable bool
	closed   atomic.Bool
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.enter(); err != nil {
		return 0, f.fail("read", err)
	}
	defer f.node.fs.leave()
	f.node.mu.RLock()
	defer f.node.mu.RUnlock()
	n, err := f.node.mu.read(p, off)
	if err != nil && err != io.EOF {
		err = f.fail("read", err)
	}
	return n, err
}

func (f *memFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.change("write", func(to *pages) (err error) {
		n, err = to.write(p, off)
		return err
	})
	return n, err
}

func (f *memFile) Truncate(size int64) error {
	return f.change("truncate", func(to *pages) error {
		if size < 0 {
			return syscall.EINVAL
		}
		to.truncate(size)
		return nil
	})
}

// Sync makes bytes and size durable. As on a real disk any handle does it, also one for reading.
func (f *memFile) Sync() error {
	if err := f.enter(); err != nil {
		return f.fail("sync", err)
	}
	defer f.node.fs.leave()
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	f.node.mu.sync()
	return nil
}

func (f *memFile) Size() (int64, error) {
	if err := f.enter(); err != nil {
		return 0, f.fail("size", err)
	}
	defer f.node.fs.leave()
	return f.node.bytes(), nil
}

func (f *memFile) Close() error {
	m := f.node.fs
	if err := m.enter(); err != nil {
		return f.fail("close", err)
	}
	defer m.leave()
	if f.closed.Swap(true) {
		return f.fail("close", fs.ErrClosed)
	}
	m.names.Lock()
	defer m.names.Unlock()
	f.node.close()
	return nil
}

// change runs one change of the live bytes.
func (f *memFile) change(op string, do func(*pages) error) error {
	if err := f.enter(); err != nil {
		return f.fail(op, err)
	}
	defer f.node.fs.leave()
	if !f.writable {
		return f.fail(op, syscall.EBADF)
	}
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	if err := do(&f.node.mu.pages); err != nil {
		return f.fail(op, err)
	}
	return nil
}

// enter begins an operation on an open file; the file system's leave ends it.
func (f *memFile) enter() error {
	if err := f.node.fs.enter(); err != nil {
		return err
	}
	if f.closed.Load() {
		f.node.fs.leave()
		return fs.ErrClosed
	}
	return nil
}

func (f *memFile) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}
