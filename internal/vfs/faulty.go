package vfs

import (
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"syscall"
)

// Kind names an operation of FS or File.
type Kind int

// The operations. KindUnlock is the Close of what Lock gave; KindClose that of a file.
const (
	KindCreate Kind = iota
	KindOpen
	KindOpenReadWrite
	KindRemove
	KindRemoveAll
	KindRename
	KindMkdirAll
	KindList
	KindStat
	KindSyncDir
	KindLock
	KindUnlock
	KindFree
	KindRead
	KindWrite
	KindSync
	KindTruncate
	KindSize
	KindClose
	kinds // how many there are
)

func (k Kind) String() string {
	names := [kinds]string{"create", "open", "open for writing", "remove", "remove all", "rename", "mkdir", "list", "stat",
		"sync directory", "lock", "unlock", "free", "read", "write", "sync", "truncate", "size", "close"}
	if k < 0 || k >= kinds {
		return "unknown"
	}
	return names[k]
}

// Changes tells whether the operation can change what is on disk; the syncs count, reading and closing do not.
func (k Kind) Changes() bool {
	switch k {
	case KindCreate, KindRemove, KindRemoveAll, KindRename, KindMkdirAll, KindSyncDir, KindLock, KindWrite, KindSync,
		KindTruncate:
		return true
	default:
		return false
	}
}

// Op is one operation about to be done.
type Op struct {
	Kind   Kind
	Name   string // the file or directory; of a rename the old name
	To     string // of a rename the new name
	Offset int64  // of a read or write; of a truncation the new size
	Bytes  int    // of a read or write
	Number int64  // counts all operations of this Faulty from 1
}

// PartialWrite is an error a hook may give for a write: the first Bytes are written, then the write fails with Err.
type PartialWrite struct {
	Bytes int
	Err   error
}

func (p *PartialWrite) Error() string { return p.Err.Error() }

// Unwrap gives Err.
func (p *PartialWrite) Unwrap() error { return p.Err }

// Faulty wraps a file system, counts its operations and injects errors. Safe for concurrent use.
//
// Before each operation the faults are asked in this order: read-only, full disk, the faults set by FailNth, the hook.
// The first error is the operation's result (a fs.PathError around it), and the operation is not done.
type Faulty struct {
	inner  FS
	number atomic.Int64
	counts [kinds]atomic.Int64

	mu struct {
		sync.Mutex
		hook     func(Op) error
		nth      []nthFault
		full     bool
		readOnly bool
	}
}

// nthFault fails one operation of a kind, once.
type nthFault struct {
	kind Kind
	at   int64 // the count of that kind it waits for
	err  error
}

// NewFaulty wraps inner and injects nothing until told to.
func NewFaulty(inner FS) *Faulty { return &Faulty{inner: inner} }

// SetHook has hook called before each operation, possibly by several goroutines at once; nil takes it away. The hook may
// use the Faulty and the file system below.
func (f *Faulty) SetHook(hook func(Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.hook = hook
}

// FailNth makes the nth operation of the kind from now on fail with err, once; 1 is the next.
func (f *Faulty) FailNth(kind Kind, n int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.nth = append(f.mu.nth, nthFault{kind: kind, at: f.counts[kind].Load() + n, err: err})
}

// SetFull makes whatever needs room (create, mkdir, write, lock) fail with ENOSPC, and Free answer 0, until it is called
// with false. Reading, syncing, truncating and removing still work.
func (f *Faulty) SetFull(full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.full = full
}

// SetReadOnly makes all that changes the disk fail with EROFS until it is called with false.
func (f *Faulty) SetReadOnly(readOnly bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.readOnly = readOnly
}

// Count tells how many operations of the kind were asked for, failed ones included.
func (f *Faulty) Count(kind Kind) int64 { return f.counts[kind].Load() }

// Ops tells how many operations were asked for in all.
func (f *Faulty) Ops() int64 { return f.number.Load() }

// before counts op and gives the error it shall fail with.
func (f *Faulty) before(op Op) error {
	op.Number = f.number.Add(1)
	count := f.counts[op.Kind].Add(1)
	hook, err := f.planned(op.Kind, count)
	if err == nil && hook != nil {
		err = hook(op)
	}
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op.Kind.String(), Path: op.Name, Err: err}
}

func (f *Faulty) planned(kind Kind, count int64) (func(Op) error, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.readOnly && kind.Changes() {
		return nil, syscall.EROFS
	}
	if f.mu.full && needsRoom(kind) {
		return nil, syscall.ENOSPC
	}
	for i, fault := range f.mu.nth {
		if fault.kind == kind && fault.at == count {
			f.mu.nth = append(f.mu.nth[:i], f.mu.nth[i+1:]...)
			return nil, fault.err
		}
	}
	return f.mu.hook, nil
}

func needsRoom(kind Kind) bool {
	switch kind {
	case KindCreate, KindMkdirAll, KindWrite, KindLock:
		return true
	default:
		return false
	}
}

// Create makes a file unless a fault says otherwise.
func (f *Faulty) Create(name string) (File, error) {
	return f.open(KindCreate, name, f.inner.Create)
}

// Open opens a file for reading unless a fault says otherwise.
func (f *Faulty) Open(name string) (File, error) {
	return f.open(KindOpen, name, f.inner.Open)
}

// OpenReadWrite opens a file for reading and writing unless a fault says otherwise.
func (f *Faulty) OpenReadWrite(name string) (File, error) {
	return f.open(KindOpenReadWrite, name, f.inner.OpenReadWrite)
}

func (f *Faulty) open(kind Kind, name string, open func(string) (File, error)) (File, error) {
	if err := f.before(Op{Kind: kind, Name: name}); err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{fs: f, name: name, inner: file}, nil
}

// Remove removes a name unless a fault says otherwise.
func (f *Faulty) Remove(name string) error {
	if err := f.before(Op{Kind: KindRemove, Name: name}); err != nil {
		return err
	}
	return f.inner.Remove(name)
}

// RemoveAll removes a tree unless a fault says otherwise.
func (f *Faulty) RemoveAll(name string) error {
	if err := f.before(Op{Kind: KindRemoveAll, Name: name}); err != nil {
		return err
	}
	return f.inner.RemoveAll(name)
}

// Rename renames unless a fault says otherwise.
func (f *Faulty) Rename(from, to string) error {
	if err := f.before(Op{Kind: KindRename, Name: from, To: to}); err != nil {
		return err
	}
	return f.inner.Rename(from, to)
}

// MkdirAll makes directories unless a fault says otherwise.
func (f *Faulty) MkdirAll(dir string, perm fs.FileMode) error {
	if err := f.before(Op{Kind: KindMkdirAll, Name: dir}); err != nil {
		return err
	}
	return f.inner.MkdirAll(dir, perm)
}

// List lists a directory unless a fault says otherwise.
func (f *Faulty) List(dir string) ([]string, error) {
	if err := f.before(Op{Kind: KindList, Name: dir}); err != nil {
		return nil, err
	}
	return f.inner.List(dir)
}

// Stat describes a file unless a fault says otherwise.
func (f *Faulty) Stat(name string) (Info, error) {
	if err := f.before(Op{Kind: KindStat, Name: name}); err != nil {
		return Info{}, err
	}
	return f.inner.Stat(name)
}

// SyncDir syncs a directory unless a fault says otherwise.
func (f *Faulty) SyncDir(dir string) error {
	if err := f.before(Op{Kind: KindSyncDir, Name: dir}); err != nil {
		return err
	}
	return f.inner.SyncDir(dir)
}

// Lock takes a lock unless a fault says otherwise.
func (f *Faulty) Lock(name string) (io.Closer, error) {
	if err := f.before(Op{Kind: KindLock, Name: name}); err != nil {
		return nil, err
	}
	lock, err := f.inner.Lock(name)
	if err != nil {
		return nil, err
	}
	return &faultyLock{fs: f, name: name, inner: lock}, nil
}

// Free tells the room left, 0 while the disk is set full.
func (f *Faulty) Free(dir string) (int64, error) {
	if err := f.before(Op{Kind: KindFree, Name: dir}); err != nil {
		return 0, err
	}
	f.mu.Lock()
	full := f.mu.full
	f.mu.Unlock()
	if full {
		return 0, nil
	}
	return f.inner.Free(dir)
}
