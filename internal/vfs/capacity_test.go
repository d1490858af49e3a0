package vfs_test

import (
	"errors"
	"math"
	"syscall"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

const pageBytes = 4096

func TestAWriteBeyondTheCapacityWritesWhatFits(t *testing.T) {
	disk := vfs.NewMem()
	disk.SetCapacity(3 * pageBytes)
	run(t, disk, "create f")
	f := reopen(t, disk)
	n, err := f.WriteAt(make([]byte, 5*pageBytes), 0)
	if n != 3*pageBytes || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WriteAt gave %d, %v; want three pages and ENOSPC", n, err)
	}
	if size, _ := f.Size(); size != 3*pageBytes {
		t.Errorf("the file has %d bytes, want three pages", size)
	}
	if n, err := f.WriteAt([]byte("over"), 0); n != 4 || err != nil {
		t.Errorf("a write into pages that are there gave %d, %v", n, err)
	}
	if left, _ := disk.Free("."); left != 0 {
		t.Errorf("Free gave %d, want 0", left)
	}
}

func TestSpaceComesBack(t *testing.T) {
	disk := vfs.NewMem()
	disk.SetCapacity(2 * pageBytes)
	write := func() error {
		f, err := disk.Create("f")
		check(t, err)
		_, err = f.WriteAt(make([]byte, 2*pageBytes), 0)
		return errors.Join(err, f.Close())
	}
	check(t, write())
	check(t, write()) // Create empties the file first
	check(t, disk.Remove("f"))
	check(t, write())
	f := reopen(t, disk)
	disk.SetCapacity(1) // less than is there: giving back still works
	check(t, f.Truncate(1))
	if got := disk.Used(); got != pageBytes {
		t.Errorf("after truncation %d bytes are in use, want one page", got)
	}
	check(t, f.Truncate(0))
	if got := disk.Used(); got != 0 {
		t.Errorf("%d bytes are in use, want 0", got)
	}
	disk.SetCapacity(0)
	if left, _ := disk.Free("."); left != math.MaxInt64 {
		t.Errorf("without a capacity Free gave %d", left)
	}
}

func TestCopiesKeepTheCapacityAndCountTheirOwnBytes(t *testing.T) {
	disk := vfs.NewMem()
	disk.SetCapacity(4 * pageBytes)
	run(t, disk, "create f; write f abc; sync f; syncdir .; create g; write g unsynced")
	crashed, killed := disk.CrashClone(), disk.Clone()
	if got := crashed.Used(); got != pageBytes {
		t.Errorf("after a crash %d bytes are in use, want one page", got)
	}
	if got := killed.Used(); got != 2*pageBytes {
		t.Errorf("after a kill %d bytes are in use, want two pages", got)
	}
	run(t, killed, "remove f; remove g")
	if got := disk.Used(); got != 2*pageBytes {
		t.Errorf("work on the copy changed the count to %d", got)
	}
	f, err := crashed.OpenReadWrite("f")
	check(t, err)
	if _, err := f.WriteAt(make([]byte, 9*pageBytes), 0); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WriteAt gave %v, want ENOSPC: the copy lost its capacity", err)
	}
}
