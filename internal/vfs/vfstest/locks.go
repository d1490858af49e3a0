package vfstest

import (
	"errors"

	"github.com/millrun/millrun/internal/vfs"
)

func lockTests() []test {
	return []test{
		{"ASecondLockInTheSameProcessIsErrLocked", lockTwice},
		{"LockMakesTheFileAndLeavesIt", lockMakesFile},
	}
}

func lockTwice(e env) {
	first, err := e.Lock(e.path("LOCK"))
	must(e.T, err)
	if _, err := e.Lock(e.path("LOCK")); !errors.Is(err, vfs.ErrLocked) {
		e.Errorf("the second Lock gave %v, want ErrLocked", err)
	}
	other, err := e.Lock(e.path("OTHER"))
	must(e.T, err)
	must(e.T, other.Close())
	must(e.T, first.Close())
	if err := first.Close(); err == nil {
		e.Error("the second Close of a lock gave no error")
	}
	again, err := e.Lock(e.path("LOCK"))
	must(e.T, err)
	must(e.T, again.Close())
}

func lockMakesFile(e env) {
	lock, err := e.Lock(e.path("LOCK"))
	must(e.T, err)
	must(e.T, lock.Close())
	if _, err := e.Stat(e.path("LOCK")); err != nil {
		e.Error(err)
	}
	e.write("held", "bytes")
	lock, err = e.Lock(e.path("held"))
	must(e.T, err)
	must(e.T, lock.Close())
	if got := e.read("held"); got != "bytes" {
		e.Errorf("Lock changed the file to %q", got)
	}
}
