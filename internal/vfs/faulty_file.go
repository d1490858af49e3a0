package vfs

import (
	"errors"
	"io"
)

// faultyFile is an open file of a Faulty.
type faultyFile struct {
	fs    *Faulty
	name  string
	inner File
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.before(Op{Kind: KindRead, Name: f.name, Offset: off, Bytes: len(p)}); err != nil {
		return 0, err
	}
	return f.inner.ReadAt(p, off)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	err := f.fs.before(Op{Kind: KindWrite, Name: f.name, Offset: off, Bytes: len(p)})
	if err == nil {
		return f.inner.WriteAt(p, off)
	}
	var partial *PartialWrite
	if !errors.As(err, &partial) {
		return 0, err
	}
	n, innerErr := f.inner.WriteAt(p[:min(partial.Bytes, len(p))], off)
	if innerErr != nil {
		return n, innerErr
	}
	return n, err
}

func (f *faultyFile) Sync() error {
	if err := f.fs.before(Op{Kind: KindSync, Name: f.name}); err != nil {
		return err
	}
	return f.inner.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.fs.before(Op{Kind: KindTruncate, Name: f.name, Offset: size}); err != nil {
		return err
	}
	return f.inner.Truncate(size)
}

func (f *faultyFile) Size() (int64, error) {
	if err := f.fs.before(Op{Kind: KindSize, Name: f.name}); err != nil {
		return 0, err
	}
	return f.inner.Size()
}

// Close closes the file below even when a fault is injected, as the kernel does: else the test would leak it.
func (f *faultyFile) Close() error {
	err := f.fs.before(Op{Kind: KindClose, Name: f.name})
	if innerErr := f.inner.Close(); innerErr != nil {
		return innerErr
	}
	return err
}

// faultyLock is a lock taken through a Faulty.
type faultyLock struct {
	fs    *Faulty
	name  string
	inner io.Closer
}

func (l *faultyLock) Close() error {
	err := l.fs.before(Op{Kind: KindUnlock, Name: l.name})
	if innerErr := l.inner.Close(); innerErr != nil {
		return innerErr
	}
	return err
}
