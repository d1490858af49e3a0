package view_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
	"github.com/millrun/millrun/state/view"
)

const dir = "data/views"

func (w *world) openConfig(log commitlog.Log, c view.Config) *view.View[int64, string] {
	w.t.Helper()
	v, err := view.Open(w.ctx, shop, log, totals, c)
	w.must(err)
	return v
}

// fill puts n keys into an edition, in commits of 500.
func (w *world) fill(edition, n int) {
	w.t.Helper()
	for k := range int64(n) {
		w.put(edition, k, fmt.Sprintf("e%d-%0100d", edition, k))
		if k%500 == 499 {
			w.commit()
		}
	}
	w.commit()
}

// wantFilled looks at all that fill has put.
func (w *world) wantFilled(v *view.View[int64, string], edition, n int) {
	w.t.Helper()
	next := int64(0)
	for e, err := range v.All(w.ctx) {
		w.must(err)
		if want := fmt.Sprintf("e%d-%0100d", edition, next); e.Key != next || e.Value != want {
			w.t.Fatalf("entry %d is %d=%s, want %s", next, e.Key, e.Value, want)
		}
		next++
	}
	if next != int64(n) {
		w.t.Fatalf("there are %d entries, want %d", next, n)
	}
}

// dirs lists the copies in dir.
func dirs(t *testing.T, files vfs.FS) []string {
	t.Helper()
	names, err := files.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, ".LOCK") })
}

// S-13: a view that was closed, killed or struck by a power cut reads what the log has gained since, not the whole table.
func TestAViewOnDiskReadsOnlyTheTailAgain(t *testing.T) {
	for what, stop := range map[string]func(*vfs.Mem, *view.View[int64, string]) *vfs.Mem{
		"closed": func(m *vfs.Mem, v *view.View[int64, string]) *vfs.Mem { v.Close(); return m },
		"killed": func(m *vfs.Mem, v *view.View[int64, string]) *vfs.Mem { m = m.Kill(); v.Close(); return m },
		"power":  func(m *vfs.Mem, v *view.View[int64, string]) *vfs.Mem { m = m.Crash(); v.Close(); return m },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.begin()
			const n = 3_000
			w.fill(1, n)
			files := vfs.NewMem()
			v := w.openConfig(w.log, view.Config{Dir: dir, FS: files})
			w.must(v.Ready(w.ctx))
			w.must(v.Close())
			v = w.openConfig(w.log, view.Config{Dir: dir, FS: files})
			for k := range int64(10) {
				w.put(1, n+k, fmt.Sprintf("e1-%0100d", n+k))
			}
			w.commit()
			w.must(v.Ready(w.ctx))
			files = stop(files, v)
			w.put(1, n+10, fmt.Sprintf("e1-%0100d", n+10))
			w.commit()
			log := &rigged{Log: w.log}
			v = w.openConfig(log, view.Config{Dir: dir, FS: files})
			w.must(v.Ready(w.ctx))
			w.wantFilled(v, 1, n+11)
			if got := log.read.Load(); got < 1 || got > 11 {
				t.Errorf("opened again, it has read %d records, want the tail of at most 11", got)
			}
			w.must(v.Close())
		})
	}
}

// C-32: a filling that is cut short is not taken for complete, and the next view goes on from where it was.
func TestAFillingThatIsCutShortGoesOn(t *testing.T) {
	for _, kill := range []bool{false, true} {
		for _, limit := range []int64{300, 1_500, 2_700} {
			t.Run(fmt.Sprintf("kill %v after %d", kill, limit), func(t *testing.T) {
				w := newWorld(t)
				w.begin()
				const n = 3_000
				w.fill(1, n)
				files := vfs.NewMem()
				log := &rigged{Log: w.log, limit: limit}
				v := w.openConfig(log, view.Config{Dir: dir, FS: files})
				await(w, v, func(s view.Status) bool { return log.read.Load() >= limit && len(s.Filling) > 0 })
				if s := v.Status(); s.Edition != 0 || s.Serving != 1 || s.Partitions != nil {
					t.Errorf("half way the status is %+v", s)
				}
				if kill {
					files = files.Kill()
					v.Close()
				} else {
					w.must(v.Close())
				}
				again := &rigged{Log: w.log}
				v = w.openConfig(again, view.Config{Dir: dir, FS: files})
				w.wantGet(v, n-1, fmt.Sprintf("e1-%0100d", n-1))
				w.wantFilled(v, 1, n)
				if got := again.read.Load(); !kill && got > n-limit || kill && got > n {
					t.Errorf("the first has read %d, the second %d of %d", log.read.Load(), got, n)
				}
				w.must(v.Close())
			})
		}
	}
}

// await polls a status; it changes with what the view reads, for which there is no other signal to a test.
func await(w *world, v *view.View[int64, string], there func(view.Status) bool) {
	w.t.Helper()
	for tick := time.NewTicker(time.Millisecond); !there(v.Status()); <-tick.C {
		if w.ctx.Err() != nil {
			w.t.Fatalf("waited in vain, the status is %+v", v.Status())
		}
	}
}

// S-13: a power cut may lose the middle of what was not synced and keep the end. What the barrier vouches for is where the view
// goes on, not the newest mark it finds.
func TestAPowerCutThatLosesTheMiddleIsMadeGood(t *testing.T) {
	for seed := range uint64(4) {
		w := newWorld(t)
		w.begin()
		const n, more = 500, 3_000 // a lost page takes the rest of its 32 KiB with it: there have to be several
		w.fill(1, n)
		files := vfs.NewMem()
		v := w.openConfig(w.log, view.Config{Dir: dir, FS: files})
		w.must(v.Ready(w.ctx))
		w.must(v.Close())
		v = w.openConfig(w.log, view.Config{Dir: dir, FS: files})
		for k := range int64(more) {
			w.put(1, n+k, fmt.Sprintf("e1-%0100d", n+k))
			if k%50 == 49 {
				w.commit()
				w.must(v.Ready(w.ctx)) // so that the view writes a batch for each
			}
		}
		cut := files.CrashCloneKeeping(rand.New(rand.NewPCG(seed, 13)), 0.9)
		w.must(v.Close())
		v = w.openConfig(w.log, view.Config{Dir: dir, FS: cut})
		w.must(v.Ready(w.ctx))
		w.wantFilled(v, 1, n+more)
		w.must(v.Close())
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// One view of a table has the directory; another table's may share it.
func TestADirectoryHasOneViewOfATable(t *testing.T) {
	w := newWorld(t)
	w.begin()
	w.fill(1, 10)
	files := vfs.NewMem()
	v := w.openConfig(w.log, view.Config{Dir: dir, FS: files})
	w.must(v.Ready(w.ctx))
	_, err := view.Open(w.ctx, shop, w.log, totals, view.Config{Dir: dir, FS: files})
	if !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "totals") || !strings.Contains(err.Error(), "another view") {
		t.Errorf("a second view of the table: %v", err)
	}
	for _, err := range v.All(w.ctx) { // an iteration keeps the directory until it ends
		if err != nil {
			if !errors.Is(err, view.ErrClosed) {
				t.Error(err)
			}
			break
		}
		w.must(v.Close())
		if _, err := view.Open(w.ctx, shop, w.log, totals, view.Config{Dir: dir, FS: files}); !errors.Is(err, vfs.ErrLocked) {
			t.Errorf("a view beside an iteration: %v", err)
		}
	}
	v = w.openConfig(w.log, view.Config{Dir: dir, FS: files})
	w.wantFilled(v, 1, 10)
	w.must(v.Close())
	w.must(v.Close())
}

// S-46: the copy of an edition is removed from disk when another has taken over and nobody iterates over it.
func TestOldEditionsAreRemovedFromDisk(t *testing.T) {
	w := newWorld(t)
	w.begin()
	w.fill(1, 100)
	files := &handles{FS: vfs.NewMem()}
	v := w.openConfig(w.log, view.Config{Dir: dir, FS: files})
	w.must(v.Ready(w.ctx))
	e1, e2 := changelogOf(1, 0).Topic, changelogOf(2, 0).Topic
	want := func(names ...string) {
		t.Helper()
		if got := dirs(t, files); !slices.Equal(got, names) {
			t.Errorf("on disk are %q, want %q", got, names)
		}
	}
	n := 0
	for e, err := range v.All(w.ctx) {
		w.must(err)
		if n++; n == 1 {
			w.build(1)
			w.changelog(2)
			w.fill(2, 100)
			w.serve(2)
			w.must(v.Ready(w.ctx))
			w.wantFilled(v, 2, 100)
			want(e1, e2)
		}
		if !strings.HasPrefix(e.Value, "e1-") {
			t.Fatalf("an iteration over edition 1 shows %v", e)
		}
	}
	// Whoever is the last to let go removes it: the iteration, or the view, which may not have come to it yet.
	await(w, v, func(view.Status) bool { return len(dirs(t, files)) == 1 })
	want(e2)
	w.must(v.Close())

	// What an earlier program left of another edition, and what is none of ours.
	for _, name := range []string{e1, e2 + ".again1", "shop.sum.totals2.e1", "notes"} {
		w.must(files.MkdirAll(path.Join(dir, name, "0"), 0o700))
	}
	log := &rigged{Log: w.log}
	v = w.openConfig(log, view.Config{Dir: dir, FS: files})
	w.wantFilled(v, 2, 100)
	w.must(v.Close())
	files.wantNone(t)
	want("notes", e2, "shop.sum.totals2.e1")
	if log.read.Load() > 0 {
		t.Errorf("it has read %d records again", log.read.Load())
	}
}

// A changelog that is deleted and made anew under an open view is filled beside the copy that answers; the next program finds it
// under its proper name.
func TestAChangelogMadeAnewIsFilledBesideTheOldCopy(t *testing.T) {
	for _, config := range []view.Config{{}, {Dir: dir, FS: vfs.NewMem()}} {
		w := newWorld(t)
		w.begin()
		w.fill(1, 50)
		v := w.openConfig(w.log, config)
		w.must(v.Ready(w.ctx))
		w.must(w.log.DeleteTopic(w.ctx, changelogOf(1, 0).Topic))
		w.wantFilled(v, 1, 50)
		w.changelog(1)
		w.put(1, 7, "new")
		w.commit()
		for got := ""; got != "7=new"; {
			if w.ctx.Err() != nil {
				t.Fatalf("the view shows %s", got)
			}
			var err error
			got, err = list(v.All(w.ctx))
			w.must(err)
		}
		w.must(v.Close())
		if config.Dir == "" {
			continue
		}
		if got := dirs(t, config.FS); len(got) != 1 {
			t.Errorf("on disk are %q", got)
		}
		log := &rigged{Log: w.log}
		v = w.openConfig(log, config)
		w.wantList(v.All(w.ctx), "7=new")
		w.must(v.Close())
		if got := dirs(t, config.FS); !slices.Equal(got, []string{changelogOf(1, 0).Topic}) || log.read.Load() > 0 {
			t.Errorf("opened again, on disk are %q, and %d records were read", got, log.read.Load())
		}
	}
}

// The directories below Dir are stores like those of a task.
func TestACopyOnDiskPassesTheChecker(t *testing.T) {
	w := newWorld(t)
	w.begin()
	w.fill(1, 100)
	files := vfs.NewMem()
	v := w.openConfig(w.log, view.Config{Dir: dir, FS: files})
	w.must(v.Ready(w.ctx))
	w.must(v.Close())
	for p := range partitions {
		at := path.Join(dir, names.Changelog("shop", "sum", "totals", 1), fmt.Sprint(p))
		if found, err := state.Check(files, at); err != nil || found != nil {
			t.Errorf("%s: %v, %v", at, found, err)
		}
	}
}
