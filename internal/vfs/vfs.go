// Package vfs is the seam through which Millrun touches disks.
//
// Three file systems keep it: OS is the real one; Mem lives in memory and can crash, losing everything that was not
// synced; Faulty wraps another and injects errors. Names are slash-separated paths. Errors satisfy errors.Is with
// fs.ErrNotExist, fs.ErrExist, syscall.ENOSPC and so on, as package os does it.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// FS is a file system. Safe for concurrent use.
//
// What survives a power cut: the bytes of a file after File.Sync, and the entries of a directory (creations, renames,
// removals) after SyncDir of that directory. Nothing else is promised.
type FS interface {
	// Create makes a file, or empties an existing one, for reading and writing.
	Create(name string) (File, error)
	// Open opens an existing file for reading only.
	Open(name string) (File, error)
	// OpenReadWrite opens an existing file for reading and writing; it never creates.
	OpenReadWrite(name string) (File, error)
	Remove(name string) error
	// RemoveAll removes name and what is below it; a name that does not exist is no error.
	RemoveAll(name string) error
	// Rename replaces to, if it exists, in one step.
	Rename(from, to string) error
	// MkdirAll makes the directory and its missing parents.
	MkdirAll(dir string, perm fs.FileMode) error
	// List gives the names in dir, sorted, without "." and "..".
	List(dir string) ([]string, error)
	Stat(name string) (Info, error)
	// SyncDir makes the entries of dir durable.
	SyncDir(dir string) error
	// Lock takes an exclusive lock on the file name, which it creates if need be. A lock held by anyone, this process
	// included, gives ErrLocked at once. Closing releases it; so does the end of the process. The file stays.
	Lock(name string) (io.Closer, error)
	// Free tells how many bytes the file system under dir can still take; MaxInt64 where nobody knows.
	Free(dir string) (int64, error)
}

// File is an open file. ReadAt and WriteAt may be called concurrently on ranges that do not overlap.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes the file's bytes and size durable. After an error the file's state on disk is unknown: never retry.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
}

// Info describes a file or a directory.
type Info struct {
	Size     int64
	Dir      bool
	Modified time.Time
}

// ErrLocked says that somebody else holds the lock.
var ErrLocked = errors.New("vfs: locked by another owner")

// Locked is ErrLocked in the words of who wanted the lock, and in those alone: what is in use, by whom, what to do.
func Locked(format string, args ...any) error { return &lockedError{fmt.Sprintf(format, args...)} }

type lockedError struct{ text string }

func (e *lockedError) Error() string { return e.text }

func (e *lockedError) Unwrap() error { return ErrLocked }
