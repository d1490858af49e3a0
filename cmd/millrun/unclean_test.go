package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
)

// copyOf copies a directory as it is, as a kill of its owner would leave it.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	killed := filepath.Join(t.TempDir(), "killed")
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return killed
}

func TestLogInspectShowsWhatOnlyTheWriteAheadLogHas(t *testing.T) {
	dir := logWithRecords(t) // stopped in good order
	log, err := embedded.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	w, err := log.OpenWriter(t.Context(), commitlog.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	late := commitlog.Record{Key: []byte("k"), Value: []byte("late"), Timestamp: -1}
	if _, err := w.Append(t.Context(), commitlog.Partition{Topic: "in"}, []commitlog.Record{late}); err != nil {
		t.Fatal(err)
	}
	code, out, errs := millrun(t, "log", "inspect", copyOf(t, dir), "--topic", "in")
	if code != exitOK || strings.Count(out, "| k   | value |") != 3 || strings.Count(out, "| late ") != 1 {
		t.Errorf("code %d, error %s, output:\n%s", code, errs, out)
	}
}

func TestStateInspectTellsThatAStoreWasNotStoppedInGoodOrder(t *testing.T) {
	dir := t.TempDir()
	s, err := state.Open(state.Config{FS: vfs.OS, Dir: dir, Tables: []state.TableConfig{{Name: "names"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(false)
	c := state.NewCache(s, 0)
	c.Put(0, []byte("ann"), []byte("1"))
	c.Accept()
	if err := s.Apply(c.Freeze(), state.Mark{Commit: 1}); err != nil {
		t.Fatal(err)
	}
	code, out, errs := millrun(t, "state", "inspect", copyOf(t, dir))
	if code != exitOK || !strings.Contains(errs, "batches 1 to 1 are replayed") || !strings.Contains(out, "names") {
		t.Errorf("code %d, error %s, output:\n%s", code, errs, out)
	}
}
