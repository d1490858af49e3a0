// Package vfstest is the one suite every vfs.FS passes: what an operation does, which error it gives, what it leaves
// alone. What survives a crash is not in it, as the real disk cannot be crashed; package vfs tests that on Mem.
package vfstest

import (
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

// Run runs the suite, each test in a fresh directory of a file system that open makes for it.
func Run(t *testing.T, open func(t *testing.T) vfs.FS) {
	for _, test := range tests() {
		t.Run(test.claim, func(t *testing.T) {
			disk := open(t)
			dir := t.TempDir()
			must(t, disk.MkdirAll(dir, 0o700))
			test.run(env{T: t, FS: disk, dir: dir})
		})
	}
}

type test struct {
	claim string
	run   func(env)
}

func tests() []test {
	return append(append(fileTests(), nameTests()...), lockTests()...)
}

// env is what one test works with.
type env struct {
	*testing.T
	vfs.FS
	dir string
}

// path gives the name of a file in the test's own directory.
func (e env) path(name string) string { return e.dir + "/" + name }

// write makes a file with the given bytes and closes it.
func (e env) write(name, bytes string) {
	e.Helper()
	f, err := e.Create(e.path(name))
	must(e.T, err)
	_, err = f.WriteAt([]byte(bytes), 0)
	must(e.T, err)
	must(e.T, f.Close())
}

// read gives the bytes of a file.
func (e env) read(name string) string {
	e.Helper()
	f, err := e.FS.Open(e.path(name))
	must(e.T, err)
	defer f.Close()
	return content(e.T, f)
}

func content(t *testing.T, f vfs.File) string {
	t.Helper()
	size, err := f.Size()
	must(t, err)
	p := make([]byte, size)
	n, err := f.ReadAt(p, 0)
	if n != len(p) {
		t.Fatalf("read %d bytes of a file of %d: %v", n, size, err)
	}
	return string(p)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
