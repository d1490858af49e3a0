package worker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// S-36, S-37: rebuilds of a processor with an internal stream, some cancelled and some not, while workers come and go and commits fail in
// every way: each word is told of once for each time it was sent, in order.
func TestRandomRebuildsOfAProcessorWithInternalStreamsRepeatAndLoseNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 7))
	b := newBench(t)
	b.createTopic("lines", 2)
	app, lines := wordApp()
	fault := &flaky{rnd: rand.New(rand.NewPCG(seed, 8))}
	change := func(c *worker.Config) {
		c.Partitions, c.Lanes, c.CommitEvery, c.SessionTimeout = 2, 1, 3*time.Millisecond, 300*time.Millisecond
	}
	var stops [2]func() error
	turn := func(i int) {
		if stops[i] == nil {
			log := &rigged{Log: b.log, commit: fault.commit}
			_, stops[i] = b.runOn(log, app, func(c *worker.Config) { change(c); c.StateDir = fmt.Sprint("state-", i) })
			return
		}
		if err := stops[i](); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		stops[i] = nil
	}
	sent := map[string]int{}
	for range 12 {
		for range 1 + rnd.IntN(10) {
			word := fmt.Sprint("w", rnd.IntN(6))
			send(b, lines, struct{}{}, word)
			sent[word]++
		}
		switch rnd.IntN(4) {
		case 0:
			turn(0)
		case 1:
			turn(1)
		case 2:
			if stops[0] != nil || stops[1] != nil {
				b.ask(app, "wordcount", edition.RebuildConfig{ByHand: rnd.IntN(2) == 0})
			}
		case 3:
			b.cancelAny(app, "wordcount")
		}
		<-time.After(time.Duration(rnd.IntN(40)) * time.Millisecond) // how far a build comes is left to chance
	}
	fault.off.Store(true)
	for i := range stops {
		if stops[i] != nil {
			turn(i)
		}
	}
	b.cancelAny(app, "wordcount")
	w, _ := b.run(app, func(c *worker.Config) { change(c); c.StateDir = "state-0" })
	b.settle(w)
	got := read(b, app, counts)
	for word, n := range sent {
		if got[word] != int64(n) {
			t.Errorf("seed %d: %s = %d, want %d", seed, word, got[word], n)
		}
	}
	b.sequencesOf("echo", 2, func(key string) int { return sent[key] })
}

// cancelAny ends the build that is under way, if there is one.
func (b *bench) cancelAny(app *topology.Topology, name string) {
	b.t.Helper()
	ctx := context.Background()
	e, err := edition.Open(ctx, app, b.log, name)
	if err != nil {
		b.t.Fatal(err)
	}
	defer e.Close()
	list, err := e.List(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, ed := range list {
		if ed.State == edition.Building || ed.State == edition.Ready {
			_ = e.Cancel(ctx, ed.Number) // it may be over by now
		}
	}
}

// C-15, S-37: the same, with a power cut at a random moment of each rebuild.
func TestAPowerCutAtAnyMomentOfARebuildWithInternalStreamsRepeatsAndLosesNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 9))
	b := newBench(t)
	b.createTopic("lines", 2)
	app, lines := wordApp()
	change := func(c *worker.Config) { c.Partitions, c.CommitEvery = 2, time.Duration(1+rnd.IntN(5))*time.Millisecond }
	sent := map[string]int{}
	for range 8 {
		w, cancel, ended := b.start(app, change)
		for range 1 + rnd.IntN(10) {
			word := fmt.Sprint("w", rnd.IntN(6))
			send(b, lines, struct{}{}, word)
			sent[word]++
		}
		if rnd.IntN(2) == 0 {
			b.settle(w)
		}
		b.ask(app, "wordcount", edition.RebuildConfig{})
		<-time.After(time.Duration(rnd.IntN(60)) * time.Millisecond) // how far a build comes is left to chance
		b.crash(ended, cancel)
	}
	w, _ := b.run(app, change)
	b.settle(w)
	got := read(b, app, counts)
	for word, n := range sent {
		if got[word] != int64(n) {
			t.Errorf("seed %d: %s = %d, want %d", seed, word, got[word], n)
		}
	}
	b.sequencesOf("echo", 2, func(key string) int { return sent[key] })
}
