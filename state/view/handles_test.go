package view_test

import (
	"io"
	"sync/atomic"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

// handles is a file system that knows how many files and locks are open.
type handles struct {
	vfs.FS
	open atomic.Int64
}

type handle struct {
	vfs.File
	of *handles
}

type lockHandle struct {
	io.Closer
	of *handles
}

func (h *handles) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	h.open.Add(1)
	return &handle{f, h}, nil
}

func (h *handles) Create(name string) (vfs.File, error) { return h.file(h.FS.Create(name)) }
func (h *handles) Open(name string) (vfs.File, error)   { return h.file(h.FS.Open(name)) }
func (h *handles) OpenReadWrite(name string) (vfs.File, error) {
	return h.file(h.FS.OpenReadWrite(name))
}

func (h *handles) Lock(name string) (io.Closer, error) {
	l, err := h.FS.Lock(name)
	if err != nil {
		return nil, err
	}
	h.open.Add(1)
	return &lockHandle{l, h}, nil
}

func (f *handle) Close() error {
	f.of.open.Add(-1)
	return f.File.Close()
}

func (l *lockHandle) Close() error {
	l.of.open.Add(-1)
	return l.Closer.Close()
}

// wantNone is for when all views are closed.
func (h *handles) wantNone(t *testing.T) {
	t.Helper()
	if n := h.open.Load(); n != 0 {
		t.Fatalf("%d files and locks are open after Close", n)
	}
}
