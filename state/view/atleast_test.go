package view_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
)

func at(p int32, offset int64) commitlog.Position {
	return commitlog.Position{Partition: commitlog.Partition{Topic: "orders", Index: p}, Offset: offset}
}

// S-44: a read with AtLeast shows what the record at the position did; a record that did nothing satisfies it too.
func TestAtLeastShowsTheEffectOfTheRecord(t *testing.T) {
	w := newWorld(t)
	w.begin()
	v := w.open()
	k := int64(5)
	p := partitionOf(k)
	for offset := range int64(60) {
		committed := make(chan struct{})
		go func() { // ends with its commit
			defer close(committed)
			if offset%2 == 0 {
				w.put(1, k, "at "+time.Duration(offset).String())
			}
			w.position(1, p, offset+1)
			w.commit()
		}()
		want := "at " + time.Duration(offset-offset%2).String()
		w.wantGet(v, k, want, view.AtLeast(at(p, offset)))
		<-committed
		// Positions of other partitions do not concern this key.
		w.wantGet(v, k, want, view.AtLeast(at((p+1)%partitions, 1_000_000), at(p, offset)))
	}
	short, cancel := context.WithTimeout(w.ctx, 20*time.Millisecond)
	defer cancel()
	if _, _, err := v.Get(short, k, view.AtLeast(at(p, 60))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a position that is not handled: %v", err)
	}
	if _, err := list(v.All(short, view.AtLeast(at((p+1)%partitions, 0)))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("All waits for every partition: %v", err)
	}
}

// The journal may show a commit before the changelog does: here somebody's open transaction stands in front of it.
func TestAtLeastWaitsForTheChangelogToo(t *testing.T) {
	w := newWorld(t)
	w.begin()
	k := int64(5)
	p := partitionOf(k)
	v := w.open()
	w.must(v.Ready(w.ctx))
	zombie, err := w.log.OpenTransactor(w.ctx, commitlog.TransactorConfig{ID: "zombie", BatchBytes: 1})
	w.must(err)
	end := func() int64 {
		ends, err := w.log.Offsets(w.ctx, []commitlog.Partition{changelogOf(1, p)}, commitlog.End, commitlog.ReadUncommitted)
		w.must(err)
		return ends[0].Offset
	}
	for before := end(); end() == before; { // a transactor may keep what it has for a while
		w.must(zombie.Append(w.ctx, changelogOf(1, p), []commitlog.Record{{Key: key(99), Value: []byte("never"), Timestamp: -1}}))
	}
	w.put(1, k, "paid")
	w.position(1, p, 8)
	w.commit()
	short, cancel := context.WithTimeout(w.ctx, 50*time.Millisecond)
	defer cancel()
	if got, _, err := v.Get(short, k, view.AtLeast(at(p, 7))); err == nil {
		t.Errorf("with the changelog held back, Get answers %q", got)
	}
	w.must(zombie.Abort(w.ctx))
	w.wantGet(v, k, "paid", view.AtLeast(at(p, 7)))
	w.must(zombie.Close())
}

// A view that is opened late finds the position in the journal's tail, and where the tail has none, at its front.
func TestAtLeastFindsOldPositions(t *testing.T) {
	for _, noise := range []int{0, 3_000} {
		w := newWorld(t)
		w.begin()
		w.position(1, 0, 10)
		for n := range noise {
			w.journal(0, journal.OrderKey(int64(n)), []byte("x"))
		}
		w.commit()
		w.position(1, 1, 20)
		w.commit()
		v := w.open()
		if _, err := list(v.All(w.ctx, view.AtLeast(at(0, 9), at(1, 19)))); err != nil {
			t.Errorf("%d records behind the position: %v", noise, err)
		}
		w.must(v.Close())
	}
}

func TestAtLeastRefusesWhatCannotCome(t *testing.T) {
	w := newWorld(t)
	w.begin()
	v := w.open()
	w.must(v.Ready(w.ctx))
	for what, pos := range map[string]commitlog.Position{
		"another topic":      {Partition: commitlog.Partition{Topic: "payments"}},
		"the changelog":      {Partition: changelogOf(1, 0)},
		"no such partition":  at(partitions, 0),
		"negative partition": at(-1, 0),
		"negative offset":    at(0, -1),
	} {
		_, _, err := v.Get(w.ctx, 1, view.AtLeast(pos))
		if err == nil || !strings.Contains(err.Error(), pos.String()) || !strings.Contains(err.Error(), "sum") {
			t.Errorf("%s: %v, want an error with the position and the processor", what, err)
		}
	}
	_, _, err := v.Get(w.ctx, 1, view.AtLeast(commitlog.Position{Partition: commitlog.Partition{Topic: "payments"}}))
	if err == nil || !strings.Contains(err.Error(), "orders") {
		t.Errorf("the error does not name the inputs: %v", err)
	}
}

func TestAtLeastIsRefusedBehindAnInternalStream(t *testing.T) {
	w := newWorld(t)
	byUser := processor.NewInternalStream("by-user", codec.String, codec.Int64)
	seen := processor.NewTable("seen", codec.String, codec.Int64)
	app := topology.MustNew("chain", processor.New("see",
		processor.On(orders, func(processor.Context, int64, int64) error { return nil }),
		processor.On(byUser, func(processor.Context, string, int64) error { return nil }),
		processor.Emits(byUser), processor.Owns(seen)))
	v, err := view.Open(w.ctx, app, w.log, seen, view.Config{})
	w.must(err)
	defer v.Close()
	if _, _, err := v.Get(w.ctx, "a", view.AtLeast(at(0, 0))); err == nil || !strings.Contains(err.Error(), "by-user") ||
		!strings.Contains(err.Error(), "use Ready, or the worker's Settled, or give the table to a processor of its own without internal input") {
		t.Errorf("AtLeast gives %v, want an error that names the internal stream", err)
	}
}

// S-59: a task that stands at a record ends the wait for what is behind it, at once, until it goes on.
func TestAStoppedTaskEndsAtLeast(t *testing.T) {
	w := newWorld(t)
	w.begin()
	v := w.open()
	k := int64(5)
	p := partitionOf(k)
	w.position(1, p, 7)
	parked := journal.Parked{Stream: "orders", Record: at(p, 7), Reason: "no such customer"}
	w.journal(p, journal.ParkedKey(1), journal.AppendParked(nil, &parked))
	w.commit()
	w.wantGet(v, k, "", view.AtLeast(at(p, 6)))
	_, _, err := v.Get(w.ctx, k, view.AtLeast(at(p, 7)))
	var stopped *view.StoppedError
	if !errors.As(err, &stopped) || stopped.Record.Offset != 7 || !strings.Contains(err.Error(), "no such customer") {
		t.Errorf("waiting for the record at which the task stands: %v", err)
	}
	w.journal(p, journal.ParkedKey(1), nil)
	w.put(1, k, "paid")
	w.position(1, p, 8)
	w.commit()
	for {
		got, _, err := v.Get(w.ctx, k, view.AtLeast(at(p, 7)))
		if errors.As(err, &stopped) {
			continue // the view has not read yet that it goes on
		}
		w.must(err)
		if got != "paid" {
			t.Errorf("after it went on: %q", got)
		}
		break
	}
}
