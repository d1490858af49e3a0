package view_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state/view"
)

// S-46: the copy of a new edition takes over whole; keys that only the old one had are gone with it; who iterates keeps what
// he began with.
func TestANewEditionTakesOverInOneStep(t *testing.T) {
	w := newWorld(t)
	w.begin()
	for k := range int64(6) {
		w.put(1, k, "e1")
	}
	w.commit()
	v := w.open()
	w.must(v.Ready(w.ctx))
	w.build(1)
	w.changelog(2)
	for k := int64(3); k < 9; k++ {
		w.put(2, k, "e2")
	}
	w.commit()
	w.must(v.Ready(w.ctx))
	w.wantList(v.All(w.ctx), "0=e1 1=e1 2=e1 3=e1 4=e1 5=e1")
	n := 0
	for e, err := range v.All(w.ctx) {
		w.must(err)
		if n == 0 {
			w.serve(2)
			w.must(v.Ready(w.ctx))
			w.wantList(v.All(w.ctx), "3=e2 4=e2 5=e2 6=e2 7=e2 8=e2")
		}
		if e.Value != "e1" {
			t.Errorf("an iteration that began with edition 1 shows %v", e)
		}
		n++
	}
	if n != 6 {
		t.Errorf("an iteration over edition 1 shows %d entries", n)
	}
	w.must(w.log.DeleteTopic(w.ctx, changelogOf(1, 0).Topic))
	w.put(2, 3, "")
	w.commit()
	w.must(v.Ready(w.ctx))
	w.wantList(v.All(w.ctx), "4=e2 5=e2 6=e2 7=e2 8=e2")
}

// S-46: no scan during many switches mixes editions, in memory and on disk.
func TestNoScanMixesEditions(t *testing.T) {
	for what, config := range map[string]view.Config{"memory": {}, "disk": {Dir: dir, FS: vfs.NewMem()}} {
		t.Run(what, func(t *testing.T) { scanOverSwitches(t, config) })
	}
}

func scanOverSwitches(t *testing.T, config view.Config) {
	w := newWorld(t)
	w.begin()
	const keys, editions = 30, 51
	fill := func(edition int) {
		for k := range int64(keys) {
			w.put(edition, k, fmt.Sprint("e", edition))
		}
		w.commit()
	}
	fill(1)
	v := w.openConfig(w.log, config)
	defer v.Close()
	w.must(v.Ready(w.ctx))
	done := make(chan struct{})
	go func() { // ended by its loop, awaited by done
		defer close(done)
		for e := 2; e <= editions; e++ {
			w.build(e - 1)
			w.changelog(e)
			fill(e)
			w.serve(e)
		}
	}()
	stop, got := make(chan struct{}), make(chan error, 1)
	go func() { // ended by stop, awaited by got
		var err error
		for ok := true; ok && err == nil; {
			select {
			case <-stop:
				got <- nil
				return
			default:
				_, ok, err = v.Get(w.ctx, 5)
			}
		}
		got <- fmt.Errorf("a key that every edition has is gone, or an error: %w", err)
	}()
	last := 1
	for running := true; running; {
		select {
		case <-done:
			running = false
			w.must(v.Ready(w.ctx))
		default:
		}
		n, edition := 0, 0
		for entry, err := range v.All(w.ctx) {
			w.must(err)
			var e int
			_, err := fmt.Sscanf(entry.Value, "e%d", &e)
			w.must(err)
			if edition != 0 && e != edition {
				t.Fatalf("one scan shows the editions %d and %d", edition, e)
			}
			edition = e
			n++
		}
		if n != keys || edition < last {
			t.Fatalf("a scan shows %d entries of edition %d, after edition %d", n, edition, last)
		}
		last = edition
	}
	close(stop)
	w.must(<-got)
	if last != editions {
		t.Errorf("at the end edition %d answers, want %d", last, editions)
	}
	w.must(v.Close())
	if config.Dir != "" {
		if got := dirs(t, config.FS); !slices.Equal(got, []string{changelogOf(editions, 0).Topic}) {
			t.Errorf("at the end %q is on disk", got)
		}
	}
}

// S-46: AtLeast for a record that only the next edition handles waits over the change.
func TestAtLeastWaitsOverAChangeOfEdition(t *testing.T) {
	w := newWorld(t)
	w.begin()
	k := int64(5)
	p := partitionOf(k)
	w.put(1, k, "e1")
	w.position(1, p, 10)
	w.commit()
	v := w.open()
	w.wantGet(v, k, "e1", view.AtLeast(at(p, 9)))
	w.build(1)
	w.changelog(2)
	w.put(2, k, "e2 at 10")
	w.position(2, p, 10)
	w.commit()
	committed := make(chan struct{})
	go func() { // ends with its commit
		defer close(committed)
		w.serve(2)
		w.put(2, k, "e2 at 13")
		w.position(2, p, 13)
		w.commit()
	}()
	w.wantGet(v, k, "e2 at 13", view.AtLeast(at(p, 12)))
	<-committed
}

// The serving edition was built before the table was declared: there is none until the next one serves.
func TestATableThatTheServingEditionLacksIsErrNoTable(t *testing.T) {
	w := newWorld(t)
	w.begin()
	w.must(w.log.DeleteTopic(w.ctx, changelogOf(1, 0).Topic))
	v := w.open()
	if _, _, err := v.Get(w.ctx, 1); err == nil {
		t.Error("a table without changelog answers")
	}
	w.build(1)
	w.changelog(2)
	w.put(2, 1, "e2")
	w.commit()
	w.serve(2)
	w.must(v.Ready(w.ctx))
	w.wantGet(v, 1, "e2")
}
