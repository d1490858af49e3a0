package view_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state/view"
)

// C-50: while the log is away reads give what was last known, the status says since when, AtLeast says what it waits for; when it
// is back the view goes on by itself.
func TestALogThatIsAwayLeavesWhatWasRead(t *testing.T) {
	for what, config := range map[string]view.Config{"memory": {}, "silent": {}, "disk": {Dir: dir, FS: vfs.NewMem()}} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.begin()
			k := int64(5)
			p := partitionOf(k)
			before := time.Now().Add(-time.Second)
			w.put(1, k, "old")
			w.position(1, p, 8)
			w.commit()
			log := &rigged{Log: w.log, silent: what == "silent"}
			v := w.openConfig(log, config)
			defer v.Close()
			w.wantGet(v, k, "old", view.AtLeast(at(p, 7)))
			if s := v.Status(); s.Away != nil || !s.AwaySince.IsZero() {
				t.Errorf("while the log is there the status is %+v", s)
			}
			log.away.Store(true)
			await(w, v, func(s view.Status) bool { return s.Away != nil })
			s := v.Status()
			if !errors.Is(s.Away, commitlog.ErrUnavailable) || s.AwaySince.Before(before) || s.AwaySince.After(time.Now()) || s.Err != nil {
				t.Errorf("while the log is away the status is %+v", s)
			}
			if written := s.Partitions[p].Time; written.Before(before) || written.After(time.Now()) {
				t.Errorf("the entry is of %v", written)
			}
			w.put(1, k, "new")
			w.position(1, p, 13)
			w.commit()
			w.wantGet(v, k, "old")
			w.wantList(v.All(w.ctx), "5=old")
			short, cancel := context.WithTimeout(w.ctx, 20*time.Millisecond)
			defer cancel()
			_, _, err := v.Get(short, k, view.AtLeast(at(p, 12)))
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "below offset 8, and the record at 12 is waited for") ||
				!strings.Contains(err.Error(), "has not answered since") {
				t.Errorf("AtLeast gives %v, want what it waits for and that the log is away", err)
			}
			if err := v.Ready(w.ctx); !errors.Is(err, commitlog.ErrUnavailable) {
				t.Errorf("Ready gives %v", err)
			}
			log.away.Store(false)
			w.wantGet(v, k, "new", view.AtLeast(at(p, 12)))
			await(w, v, func(s view.Status) bool { return s.Away == nil && s.AwaySince.IsZero() })
		})
	}
}

// A view that is opened while the log is away fills its copy when it is back.
func TestAViewOpenedWhileTheLogIsAwayFillsLater(t *testing.T) {
	w := newWorld(t)
	w.begin()
	w.put(1, 5, "five")
	w.commit()
	log := &rigged{Log: w.log}
	log.away.Store(true)
	v := w.openConfig(log, view.Config{})
	defer v.Close()
	if s := v.Status(); s.Edition != 0 || s.Serving != 0 || s.Partitions != nil {
		t.Errorf("before it has read anything the status is %+v", s)
	}
	log.away.Store(false)
	w.wantGet(v, 5, "five")
}

// What is open in front of others holds a partition back, and the status shows it.
func TestTheStatusShowsWhatIsNotVisibleYet(t *testing.T) {
	w := newWorld(t)
	w.begin()
	v := w.open()
	w.must(v.Ready(w.ctx))
	p := partitionOf(5)
	for v.Status().Behind() == 0 { // a transactor may keep what it has for a while
		w.put(1, 5, strings.Repeat("open", 1000))
		if w.ctx.Err() != nil {
			t.Fatalf("status %+v", v.Status())
		}
	}
	if s := v.Status(); s.Partitions[p].Next >= s.Partitions[p].End || !s.Partitions[p].Time.IsZero() {
		t.Errorf("status %+v", s)
	}
	w.wantGet(v, 5, "")
	w.commit()
	await(w, v, func(s view.Status) bool { return s.Behind() == 0 && !s.Partitions[p].Time.IsZero() })
	w.must(v.Close())
	if err := v.Status().Err; !errors.Is(err, view.ErrClosed) {
		t.Errorf("after Close the status says %v", err)
	}
}
