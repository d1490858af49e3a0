package edition_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// Whichever way a held build ends, what came in meanwhile is handled once.
func TestAHeldBuildWaitsForSwitchOrCancel(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*edition.Editions, context.Context, int) error
		want []edition.State
	}{
		{"Switch", (*edition.Editions).Switch, []edition.State{edition.Retired, edition.Serving}},
		{"Cancel", (*edition.Editions).Cancel, []edition.State{edition.Serving, edition.Cancelled}},
	} {
		b := newBench(t, 2)
		app := counting()
		b.start(app)
		b.send("k", 10)
		b.send("l", 20)
		b.settle()
		e := b.editions(app, "counter")
		r := b.rebuild(e, edition.RebuildConfig{ByHand: true})
		if r.Edition != 2 || r.Serving || !r.Equal || r.Records != 30 || r.Entries != 2 || r.Fenced != 30 || r.Class != topology.Exact {
			t.Errorf("%s: held with %+v", c.name, r)
		}
		if got := b.states(e); len(got) != 2 || got[0] != edition.Serving || got[1] != edition.Ready {
			t.Errorf("%s: while it waits: %v", c.name, got)
		}
		b.send("k", 5)
		if got := strings.Join(b.rows(app), " "); got != "k=10 l=20" {
			t.Errorf("%s: answers while it waits: %s, want those of the cut", c.name, got)
		}
		if err := c.end(e, b.context(), 2); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		b.settle()
		b.await(e, c.want...)
		if got := strings.Join(b.rows(app), " "); got != "k=15 l=20" {
			t.Errorf("%s: the table is %s, want k=15 l=20", c.name, got)
		}
		b.onceEach(c.name, 35)
		next := b.rebuild(e, edition.RebuildConfig{}) // a number is given once
		if next.Edition != 3 || !next.Serving || next.Records != 35 {
			t.Errorf("%s: the next rebuild: %+v", c.name, next)
		}
	}
}

// The build is the workers' work: whoever asked for it may go.
func TestABuildGoesOnWhenTheOneWhoAskedGoes(t *testing.T) {
	b := newBench(t, 2)
	app := counting()
	b.start(app)
	b.send("k", 1000)
	b.settle()
	e := b.editions(app, "counter")
	ctx, cancel := context.WithCancel(b.context())
	_, err := e.Rebuild(ctx, edition.RebuildConfig{ByHand: true, Progress: func(edition.Progress) { cancel() }})
	cancel()
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Rebuild returned %v when its context ended", err)
	}
	again := b.editions(app, "counter")
	b.await(again, edition.Serving, edition.Ready)
	if err := again.Switch(b.context(), 2); err != nil {
		t.Fatal(err)
	}
	b.settle()
	if got := strings.Join(b.rows(app), " "); got != "k=1000" {
		t.Errorf("the table is %s", got)
	}
	b.onceEach("after the switch", 1000)
}

// S-33 with SwitchByHand: the program of version 2 builds and waits; the answers are version 1's until somebody switches.
func TestAChangedVersionWaitsForTheHandThatSwitches(t *testing.T) {
	b := newBench(t, 2)
	one := counting()
	b.start(one)
	b.send("k", 10)
	b.settle()
	b.halt()
	two := topology.MustNew("app", processor.New("counter", processor.On(events, count(100)), processor.Owns(counts),
		processor.Emits(notices), processor.Version("2")))
	byHand := func(c *worker.Config) { c.SwitchByHand = true }
	b.start(two, byHand)
	e := b.editions(two, "counter")
	b.await(e, edition.Serving, edition.Ready)
	b.send("k", 1)
	if got := strings.Join(b.rows(two), " "); got != "k=10" {
		t.Errorf("before the switch the table is %s, want version 1's k=10", got)
	}
	if list, err := e.List(b.context()); err != nil || list[0].Version != "1" || list[1].Version != "2" {
		t.Errorf("editions: %+v, %v", list, err)
	}
	b.halt()
	b.start(two, byHand) // a restart changes nothing about it
	b.await(e, edition.Serving, edition.Ready)
	if err := e.Switch(b.context(), 2); err != nil {
		t.Fatal(err)
	}
	b.settle()
	if got := strings.Join(b.rows(two), " "); got != "k=1100" {
		t.Errorf("after the switch the table is %s, want k=1100", got)
	}
	b.onceEach("after the switch", 11)
}
