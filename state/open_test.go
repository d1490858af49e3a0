package state_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
)

const dir = "state/shop/totals.e1/3"

func config(files vfs.FS) state.Config {
	return state.Config{
		FS: files, Dir: dir, Tables: []state.TableConfig{{Name: "totals"}, {Name: "limits"}},
		Identity: state.Identity{ClusterID: "here", Journal: [16]byte{1}, Changelogs: [][16]byte{{2}, {3}}},
	}
}

var someMark = state.Mark{Commit: 4, Position: []byte("here"), Changelogs: []state.Applied{{Next: 9}, {Next: 1}}}

// stopped gives a file system with a store that was stopped cleanly and has the entries k=v and k2=v2.
func stopped(t *testing.T) *vfs.Mem {
	files := vfs.NewMem()
	s := open(t, config(files))
	c := state.NewCache(s, 0)
	c.Put(0, []byte("k"), []byte("v"))
	c.Put(1, []byte("k2"), []byte("v2"))
	c.Accept()
	if err := errors.Join(s.Apply(c.Freeze(), someMark), s.Close(true)); err != nil {
		t.Fatal(err)
	}
	return files
}

// live gives the files of the store whose names begin with prefix.
func live(t *testing.T, files *vfs.Mem, prefix string) (found []string) {
	names, err := files.List(path.Join(dir, "live"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if strings.HasPrefix(n, prefix) || strings.HasSuffix(n, prefix) {
			found = append(found, path.Join(dir, "live", n))
		}
	}
	if len(found) == 0 {
		t.Fatalf("no file like %s among %q", prefix, names)
	}
	return found
}

// spoil writes bytes over the middle of a file.
func spoil(t *testing.T, files *vfs.Mem, name string) {
	f, err := files.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	if err == nil {
		_, err = f.WriteAt([]byte("\x55\xaa\x55\xaa"), size/2)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// S-12, and DESIGN §4: what cannot be trusted is moved aside, said, and made anew.
func TestAStoreThatCannotBeTrustedIsMovedAside(t *testing.T) {
	for _, test := range []struct {
		name   string
		spoil  func(t *testing.T, files *vfs.Mem)
		change func(c *state.Config)
		says   string
	}{
		{name: "another cluster", change: func(c *state.Config) { c.Identity.ClusterID = "there" }, says: "belongs elsewhere: to another log (cluster here, this is there)"},
		{name: "journal made anew", change: func(c *state.Config) { c.Identity.Journal[0] = 9 }, says: "journal"},
		{name: "changelog made anew", change: func(c *state.Config) { c.Identity.Changelogs = [][16]byte{{2}, {9}} }, says: "changelogs"},
		{name: "another table", change: func(c *state.Config) { c.Tables[1].Name = "bounds" }, says: "bounds"},
		{name: "tables in another order", change: func(c *state.Config) { c.Tables[0], c.Tables[1] = c.Tables[1], c.Tables[0] }, says: "tables"},
		{name: "barrier file damaged", spoil: func(t *testing.T, f *vfs.Mem) { spoil(t, f, live(t, f, "BARRIER")[0]) }, says: "checksum"},
		{name: "barrier file gone", spoil: func(t *testing.T, f *vfs.Mem) { remove(t, f, live(t, f, "BARRIER")...) }, says: "no barrier file"},
		{name: "CURRENT gone", spoil: func(t *testing.T, f *vfs.Mem) { remove(t, f, live(t, f, "CURRENT")...) }, says: "leveldb"},
		{name: "CURRENT damaged", spoil: func(t *testing.T, f *vfs.Mem) { spoil(t, f, live(t, f, "CURRENT")[0]) }, says: "CURRENT"},
		{name: "manifest gone", spoil: func(t *testing.T, f *vfs.Mem) { remove(t, f, live(t, f, "MANIFEST")...) }, says: "leveldb"},
		{name: "manifest damaged", spoil: func(t *testing.T, f *vfs.Mem) { spoil(t, f, live(t, f, "MANIFEST")[0]) }, says: "leveldb"},
		{name: "journals gone", spoil: func(t *testing.T, f *vfs.Mem) { remove(t, f, live(t, f, ".log")...) }, says: "newest batch is 0"},
		{name: "LevelDB gone", spoil: func(t *testing.T, f *vfs.Mem) {
			remove(t, f, live(t, f, ".log")...)
			remove(t, f, live(t, f, "CURRENT")...)
			remove(t, f, live(t, f, "MANIFEST")...)
		}, says: "no LevelDB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := stopped(t)
			c := config(files)
			if test.spoil != nil {
				test.spoil(t, files)
			}
			if test.change != nil {
				test.change(&c)
			}
			var log bytes.Buffer
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			s := open(t, c)
			if moved := s.Moved(); !strings.Contains(moved, test.says) {
				t.Errorf("moved aside because %q, want something with %q", moved, test.says)
			}
			if strings.Count(log.String(), "moved aside") != 1 || test.change != nil && strings.Contains(log.String(), "damage") {
				t.Errorf("the log says %q", log.String())
			}
			if s.Mark().Commit != 0 {
				t.Errorf("the new store has the mark %+v", s.Mark())
			}
			if _, ok, err := s.Get(0, []byte("k")); ok || err != nil {
				t.Errorf("the new store has an entry of the old one (%v)", err)
			}
			if _, err := files.Stat(path.Join(dir, "aside")); err != nil {
				t.Errorf("the old store: %v", err)
			}
			if err := errors.Join(s.Commit(someMark), s.Close(true)); err != nil {
				t.Fatal(err)
			}
			c.Logger = nil
			if s = open(t, c); s.Moved() != "" || s.Mark().Commit != someMark.Commit {
				t.Errorf("the new store does not last: %q, %+v", s.Moved(), s.Mark())
			}
			if err := s.Close(true); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func remove(t *testing.T, files *vfs.Mem, names ...string) {
	for _, n := range names {
		if err := files.Remove(n); err != nil {
			t.Fatal(err)
		}
	}
}

// Damage that shows only in use is an error there, and the next Open moves the store aside.
func TestDamageFoundInUseIsRememberedForTheNextOpen(t *testing.T) {
	files := vfs.NewMem()
	s := open(t, config(files))
	c := state.NewCache(s, 0)
	for i := range 500 {
		c.Put(0, []byte{byte(i >> 8), byte(i)}, bytes.Repeat([]byte{byte(i)}, 100))
	}
	c.Accept()
	if err := errors.Join(s.Apply(c.Freeze(), someMark), s.Close(true)); err != nil {
		t.Fatal(err)
	}
	s = open(t, config(files)) // LevelDB puts its journal into a table now
	if err := s.Close(true); err != nil {
		t.Fatal(err)
	}
	spoil(t, files, live(t, files, ".ldb")[0])
	s = open(t, config(files))
	if s.Moved() != "" {
		t.Fatalf("Open sees it already (%s): the test has to spoil another place", s.Moved())
	}
	if _, err := s.Digest(0); err == nil {
		t.Fatal("a scan over a damaged block gives no error")
	}
	if err := s.Close(true); err != nil {
		t.Fatal(err)
	}
	if s = open(t, config(files)); !strings.Contains(s.Moved(), "in use") {
		t.Errorf("the next Open moved the store aside because %q", s.Moved())
	}
	if err := s.Close(true); err != nil {
		t.Fatal(err)
	}
}

// A fault of the directory says nothing about the store: it stays where it is.
func TestAFaultOfTheDirectoryIsAnErrorAndMovesNothing(t *testing.T) {
	files := stopped(t)
	first := open(t, config(files))
	if _, err := state.Open(config(files)); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("a second Open of a store in use gives %v, want ErrLocked", err)
	}
	if err := first.Close(true); err != nil {
		t.Fatal(err)
	}
	full := files.Clone()
	full.SetCapacity(1)
	if _, err := state.Open(config(full)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Open on a full disk gives %v, want ENOSPC", err)
	}
	if _, err := full.Stat(path.Join(dir, "aside")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a full disk moved a store aside (%v)", err)
	}
	full.SetCapacity(0)
	if s := open(t, config(full)); s.Moved() != "" || s.Mark().Commit != someMark.Commit {
		t.Errorf("with room again: %q, %+v", s.Moved(), s.Mark())
	}
}

// S-14: what does not fit is an error of Apply; the store stays whole, and Close does not hang.
func TestAFullDiskFailsApplyAndLeavesTheStoreWhole(t *testing.T) {
	files := stopped(t)
	s := open(t, config(files))
	c := state.NewCache(s, 0)
	files.SetCapacity(files.Used() + 64<<10)
	var err error
	commits := int64(4)
	for ; err == nil && commits < 10_000; commits++ {
		c.Put(0, []byte("k"), bytes.Repeat([]byte("x"), 10_000))
		c.Accept()
		if err = s.Apply(c.Freeze(), state.Mark{Commit: commits + 1}); err == nil {
			c.Thaw()
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("after %d commits on a full disk: %v, want ENOSPC", commits, err)
	}
	_ = s.Close(true) // the disk is full: the barrier may fail, and Close says so
	files.SetCapacity(0)
	s = open(t, config(files))
	if got := s.Mark().Commit; s.Moved() != "" || got < someMark.Commit {
		t.Errorf("with room again: %q, commit %d", s.Moved(), got)
	}
	if err := s.Close(true); err != nil {
		t.Fatal(err)
	}
}

// An fsync error fails the barrier, and the old one counts.
func TestAFailedSyncFailsTheBarrier(t *testing.T) {
	files := stopped(t)
	faulty := vfs.NewFaulty(files)
	s := open(t, config(faulty))
	if err := s.Apply(nil, state.Mark{Commit: 5}); err != nil {
		t.Fatal(err)
	}
	faulty.FailNth(vfs.KindSync, 1, syscall.EIO) // once: who asks again is told that all is well
	if err := s.Barrier(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Barrier over a disk that does not sync gives %v, want EIO", err)
	}
	if err := s.Barrier(); !errors.Is(err, syscall.EIO) {
		t.Errorf("a second Barrier asks the disk again: %v", err)
	}
	s = open(t, config(files.CrashClone()))
	if got := s.Mark().Commit; got != someMark.Commit {
		t.Errorf("after the power cut the mark is of commit %d, want %d", got, someMark.Commit)
	}
}

func TestABarrierIsDueAfterTimeOrBytes(t *testing.T) {
	now := clock.NewVirtual(time.UnixMilli(0))
	c := config(vfs.NewMem())
	c.Clock, c.BarrierBytes = now, 1<<10
	s := open(t, c)
	want := func(when string, due bool) {
		t.Helper()
		if s.BarrierDue() != due {
			t.Errorf("%s: due is %v", when, !due)
		}
	}
	apply := func() {
		t.Helper()
		if err := s.Apply(nil, state.Mark{Commit: 1}); err != nil {
			t.Fatal(err)
		}
	}
	now.Advance(time.Hour)
	want("nothing was written", false)
	apply()
	want("written, an hour after the store was made", true)
	if err := s.Barrier(); err != nil {
		t.Fatal(err)
	}
	want("right after it", false)
	apply()
	now.Advance(29 * time.Second)
	want("29 s later", false)
	now.Advance(time.Second)
	want("30 s later", true)
	if err := s.Barrier(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		apply()
	}
	want("after 100 writes of some bytes each", true)
}

func TestConfigReportsEveryFault(t *testing.T) {
	id := func(dst, b []byte) []byte { return append(dst, b...) }
	_, err := state.Open(state.Config{
		Dir: "d", WriteBuffer: -1, Tables: []state.TableConfig{{Name: "a"}, {Name: "a"}, {Name: "b", Sort: id}, {}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"no FS", "negative", "table 1", "table b", "table 3"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not speak of %q: %v", want, err)
		}
	}
}

func TestLockDirIsForOneOwner(t *testing.T) {
	files := vfs.NewMem()
	lock, err := state.LockDir(files, "state/shop")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.LockDir(files, "state/shop"); !errors.Is(err, vfs.ErrLocked) || err.Error() != "state: directory state/shop is in use by another worker" {
		t.Errorf("a second owner gets %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if lock, err = state.LockDir(files, "state/shop"); err != nil {
		t.Fatal(err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCheckFindsNothingInAGoodStoreAndDumpShowsIt(t *testing.T) {
	files := stopped(t)
	if found, err := state.Check(files, dir); len(found) > 0 || err != nil {
		t.Errorf("Check of a good store: %v, %v", found, err)
	}
	var out strings.Builder
	if err := state.Dump(&out, files, dir); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`cluster "here"`, `tables ["totals" "limits"]`, "barrier batch 1 commit 4", "newest batch 1 commit 4",
		"totals \"k\" \"v\"\n", "limits \"k2\" \"v2\"\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the dump does not have %q:\n%s", want, out.String())
		}
	}
}

func TestCheckNamesTheDamage(t *testing.T) {
	for suffix, want := range map[string]string{"BARRIER": "checksum", "CURRENT": "CURRENT", "MANIFEST": "leveldb", ".log": "newest batch is 0"} {
		files := stopped(t)
		spoil(t, files, live(t, files, suffix)[0])
		found, err := state.Check(files, dir)
		if err != nil || len(found) == 0 || !strings.Contains(found[0].String(), want) {
			t.Errorf("%s spoilt: Check finds %v, %v; want something with %q", suffix, found, err, want)
		}
		if s := open(t, config(files)); s.Moved() == "" {
			t.Errorf("%s spoilt: Check and Open do not agree", suffix)
		}
	}
	files := stopped(t)
	s := open(t, config(files))
	if _, err := state.Check(files, dir); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("Check of a store in use gives %v", err)
	}
	if err := s.Close(true); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Check(files, "nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Check of nothing gives %v", err)
	}
}
