package view_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state/view"
)

// A full disk ends the following and nothing else: what was read can be asked for, what needs more says why at once.
func TestAFullDiskLeavesWhatWasRead(t *testing.T) {
	w := newWorld(t)
	w.begin()
	w.fill(1, 100)
	files := &handles{FS: vfs.NewMem()}
	disk := vfs.NewFaulty(files)
	v := w.openConfig(w.log, view.Config{Dir: dir, FS: disk})
	beside := w.open()
	w.must(v.Ready(w.ctx))
	disk.SetFull(true)
	for k := range int64(9) {
		w.put(1, k, "more")
	}
	for p := range int32(partitions) {
		w.position(1, p, 10)
	}
	w.commit()
	await(w, v, func(s view.Status) bool { return s.Err != nil })
	full := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "totals") || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, want a full disk, the table and the directory", what, err)
		}
	}
	full("Status", v.Status().Err)
	full("Ready", v.Ready(w.ctx))
	_, _, err := v.Get(w.ctx, 5, view.AtLeast(at(partitionOf(5), 9)))
	full("AtLeast", err)
	w.wantGet(v, 50, fmt.Sprintf("e1-%0100d", 50))
	if got, err := list(v.Range(w.ctx, 20, 22)); err != nil || strings.Count(got, "e1-") != 2 {
		t.Errorf("Range gives %s, %v", got, err)
	}
	w.wantGet(beside, 5, "more", view.AtLeast(at(partitionOf(5), 9)))
	w.must(v.Close())
	files.wantNone(t)
	_, err = view.Open(w.ctx, shop, w.log, totals, view.Config{Dir: dir, FS: disk})
	full("Open", err)
	disk.SetFull(false)
	v = w.openConfig(w.log, view.Config{Dir: dir, FS: disk})
	w.wantGet(v, 5, "more", view.AtLeast(at(partitionOf(5), 9)))
	w.wantGet(v, 50, fmt.Sprintf("e1-%0100d", 50))
	w.must(v.Close())
	files.wantNone(t)
}

// Whatever operation of the disk fails, once: no answer is wrong, nothing hangs, nothing is left, and the next view is right.
func TestAnyFaultOfTheDiskIsSurvived(t *testing.T) {
	w := newWorld(t)
	w.begin()
	w.fill(1, 60)
	fault := errors.New("the disk has a fault")
	for nth := int64(1); ; nth += 1 + nth/16 {
		files := &handles{FS: vfs.NewMem()}
		disk := vfs.NewFaulty(files)
		hit := false
		disk.SetHook(func(op vfs.Op) error {
			if op.Number == nth {
				hit = true
				return fault
			}
			return nil
		})
		v, err := view.Open(w.ctx, shop, w.log, totals, view.Config{Dir: dir, FS: disk})
		if err == nil {
			if err = v.Ready(w.ctx); err == nil {
				w.wantFilled(v, 1, 60)
			}
			if cerr := v.Close(); err == nil {
				err = cerr
			}
		}
		if err != nil && !errors.Is(err, fault) && !strings.Contains(err.Error(), "fault") {
			t.Fatalf("fault at operation %d: %v", nth, err)
		}
		disk.SetHook(nil)
		files.wantNone(t)
		v = w.openConfig(w.log, view.Config{Dir: dir, FS: disk})
		w.must(v.Ready(w.ctx))
		w.wantFilled(v, 1, 60)
		w.must(v.Close())
		if !hit {
			break
		}
	}
}
