package cases_test

import (
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"github.com/millrun/millrun/internal/vfs"
)

// machineDisk is a folder of this machine's disk.
type machineDisk struct{ dir string }

func (d machineDisk) at(name string) string { return path.Join(filepath.ToSlash(d.dir), name) }

func (d machineDisk) Create(name string) (vfs.File, error) { return vfs.OS.Create(d.at(name)) }
func (d machineDisk) Open(name string) (vfs.File, error)   { return vfs.OS.Open(d.at(name)) }
func (d machineDisk) OpenReadWrite(name string) (vfs.File, error) {
	return vfs.OS.OpenReadWrite(d.at(name))
}
func (d machineDisk) Remove(name string) error     { return vfs.OS.Remove(d.at(name)) }
func (d machineDisk) RemoveAll(name string) error  { return vfs.OS.RemoveAll(d.at(name)) }
func (d machineDisk) Rename(from, to string) error { return vfs.OS.Rename(d.at(from), d.at(to)) }
func (d machineDisk) MkdirAll(dir string, perm fs.FileMode) error {
	return vfs.OS.MkdirAll(d.at(dir), perm)
}
func (d machineDisk) List(dir string) ([]string, error)   { return vfs.OS.List(d.at(dir)) }
func (d machineDisk) Stat(name string) (vfs.Info, error)  { return vfs.OS.Stat(d.at(name)) }
func (d machineDisk) SyncDir(dir string) error            { return vfs.OS.SyncDir(d.at(dir)) }
func (d machineDisk) Lock(name string) (io.Closer, error) { return vfs.OS.Lock(d.at(name)) }
func (d machineDisk) Free(dir string) (int64, error)      { return vfs.OS.Free(d.at(dir)) }

// openFiles counts the files that are open.
type openFiles struct {
	vfs.FS
	open atomic.Int64
}

func (d *openFiles) counted(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	d.open.Add(1)
	return &countedFile{File: f, disk: d}, nil
}

func (d *openFiles) Create(name string) (vfs.File, error) { return d.counted(d.FS.Create(name)) }
func (d *openFiles) Open(name string) (vfs.File, error)   { return d.counted(d.FS.Open(name)) }
func (d *openFiles) OpenReadWrite(name string) (vfs.File, error) {
	return d.counted(d.FS.OpenReadWrite(name))
}

type countedFile struct {
	vfs.File
	disk   *openFiles
	closed atomic.Bool
}

func (f *countedFile) Close() error {
	if !f.closed.Swap(true) {
		f.disk.open.Add(-1)
	}
	return f.File.Close()
}

// liveHeap is what is in use after a collection, in bytes.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // the first moves what pools hold out of reach
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
