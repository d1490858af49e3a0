package vfs_test

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

var errPlanted = errors.New("planted")

func TestTheNthSyncFailsOnceAndIsNotDone(t *testing.T) {
	mem := vfs.NewMem()
	disk := vfs.NewFaulty(mem)
	run(t, disk, "create f; syncdir .; sync f")
	disk.FailNth(vfs.KindSync, 2, errPlanted)
	f := reopen(t, disk)
	for i, want := range []error{nil, errPlanted, nil} {
		_, err := f.WriteAt([]byte{byte('a' + i)}, int64(i))
		check(t, err)
		err = f.Sync()
		if !errors.Is(err, want) {
			t.Errorf("sync %d gave %v, want %v", i+1, err, want)
		}
		if want != nil {
			if !strings.Contains(err.Error(), "sync f") {
				t.Errorf("the error %q does not name the operation and the file", err)
			}
			if got := state(t, mem.CrashClone()); got != "f=a" {
				t.Errorf("the sync that failed made %q durable", got)
			}
		}
	}
	if got := disk.Count(vfs.KindSync); got != 4 {
		t.Errorf("Count gave %d syncs, want 4", got)
	}
}

func TestAFullDiskRefusesWhatNeedsRoomAndNothingElse(t *testing.T) {
	disk := vfs.NewFaulty(vfs.NewMem())
	run(t, disk, "create f; write f abc")
	f := reopen(t, disk)
	disk.SetFull(true)
	_, createErr := disk.Create("g")
	_, writeErr := f.WriteAt([]byte("x"), 0)
	_, lockErr := disk.Lock("LOCK")
	for op, err := range map[string]error{
		"Create": createErr, "WriteAt": writeErr, "Lock": lockErr, "MkdirAll": disk.MkdirAll("d", 0o700),
	} {
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s gave %v, want ENOSPC", op, err)
		}
	}
	if left, err := disk.Free("."); left != 0 || err != nil {
		t.Errorf("Free gave %d, %v; want 0", left, err)
	}
	check(t, f.Sync())
	check(t, f.Truncate(1))
	if got := state(t, disk); got != "f=a" {
		t.Errorf("the disk holds %q, want f=a", got)
	}
	check(t, disk.Rename("f", "g"))
	check(t, disk.Remove("g"))
	disk.SetFull(false)
	run(t, disk, "create f; write f abc")
}

func TestAReadOnlyDiskRefusesEveryChange(t *testing.T) {
	disk := vfs.NewFaulty(vfs.NewMem())
	run(t, disk, "create f; write f abc")
	f := reopen(t, disk)
	disk.SetReadOnly(true)
	_, createErr := disk.Create("g")
	_, writeErr := f.WriteAt([]byte("x"), 0)
	_, lockErr := disk.Lock("LOCK")
	for op, err := range map[string]error{
		"Create": createErr, "WriteAt": writeErr, "Lock": lockErr, "MkdirAll": disk.MkdirAll("d", 0o700),
		"Remove": disk.Remove("f"), "RemoveAll": disk.RemoveAll("f"), "Rename": disk.Rename("f", "g"),
		"SyncDir": disk.SyncDir("."), "Sync": f.Sync(), "Truncate": f.Truncate(0),
	} {
		if !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s gave %v, want EROFS", op, err)
		}
	}
	if got := state(t, disk); got != "f=abc" {
		t.Errorf("the disk holds %q, want f=abc", got)
	}
}

func TestTheHookSeesEachOperationBeforeItIsDone(t *testing.T) {
	mem := vfs.NewMem()
	disk := vfs.NewFaulty(mem)
	var seen []vfs.Op
	disk.SetHook(func(op vfs.Op) error {
		seen = append(seen, op)
		if op.Kind == vfs.KindWrite {
			return &vfs.PartialWrite{Bytes: 2, Err: syscall.ENOSPC}
		}
		return nil
	})
	f, err := disk.Create("f")
	check(t, err)
	n, err := f.WriteAt([]byte("abcd"), 7)
	if n != 2 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WriteAt gave %d, %v; want 2 and ENOSPC", n, err)
	}
	check(t, disk.Rename("f", "g"))
	want := []vfs.Op{
		{Kind: vfs.KindCreate, Name: "f", Number: 1},
		{Kind: vfs.KindWrite, Name: "f", Offset: 7, Bytes: 4, Number: 2},
		{Kind: vfs.KindRename, Name: "f", To: "g", Number: 3},
	}
	for i := range want {
		if i >= len(seen) || seen[i] != want[i] {
			t.Fatalf("the hook saw %+v, want %+v", seen, want)
		}
	}
	if got := string(bytesOf(t, mem, "g")); got != strings.Repeat("\x00", 7)+"ab" {
		t.Errorf("the partial write left %q", got)
	}
}

// Every operation must ask, else a sweep over the nth operation would step over it.
func TestEveryKindCanFail(t *testing.T) {
	for kind := vfs.KindCreate; kind <= vfs.KindClose; kind++ {
		t.Run(kind.String(), func(t *testing.T) {
			disk := vfs.NewFaulty(vfs.NewMem())
			disk.FailNth(kind, 1, errPlanted)
			err := everything(disk)
			var where *fs.PathError
			if !errors.Is(err, errPlanted) || !errors.As(err, &where) || where.Path == "" {
				t.Errorf("got %v, want the planted error with its path", err)
			}
		})
	}
}

// everything does each kind of operation once and joins their errors.
func everything(disk vfs.FS) error {
	errs := []error{disk.MkdirAll("d", 0o700)}
	add := func(err error) { errs = append(errs, err) }
	for _, open := range []func(string) (vfs.File, error){disk.Create, disk.Open, disk.OpenReadWrite} {
		f, err := open("d/f")
		add(err)
		if f == nil {
			continue
		}
		_, err = f.WriteAt([]byte("x"), 0)
		add(err)
		_, err = f.ReadAt(make([]byte, 1), 0)
		add(err)
		_, err = f.Size()
		add(err)
		add(f.Sync())
		add(f.Truncate(1))
		add(f.Close())
	}
	lock, err := disk.Lock("d/LOCK")
	add(err)
	if lock != nil {
		add(lock.Close())
	}
	_, err = disk.List("d")
	add(err)
	_, err = disk.Stat("d")
	add(err)
	_, err = disk.Free("d")
	add(err)
	add(disk.SyncDir("d"))
	add(disk.Rename("d/f", "d/g"))
	add(disk.Remove("d/g"))
	add(disk.RemoveAll("d"))
	return errors.Join(errs...)
}
