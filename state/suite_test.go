package state_test

import (
	"path"
	"path/filepath"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
	"github.com/millrun/millrun/state/statetest"
)

func TestStoreInMemory(t *testing.T) {
	statetest.Run(t, func(t testing.TB, tables []state.TableConfig) *state.Store {
		return open(t, state.Config{Tables: tables})
	})
}

func TestStoreInLevelDB(t *testing.T) {
	statetest.Run(t, func(t testing.TB, tables []state.TableConfig) *state.Store {
		return open(t, state.Config{FS: vfs.NewMem(), Dir: "state/task", Tables: tables})
	})
}

func TestStoreInLevelDBWithSmallBuffers(t *testing.T) {
	statetest.Run(t, func(t testing.TB, tables []state.TableConfig) *state.Store {
		return open(t, state.Config{FS: vfs.NewMem(), Dir: "/s", Tables: tables, WriteBuffer: 4096, BlockCache: -1, OpenFiles: 1})
	})
}

func TestStoreInLevelDBOnTheMachinesDisk(t *testing.T) {
	statetest.Run(t, func(t testing.TB, tables []state.TableConfig) *state.Store {
		return open(t, state.Config{FS: vfs.OS, Dir: path.Join(filepath.ToSlash(t.TempDir()), "a", "b"), Tables: tables})
	})
}

func open(t testing.TB, c state.Config) *state.Store {
	t.Helper()
	s, err := state.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
