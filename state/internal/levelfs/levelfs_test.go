package levelfs_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/syndtr/goleveldb/leveldb/storage"

	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state/internal/levelfs"
)

func start(t *testing.T) (*vfs.Mem, *levelfs.Storage) {
	t.Helper()
	files := vfs.NewMem()
	if err := files.MkdirAll("db", 0o700); err != nil {
		t.Fatal(err)
	}
	must(t, files.SyncDir("/"))
	return files, levelfs.New(files, "db")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write makes a file with content; synced says whether goleveldb would have synced it.
func write(t *testing.T, s *levelfs.Storage, fd storage.FileDesc, content string, synced bool) storage.Writer {
	t.Helper()
	w, err := s.Create(fd)
	must(t, err)
	for i := range len(content) {
		_, err = w.Write([]byte{content[i]})
		must(t, err)
	}
	if synced {
		must(t, w.Sync())
	}
	return w
}

func read(t *testing.T, s *levelfs.Storage, fd storage.FileDesc) string {
	t.Helper()
	r, err := s.Open(fd)
	if errors.Is(err, os.ErrNotExist) {
		return "absent"
	}
	must(t, err)
	defer r.Close()
	all, err := io.ReadAll(r)
	must(t, err)
	return string(all)
}

var (
	manifest = storage.FileDesc{Type: storage.TypeManifest, Num: 4}
	journal  = storage.FileDesc{Type: storage.TypeJournal, Num: 5}
	table    = storage.FileDesc{Type: storage.TypeTable, Num: 1234567}
	temp     = storage.FileDesc{Type: storage.TypeTemp, Num: 7}
)

func TestFilesKeepWhatWasWrittenAndAreListedByType(t *testing.T) {
	_, s := start(t)
	for _, fd := range []storage.FileDesc{manifest, journal, table, temp} {
		must(t, write(t, s, fd, "content of "+fd.String(), false).Close())
		if got := read(t, s, fd); got != "content of "+fd.String() {
			t.Errorf("%v holds %q", fd, got)
		}
	}
	must(t, s.SetMeta(manifest)) // CURRENT is of no type
	for types, want := range map[storage.FileType]int{storage.TypeAll: 4, storage.TypeJournal: 1, storage.TypeTable | storage.TypeTemp: 2} {
		if got, err := s.List(types); err != nil || len(got) != want {
			t.Errorf("List(%v) = %v, %v; want %d files", types, got, err, want)
		}
	}
	other := storage.FileDesc{Type: storage.TypeTable, Num: 8}
	must(t, s.Rename(table, other))
	if read(t, s, table) != "absent" || read(t, s, other) != "content of "+table.String() {
		t.Error("Rename did not move the file")
	}
	must(t, s.Remove(other))
	if _, err := s.Open(other); err != os.ErrNotExist {
		t.Errorf("Open of a removed file gives %v; goleveldb compares with os.ErrNotExist", err)
	}
}

func TestReaderSeeksLikeAFile(t *testing.T) {
	_, s := start(t)
	must(t, write(t, s, table, "0123456789", true).Close())
	r, err := s.Open(table)
	must(t, err)
	defer r.Close()
	for _, step := range []struct {
		offset int64
		whence int
		want   string
	}{{3, io.SeekStart, "34"}, {2, io.SeekCurrent, "78"}, {-1, io.SeekEnd, "9"}, {0, io.SeekStart, "01"}} {
		if _, err := r.Seek(step.offset, step.whence); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 2)
		if n, err := r.Read(b); err != nil || string(b[:n]) != step.want {
			t.Errorf("Seek(%d, %d), Read = %q, %v; want %q", step.offset, step.whence, b[:n], err, step.want)
		}
	}
	if _, err := r.Seek(-1, io.SeekStart); err == nil {
		t.Error("a Seek before the start is no error")
	}
	if _, err := r.Seek(0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("Read at the end = %d, %v", n, err)
	}
}

func TestOneUserAtATime(t *testing.T) {
	_, s := start(t)
	l, err := s.Lock()
	must(t, err)
	if _, err := s.Lock(); err != storage.ErrLocked {
		t.Errorf("a second Lock gives %v", err)
	}
	l.Unlock()
	l.Unlock()
	if _, err = s.Lock(); err != nil {
		t.Errorf("Lock after Unlock gives %v", err)
	}
	must(t, s.Close())
	if _, err := s.Create(table); err != storage.ErrClosed {
		t.Errorf("Create after Close gives %v", err)
	}
}

// After a power cut at any operation of SetMeta, CURRENT names the old manifest or the new one, and that one is whole.
func TestSetMetaIsOneStep(t *testing.T) {
	for stop := int64(1); ; stop++ {
		files := vfs.NewMem()
		must(t, files.MkdirAll("db", 0o700))
		must(t, files.SyncDir("/"))
		s := levelfs.New(files, "db")
		next := storage.FileDesc{Type: storage.TypeManifest, Num: 9}
		must(t, write(t, s, manifest, "old", true).Close())
		must(t, s.SetMeta(manifest))
		must(t, write(t, s, next, "new", true).Close())
		faulty := vfs.NewFaulty(files)
		n := int64(0)
		faulty.SetHook(func(vfs.Op) error {
			if n++; n >= stop {
				return syscall.EIO
			}
			return nil
		})
		err := levelfs.New(faulty, "db").SetMeta(next)
		after := levelfs.New(files.CrashClone(), "db")
		fd, merr := after.GetMeta()
		must(t, merr)
		if want := map[storage.FileDesc]string{manifest: "old", next: "new"}[fd]; want == "" || read(t, after, fd) != want {
			t.Errorf("stopped at operation %d: CURRENT names %v, which holds %q", stop, fd, read(t, after, fd))
		}
		if err == nil {
			if fd != next {
				t.Errorf("SetMeta returned, and after a power cut CURRENT names %v", fd)
			}
			return
		}
	}
}

func TestGetMetaTellsMissingFromDamaged(t *testing.T) {
	files, s := start(t)
	if _, err := s.GetMeta(); err != os.ErrNotExist {
		t.Errorf("without CURRENT: %v, want os.ErrNotExist", err)
	}
	for _, content := range []string{"", "MANIFEST-000004", "MANIFEST-x\n", "000004.log\n", "\x00\x00\n"} {
		f, err := files.Create("db/CURRENT")
		must(t, err)
		_, err = f.WriteAt([]byte(content), 0)
		must(t, err)
		must(t, f.Close())
		var damaged *storage.ErrCorrupted
		if _, err := s.GetMeta(); !errors.As(err, &damaged) {
			t.Errorf("CURRENT holds %q: %v, want ErrCorrupted", content, err)
		}
	}
}

// What goleveldb synced is there after a power cut under its name; a journal only after SyncJournals, closed or not (S-13).
func TestJournalsLastOnceSyncJournalsReturned(t *testing.T) {
	files, s := start(t)
	older := storage.FileDesc{Type: storage.TypeJournal, Num: 3}
	must(t, write(t, s, table, "t", true).Close())
	must(t, write(t, s, older, "full", false).Close())
	current := write(t, s, journal, "half", false)
	state := func() string {
		after := levelfs.New(files.CrashClone(), "db")
		return fmt.Sprint(read(t, after, table), " ", read(t, after, older), " ", read(t, after, journal))
	}
	if got := state(); got != "t absent absent" {
		t.Errorf("before: %s", got)
	}
	must(t, s.SyncJournals())
	if got := state(); got != "t full half" {
		t.Errorf("after: %s", got)
	}
	_, err := current.Write([]byte("+"))
	must(t, err)
	must(t, current.Close())
	if got := state(); got != "t full half" {
		t.Errorf("after one more write: %s", got)
	}
	must(t, s.Remove(older))
	must(t, s.SyncJournals())
	if got := state(); got != "t absent half+" {
		t.Errorf("after the next sync: %s", got)
	}
	must(t, s.Close())
	if err := s.SyncJournals(); err != storage.ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

// A file whose sync failed is never asked again: the second answer of a disk may be that all is well.
func TestAFailedSyncLasts(t *testing.T) {
	files := vfs.NewMem()
	must(t, files.MkdirAll("db", 0o700))
	faulty := vfs.NewFaulty(files)
	s := levelfs.New(faulty, "db")
	for _, fd := range []storage.FileDesc{table, journal} {
		w := write(t, s, fd, "x", false)
		faulty.FailNth(vfs.KindSync, 1, syscall.EIO)
		sync := w.Sync
		if fd == journal {
			sync = s.SyncJournals
		}
		for range 2 {
			if err := sync(); !errors.Is(err, syscall.EIO) {
				t.Errorf("%v: sync gives %v, want EIO", fd, err)
			}
		}
		if _, err := w.Write([]byte("y")); !errors.Is(err, syscall.EIO) {
			t.Errorf("%v: a write after it gives %v, want EIO", fd, err)
		}
	}
}
