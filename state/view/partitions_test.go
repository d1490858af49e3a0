package view_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state/view"
)

// A view of some partitions answers for their keys, scans them, and says of other keys where they are.
func TestAViewOfSomePartitionsHoldsThemAlone(t *testing.T) {
	for what, config := range map[string]view.Config{
		"memory": {Partitions: []int32{2, 0}},
		"disk":   {Partitions: []int32{2, 0}, Dir: dir, FS: vfs.NewMem()},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.begin()
			var here []string
			there := int64(-1)
			for k := range int64(30) {
				w.put(1, k, "v")
				if partitionOf(k) == 1 {
					there = k
				} else {
					here = append(here, fmt.Sprintf("%d=v", k))
				}
			}
			w.commit()
			log := &rigged{Log: w.log}
			v := w.openConfig(log, config)
			defer v.Close()
			w.must(v.Ready(w.ctx))
			w.wantList(v.All(w.ctx), strings.Join(here, " "))
			if got := log.read.Load(); got != int64(len(here)) {
				t.Errorf("it has read %d records for %d entries", got, len(here))
			}
			_, _, err := v.Get(w.ctx, there)
			var elsewhere *view.NotHeldError
			if !errors.As(err, &elsewhere) || elsewhere.Partition != 1 || !slices.Equal(elsewhere.Held, []int32{0, 2}) {
				t.Errorf("a key of partition 1: %v", err)
			}
			if want := "is in partition 1, and the view follows 0, 2"; err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "totals") {
				t.Errorf("a key of partition 1: %v, want %q", err, want)
			}
			s := v.Status()
			if len(s.Partitions) != 2 || s.Partitions[0].Partition != 0 || s.Partitions[1].Partition != 2 || s.Behind() != 0 || s.Edition != 1 {
				t.Errorf("status %+v", s)
			}
		})
	}
}

// S-44, for some partitions: what concerns others is not waited for, and a scan refuses it.
func TestAtLeastOfSomePartitionsWaitsForThemAlone(t *testing.T) {
	w := newWorld(t)
	w.begin()
	k := int64(0)
	for partitionOf(k) != 2 {
		k++
	}
	w.put(1, k, "paid")
	w.position(1, 1, 8)
	w.position(1, 2, 8)
	w.commit()
	log := &rigged{Log: w.log}
	v := w.openConfig(log, view.Config{Partitions: []int32{2}})
	defer v.Close()
	w.wantGet(v, k, "paid", view.AtLeast(at(2, 7), at(1, 1_000)))
	w.wantList(v.All(w.ctx, view.AtLeast(at(2, 7))), fmt.Sprintf("%d=paid", k))
	_, err := list(v.All(w.ctx, view.AtLeast(at(2, 7), at(1, 0))))
	if err == nil || !strings.Contains(err.Error(), at(1, 0).String()) || !strings.Contains(err.Error(), "partition 1, and the view follows 2") {
		t.Errorf("a scan with a position of partition 1: %v", err)
	}
	if log.journal[1].Load() > 0 || log.journal[2].Load() != 1 {
		t.Errorf("of the journal it has read %d records of partition 1 and %d of its own", log.journal[1].Load(), log.journal[2].Load())
	}
	if _, err := list(v.All(w.ctx, view.AtLeast(at(partitions, 0)))); err == nil || !strings.Contains(err.Error(), "has 3 partitions") {
		t.Errorf("a scan with a position of no partition: %v", err)
	}
}

func TestWrongPartitionsAreRefused(t *testing.T) {
	w := newWorld(t)
	for want, p := range map[string][]int32{
		"has -1":      {0, -1},
		"has 1 twice": {1, 0, 1},
		"is empty":    {},
	} {
		if _, err := view.Open(w.ctx, shop, w.log, totals, view.Config{Partitions: p}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "totals") {
			t.Errorf("Partitions %v: %v, want %q", p, err, want)
		}
	}
	v := w.openConfig(w.log, view.Config{Partitions: []int32{1, 3}})
	defer v.Close()
	if _, _, err := v.Get(w.ctx, 1); !errors.Is(err, view.ErrNoTable) {
		t.Errorf("before the table is there: %v", err)
	}
	w.begin()
	err := v.Ready(w.ctx)
	if err == nil || !strings.Contains(err.Error(), "Partitions has 3, and the table has 3 partitions") {
		t.Errorf("a partition that the table does not have: %v", err)
	}
	if v.Status().Err == nil {
		t.Error("the status does not say so")
	}
}
