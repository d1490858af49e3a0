package vfs_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

// TestCrashKeepsWhatWasSyncedAndNothingElse runs short scripts and looks at the disk after a power cut and after kill -9.
// A state is "name=bytes" for each file, in order of names; a directory ends in "/".
func TestCrashKeepsWhatWasSyncedAndNothingElse(t *testing.T) {
	for _, c := range []struct{ claim, script, crash, kill string }{
		{"nothing synced, nothing kept", "create f; write f abc", "", "f=abc"},
		{"bytes without the name are lost", "create f; write f abc; sync f", "", "f=abc"},
		{"the name without bytes is an empty file", "create f; write f abc; syncdir .", "f=", "f=abc"},
		{"bytes and name", "create f; write f abc; sync f; syncdir .", "f=abc", "f=abc"},
		{"what is written after the sync is lost", "create f; write f abc; sync f; syncdir .; write f XYZdef", "f=abc", "f=XYZdef"},
		{"appended bytes are lost", "create f; write f abc; sync f; syncdir .; append f def", "f=abc", "f=abcdef"},
		{"a second sync moves on", "create f; write f abc; sync f; syncdir .; append f def; sync f", "f=abcdef", "f=abcdef"},
		{"a truncation is undone", "create f; write f abcdef; sync f; syncdir .; truncate f 2", "f=abcdef", "f=ab"},
		{"a truncation and new bytes are undone", "create f; write f abcdef; sync f; syncdir .; truncate f 2; append f XY", "f=abcdef", "f=abXY"},
		{"a synced truncation stays", "create f; write f abcdef; sync f; syncdir .; truncate f 2; sync f", "f=ab", "f=ab"},
		{"create over a file is undone", "create f; write f abc; sync f; syncdir .; create f", "f=abc", "f="},
		{"a rename is undone", "create a; write a x; sync a; syncdir .; rename a b", "a=x", "b=x"},
		{"a synced rename stays", "create a; write a x; sync a; syncdir .; rename a b; syncdir .", "b=x", "b=x"},
		{"a rename over a file is undone", "create a; write a new; sync a; create b; write b old; sync b; syncdir .; rename a b", "a=new b=old", "b=new"},
		{"a replacing file whose bytes were not synced is empty", "create b; write b old; sync b; syncdir .; create a; write a new; rename a b; syncdir .", "b=", "b=new"},
		{"a removal is undone", "create f; write f abc; sync f; syncdir .; remove f", "f=abc", ""},
		{"a synced removal stays", "create f; write f abc; sync f; syncdir .; remove f; syncdir .", "", ""},
		{"a new directory needs the sync of its parent", "mkdir d; create d/f; write d/f x; sync d/f; syncdir d", "", "d/ d/f=x"},
		{"every parent counts", "mkdir d/e; create d/e/f; sync d/e/f; syncdir d/e; syncdir d", "", "d/ d/e/ d/e/f="},
		{"a directory without its entries is empty", "mkdir d; create d/f; sync d/f; syncdir .", "d/", "d/ d/f="},
		{"the whole path", "mkdir d; create d/f; write d/f x; sync d/f; syncdir d; syncdir .", "d/ d/f=x", "d/ d/f=x"},
		{"a move between directories with only the source synced loses the file", "mkdir d; create f; write f x; sync f; syncdir .; rename f d/f; syncdir .", "d/", "d/ d/f=x"},
		{"a move with only the target synced has both names", "mkdir d; create f; write f x; sync f; syncdir .; rename f d/f; syncdir d", "d/ d/f=x f=x", "d/ d/f=x"},
		{"remove all is undone", "mkdir d; create d/f; write d/f x; sync d/f; syncdir d; syncdir .; removeall d", "d/ d/f=x", ""},
		{"a lock file is durable like any file", "lock L; lock M; syncdir .", "L= M=", "L= M="},
	} {
		t.Run(c.claim, func(t *testing.T) {
			disk := vfs.NewMem()
			run(t, disk, c.script)
			crashed, killed := disk.CrashClone(), disk.Clone()
			if got := state(t, crashed); got != c.crash {
				t.Errorf("after a crash the disk holds %q, want %q", got, c.crash)
			}
			if got := state(t, killed); got != c.kill {
				t.Errorf("after a kill the disk holds %q, want %q", got, c.kill)
			}
			if got := state(t, disk); got != c.kill {
				t.Errorf("the copies changed the disk to %q, want %q", got, c.kill)
			}
			if got := state(t, killed.CrashClone()); got != c.crash {
				t.Errorf("a kill made unsynced state durable: %q, want %q", got, c.crash)
			}
			if got := state(t, crashed.CrashClone()); got != c.crash {
				t.Errorf("what a crash left is not durable: %q, want %q", got, c.crash)
			}
		})
	}
}

// run does the steps of a script, each "verb name argument".
func run(t *testing.T, disk vfs.FS, script string) {
	t.Helper()
	for step := range strings.SplitSeq(script, "; ") {
		words := append(strings.Fields(step), "", "")
		if err := do(disk, words[0], words[1], words[2]); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
	}
}

func do(disk vfs.FS, verb, name, arg string) error {
	switch verb {
	case "mkdir":
		return disk.MkdirAll(name, 0o700)
	case "syncdir":
		return disk.SyncDir(name)
	case "rename":
		return disk.Rename(name, arg)
	case "remove":
		return disk.Remove(name)
	case "removeall":
		return disk.RemoveAll(name)
	case "lock":
		_, err := disk.Lock(name)
		return err
	case "create":
		f, err := disk.Create(name)
		return errors.Join(err, closeIf(f))
	}
	f, err := disk.OpenReadWrite(name)
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err != nil {
		return err
	}
	switch verb {
	case "sync":
		err = f.Sync()
	case "write":
		_, err = f.WriteAt([]byte(arg), 0)
	case "append":
		_, err = f.WriteAt([]byte(arg), size)
	case "truncate":
		fmt.Sscan(arg, &size)
		err = f.Truncate(size)
	default:
		err = errors.New("no such verb")
	}
	return errors.Join(err, f.Close())
}

func closeIf(f vfs.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

func state(t *testing.T, disk vfs.FS) string {
	t.Helper()
	var words []string
	var walk func(dir string)
	walk = func(dir string) {
		names, err := disk.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			name = strings.TrimPrefix(dir+"/"+name, "./")
			if info, err := disk.Stat(name); err != nil {
				t.Fatal(err)
			} else if info.Dir {
				words = append(words, name+"/")
				walk(name)
				continue
			}
			words = append(words, name+"="+string(bytesOf(t, disk, name)))
		}
	}
	walk(".")
	return strings.Join(words, " ")
}

func bytesOf(t *testing.T, disk vfs.FS, name string) []byte {
	t.Helper()
	f, err := disk.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, size)
	if n, err := f.ReadAt(p, 0); n != len(p) {
		t.Fatal(n, err)
	}
	return p
}

var seedFlag = flag.Uint64("seed", 0, "of the random test; 0: another each time")

// TestRandomFileMatchesTwoByteSlices keeps a live and a durable model beside one file, across copies of every kind: the
// pages that states and file systems share must never show a write of another.
func TestRandomFileMatchesTwoByteSlices(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d; -seed %d repeats it", seed, seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	disk := vfs.NewMem()
	run(t, disk, "create f; syncdir .")
	file := reopen(t, disk)
	var live, durable []byte
	type kept struct {
		disk *vfs.Mem
		want []byte
	}
	var copies []kept // of which nobody writes any more
	for step := range 2_000 {
		switch at := rng.IntN(20_000); rng.IntN(12) {
		case 0:
			check(t, file.Truncate(int64(at)))
			live = append(slices.Clone(live[:min(at, len(live))]), make([]byte, max(0, at-len(live)))...)
		case 1, 2:
			check(t, file.Sync())
			durable = slices.Clone(live)
		case 3:
			partly := disk.CrashCloneKeeping(rng, 0.5)
			copies = append(copies, kept{disk.CrashClone(), slices.Clone(durable)}, kept{disk.Clone(), slices.Clone(live)},
				kept{partly, bytesOf(t, partly, "f")})
		case 4:
			old := disk
			disk = disk.Clone()
			file = reopen(t, disk)
			copies = append(copies, kept{old, slices.Clone(live)})
		case 5:
			if rng.IntN(4) == 0 {
				disk = disk.Crash()
				file = reopen(t, disk)
				live = slices.Clone(durable)
			}
		default:
			if rng.IntN(2) == 0 {
				at = len(live)
			}
			p := make([]byte, 1+rng.IntN(6_000))
			for i := range p {
				p[i] = byte(rng.Uint32() | 1)
			}
			_, err := file.WriteAt(p, int64(at))
			check(t, err)
			live = append(live, make([]byte, max(0, at+len(p)-len(live)))...)
			copy(live[at:], p)
		}
		if !bytes.Equal(bytesOf(t, disk, "f"), live) {
			t.Fatalf("seed %d: after step %d the live bytes differ", seed, step)
		}
		if step%10 == 0 && !bytes.Equal(bytesOf(t, disk.CrashClone(), "f"), durable) {
			t.Fatalf("seed %d: after step %d the durable bytes differ", seed, step)
		}
	}
	for i, c := range copies {
		if !bytes.Equal(bytesOf(t, c.disk, "f"), c.want) {
			t.Fatalf("seed %d: copy %d was changed by its original or by a later copy", seed, i)
		}
	}
}

func reopen(t *testing.T, disk vfs.FS) vfs.File {
	t.Helper()
	f, err := disk.OpenReadWrite("f")
	check(t, err)
	return f
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheCrashedFileSystemRefusesEverything(t *testing.T) {
	for name, end := range map[string]func(*vfs.Mem) *vfs.Mem{"crash": (*vfs.Mem).Crash, "kill": (*vfs.Mem).Kill} {
		t.Run(name, func(t *testing.T) {
			old := vfs.NewMem()
			run(t, old, "create f; write f abc; sync f; syncdir .")
			f := reopen(t, old)
			lock, err := old.Lock("LOCK")
			check(t, err)
			next := end(old)

			if _, err := next.Lock("LOCK"); err != nil {
				t.Errorf("the lock lives on in the copy: %v", err)
			}
			_, createErr := old.Create("g")
			_, openErr := old.Open("f")
			_, listErr := old.List(".")
			_, statErr := old.Stat("f")
			_, lockErr := old.Lock("M")
			_, freeErr := old.Free(".")
			_, readErr := f.ReadAt(make([]byte, 1), 0)
			_, writeErr := f.WriteAt([]byte("X"), 0)
			_, sizeErr := f.Size()
			for op, err := range map[string]error{
				"Create": createErr, "Open": openErr, "List": listErr, "Stat": statErr, "Lock": lockErr, "Free": freeErr,
				"Remove": old.Remove("f"), "RemoveAll": old.RemoveAll("f"), "Rename": old.Rename("f", "g"),
				"MkdirAll": old.MkdirAll("d", 0o700), "SyncDir": old.SyncDir("."), "ReadAt": readErr, "WriteAt": writeErr,
				"Size": sizeErr, "Sync": f.Sync(), "Truncate": f.Truncate(0), "Close": f.Close(), "lock's Close": lock.Close(),
			} {
				if !errors.Is(err, vfs.ErrCrashed) {
					t.Errorf("%s gave %v, want ErrCrashed", op, err)
				}
			}
			if got := string(bytesOf(t, next, "f")); got != "abc" {
				t.Errorf("the new file system holds %q, want abc", got)
			}
		})
	}
}

// A writer appends a number to each of two files in turn and syncs each time; whatever the moment of the copy, the
// second file is never ahead of the first.
func TestACopySeesOneMoment(t *testing.T) {
	disk := vfs.NewMem()
	run(t, disk, "create a; create b; syncdir .")
	a, err := disk.OpenReadWrite("a")
	check(t, err)
	b, err := disk.OpenReadWrite("b")
	check(t, err)
	var wg sync.WaitGroup
	wg.Go(func() { // ends with the crash; waited for below
		for i := range int64(1 << 20) {
			for _, f := range []vfs.File{a, b} {
				if _, err := f.WriteAt([]byte{byte(i)}, i); err != nil {
					return
				}
				if err := f.Sync(); err != nil {
					return
				}
			}
		}
	})
	look := func(copied *vfs.Mem) {
		na, nb := len(bytesOf(t, copied, "a")), len(bytesOf(t, copied, "b"))
		if na != nb && na != nb+1 {
			t.Errorf("the copy has %d in the first file and %d in the second", na, nb)
		}
	}
	for range 200 {
		look(disk.CrashClone())
	}
	look(disk.Crash())
	wg.Wait()
}

func TestRemovedFileStaysUsableUntilItsLastHandleCloses(t *testing.T) {
	disk := vfs.NewMem()
	run(t, disk, "create f; write f abc; sync f; syncdir .")
	f := reopen(t, disk)
	check(t, disk.Remove("f"))
	p := make([]byte, 3)
	if _, err := f.ReadAt(p, 0); err != nil || string(p) != "abc" {
		t.Errorf("a removed file reads %q, %v; want abc", p, err)
	}
	if disk.Used() == 0 {
		t.Error("the bytes of an open file are not counted")
	}
	if got := disk.Clone().Used(); got != 0 {
		t.Errorf("the copy, in which nobody has the file open, counts %d bytes, want 0", got)
	}
	check(t, f.Close())
	if got := disk.Used(); got != 0 {
		t.Errorf("%d bytes are in use after the last handle closed, want 0", got)
	}
	if got := state(t, disk.CrashClone()); got != "f=abc" {
		t.Errorf("after a crash the disk holds %q: the removal was not synced, want f=abc", got)
	}
	if got := disk.CrashClone().Used(); got == 0 {
		t.Error("the copy counts no bytes")
	}
	if _, err := disk.Open("f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open gave %v, want fs.ErrNotExist", err)
	}
}
