package vfs

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// ErrCrashed is the answer of a Mem, and of every file opened on it, after Crash or Kill.
var ErrCrashed = errors.New("vfs: the file system has crashed")

// Mem is a file system in memory that knows what a crash would take.
//
// It keeps two states: the live one, which the operations see, and the durable one, which File.Sync and SyncDir move
// forward. A file's bytes and size become durable by Sync; the entries of a directory (files and directories created in
// it, renamed, removed) by SyncDir of that directory, and they are reached only if the entries of all its parents are
// durable too. Nothing becomes durable by itself: that is the harshest disk the rules of FS allow.
//
// Five methods take the state over into a new file system: CrashClone and Crash what is durable, as after a power cut,
// CrashCloneKeeping also some of the rest; Clone and Kill everything that was written, as after kill -9. Crash and Kill
// also end the old one, so that whoever still runs on it can do no harm. All see one moment: no operation is half done
// in the copy. They share pages until either side writes, so their cost grows with the number of files and pages and not
// with their bytes.
//
// Names are cleaned and taken from the root, "a/b" and "/a/b" being one file. The root always exists and is durable.
// Files are kept in pages of 4 KiB; holes cost nothing. Safe for concurrent use.
type Mem struct {
	// gate is held for reading by every operation and for writing by the copies, which so see one moment.
	gate sync.RWMutex
	dead bool // guarded by gate; set once

	names sync.Mutex // guards the tree and the fields of nodes marked so; taken before the mu of a node
	root  *node

	used     atomic.Int64 // bytes in live pages
	capacity atomic.Int64 // 0 = unlimited
}

// NewMem makes an empty file system without a capacity limit.
func NewMem() *Mem {
	m := &Mem{}
	m.root = newDir(m)
	return m
}

// SetCapacity limits the bytes that all files together may take, counted in pages of 4 KiB. A write that needs more
// writes what fits and gives ENOSPC. Zero takes the limit away; what is there already stays, even beyond the limit.
func (m *Mem) SetCapacity(bytes int64) { m.capacity.Store(bytes) }

// Used gives the bytes taken, in pages: of files that have a name or are open.
func (m *Mem) Used() int64 { return m.used.Load() }

// take counts n more bytes, unless that passes the capacity. A negative n gives bytes back and always succeeds.
func (m *Mem) take(n int64) bool {
	limit := m.capacity.Load()
	if now := m.used.Add(n); n > 0 && limit > 0 && now > limit {
		m.used.Add(-n)
		return false
	}
	return true
}

// enter begins an operation; leave ends it.
func (m *Mem) enter() error {
	m.gate.RLock()
	if m.dead {
		m.gate.RUnlock()
		return ErrCrashed
	}
	return nil
}

func (m *Mem) leave() { m.gate.RUnlock() }

// within runs a change of names or a look at them as one operation, and puts the path to its error.
func (m *Mem) within(op, name string, do func() error) error {
	err := m.enter()
	if err == nil {
		m.names.Lock()
		err = do()
		m.names.Unlock()
		m.leave()
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

// Create makes a file, or empties an existing one. Both are durable only after Sync, and SyncDir for a new name.
func (m *Mem) Create(name string) (File, error) {
	var f *memFile
	err := m.within("create", name, func() error {
		parent, base, err := m.parent(name)
		if err != nil {
			return err
		}
		n := parent.live[base]
		switch {
		case n == nil:
			n = newFile(m)
			parent.live[base] = n
		case n.dir():
			return syscall.EISDIR
		}
		f = n.open(name, true)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(0); err != nil {
		return nil, err
	}
	return f, nil
}

// Open opens an existing file for reading only.
func (m *Mem) Open(name string) (File, error) { return m.openFile(name, false) }

// OpenReadWrite opens an existing file for reading and writing.
func (m *Mem) OpenReadWrite(name string) (File, error) { return m.openFile(name, true) }

func (m *Mem) openFile(name string, writable bool) (File, error) {
	var f *memFile
	err := m.within("open", name, func() error {
		n, err := m.find(name)
		if err != nil {
			return err
		}
		if n.dir() {
			return syscall.EISDIR
		}
		f = n.open(name, writable)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Remove removes a file or an empty directory. An open file stays usable until it is closed.
func (m *Mem) Remove(name string) error {
	return m.within("remove", name, func() error {
		parent, base, err := m.parent(name)
		if err != nil {
			return err
		}
		n := parent.live[base]
		if n == nil {
			return fs.ErrNotExist
		}
		if len(n.live) > 0 {
			return syscall.ENOTEMPTY
		}
		parent.unlink(base)
		return nil
	})
}

// RemoveAll removes name and all below it. On disk each directory on the way keeps its durable entries until SyncDir of
// its parent.
func (m *Mem) RemoveAll(name string) error {
	return m.within("remove all", name, func() error {
		parent, base, err := m.parent(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if parent.live[base] != nil {
			parent.unlinkTree(base)
		}
		return nil
	})
}

// Rename moves a file or directory. An existing file at to is replaced; an existing directory is an error, as in package
// os. Durable after SyncDir of both directories.
func (m *Mem) Rename(from, to string) error {
	return m.within("rename", from+" to "+to, func() error {
		src, srcBase, err := m.parent(from)
		if err != nil {
			return err
		}
		dst, dstBase, err := m.parent(to)
		if err != nil {
			return err
		}
		n, old := src.live[srcBase], dst.live[dstBase]
		switch {
		case n == nil:
			return fs.ErrNotExist
		case n == old:
			return nil
		case old != nil && old.dir():
			return fs.ErrExist
		case old != nil && n.dir():
			return syscall.ENOTDIR
		case n.dir() && strings.HasPrefix(clean(to)+"/", clean(from)+"/"):
			return fs.ErrInvalid // into itself
		}
		if old != nil {
			dst.unlink(dstBase)
		}
		delete(src.live, srcBase)
		dst.live[dstBase] = n
		return nil
	})
}

// MkdirAll makes dir and its missing parents; perm is ignored. Each new directory needs SyncDir of its parent.
func (m *Mem) MkdirAll(dir string, _ fs.FileMode) error {
	return m.within("mkdir", dir, func() error {
		at := m.root
		for _, part := range split(dir) {
			next := at.live[part]
			if next == nil {
				next = newDir(m)
				at.live[part] = next
			}
			if !next.dir() {
				return syscall.ENOTDIR
			}
			at = next
		}
		return nil
	})
}

// List gives the names in dir, sorted.
func (m *Mem) List(dir string) ([]string, error) {
	var list []string
	err := m.within("list", dir, func() error {
		n, err := m.find(dir)
		if err != nil {
			return err
		}
		if !n.dir() {
			return syscall.ENOTDIR
		}
		list = make([]string, 0, len(n.live))
		for name := range n.live {
			list = append(list, name)
		}
		return nil
	})
	slices.Sort(list)
	return list, err
}

// Stat describes a file or a directory. Modified is always the zero time: there is no clock in here.
func (m *Mem) Stat(name string) (Info, error) {
	var info Info
	err := m.within("stat", name, func() error {
		n, err := m.find(name)
		if err == nil {
			info = Info{Size: n.bytes(), Dir: n.dir()}
		}
		return err
	})
	return info, err
}

// SyncDir makes the entries of dir durable, but neither what is in them nor dir itself.
func (m *Mem) SyncDir(dir string) error {
	return m.within("sync directory", dir, func() error {
		n, err := m.find(dir)
		if err != nil {
			return err
		}
		if !n.dir() {
			return syscall.ENOTDIR
		}
		n.syncEntries()
		return nil
	})
}

// Lock takes the lock of name. Copies of the file system hold no locks.
func (m *Mem) Lock(name string) (io.Closer, error) {
	var held *memLock
	err := m.within("lock", name, func() error {
		parent, base, err := m.parent(name)
		if err != nil {
			return err
		}
		n := parent.live[base]
		if n == nil {
			n = newFile(m)
			parent.live[base] = n
		}
		if n.dir() {
			return syscall.EISDIR
		}
		if n.locked {
			return ErrLocked
		}
		n.locked = true
		held = &memLock{fs: m, node: n}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return held, nil
}

// Free gives what the capacity leaves, MaxInt64 without one.
func (m *Mem) Free(dir string) (int64, error) {
	if _, err := m.Stat(dir); err != nil {
		return 0, err
	}
	limit := m.capacity.Load()
	if limit <= 0 {
		return math.MaxInt64, nil
	}
	return max(0, limit-m.used.Load()), nil
}

// find gives the node at name.
func (m *Mem) find(name string) (*node, error) {
	at := m.root
	for _, part := range split(name) {
		if !at.dir() {
			return nil, syscall.ENOTDIR
		}
		if at = at.live[part]; at == nil {
			return nil, fs.ErrNotExist
		}
	}
	return at, nil
}

// parent gives the directory that name is in, and its name there. The root has none.
func (m *Mem) parent(name string) (*node, string, error) {
	parts := split(name)
	if len(parts) == 0 {
		return nil, "", fs.ErrInvalid
	}
	base := parts[len(parts)-1]
	dir, err := m.find(strings.Join(parts[:len(parts)-1], "/"))
	if err != nil {
		return nil, "", err
	}
	if !dir.dir() {
		return nil, "", syscall.ENOTDIR
	}
	return dir, base, nil
}

func clean(name string) string { return path.Clean("/" + name) }

func split(name string) []string {
	name = clean(name)[1:]
	if name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

// memLock is a lock somebody holds.
type memLock struct {
	fs     *Mem
	node   *node
	closed bool // guarded by fs.names
}

// Close gives the lock back, once.
func (l *memLock) Close() error {
	if err := l.fs.enter(); err != nil {
		return err
	}
	defer l.fs.leave()
	l.fs.names.Lock()
	defer l.fs.names.Unlock()
	if l.closed {
		return fs.ErrClosed
	}
	l.closed = true
	l.node.locked = false
	return nil
}
