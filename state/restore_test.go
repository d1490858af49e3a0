package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
)

// Entries are held back for the next Commit up to RestoreBytes, however small the write buffer is.
func TestRestoreHoldsEntriesBackUpToItsLimit(t *testing.T) {
	for _, c := range []struct {
		restoreBytes int64
		early        bool
	}{{0, true}, {1 << 20, false}} {
		s := open(t, state.Config{FS: vfs.NewMem(), Dir: "d", Tables: []state.TableConfig{{Name: "t"}},
			WriteBuffer: 16 << 10, RestoreBytes: c.restoreBytes})
		for i := range 100 {
			r := commitlog.Record{Key: fmt.Append(nil, i), Value: bytes.Repeat([]byte("v"), 1_000)}
			if err := s.Restore(0, []commitlog.Record{r}); err != nil {
				t.Fatal(err)
			}
		}
		if _, ok, err := s.Get(0, []byte("0")); err != nil || ok != c.early {
			t.Errorf("RestoreBytes %d: before Commit the first entry is visible: %v, %v", c.restoreBytes, ok, err)
		}
		if err := s.Commit(someMark); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"0", "99"} {
			if _, ok, err := s.Get(0, []byte(key)); err != nil || !ok {
				t.Errorf("RestoreBytes %d: after Commit %s: %v, %v", c.restoreBytes, key, ok, err)
			}
		}
		if err := s.Close(true); err != nil {
			t.Fatal(err)
		}
	}
}

// Several share a directory, each with a lock of its own.
func TestLockFilesOfADirectoryAreApart(t *testing.T) {
	files := vfs.NewMem()
	one, err := state.LockFile(files, "views", "one.LOCK", "another view")
	if err != nil {
		t.Fatal(err)
	}
	two, err := state.LockFile(files, "views", "two.LOCK", "another view")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.LockFile(files, "views", "one.LOCK", "another view"); !errors.Is(err, vfs.ErrLocked) || err.Error() != "state: directory views is in use by another view" {
		t.Errorf("a second owner gets %v", err)
	}
	if err := errors.Join(one.Close(), two.Close()); err != nil {
		t.Fatal(err)
	}
}
