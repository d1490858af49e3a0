package worker_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// S-33: the program dies between the two records that begin a rebuild. The next start goes on with it.
func TestARebuildThatWasOnlyHalfAskedForGoesOn(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	w, stop := b.run(topology.MustNew("app", countProcessor()), one)
	send(b, clicks, "a", 1, 1)
	b.settle(w)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	v2 := topology.MustNew("app", countProcessor(processor.Version("2")))
	died := errors.New("the program dies here")
	log := &rigged{Log: b.log}
	log.append = func(_ context.Context, p commitlog.Partition, records []commitlog.Record) error {
		if e, err := control.Parse(records[0].Value); err == nil && e.Kind == control.Switch {
			return died
		}
		return nil
	}
	_, _, ended := b.startOn(log, v2, one)
	if err := within(t, ended, "the program to die"); !errors.Is(err, died) {
		t.Fatal(err)
	}
	w, _ = b.run(v2, one)
	send(b, clicks, "a", 1)
	b.settle(w)
	if got := read(b, v2, counts)["a"]; got != 3 {
		t.Errorf("a = %d, want 3", got)
	}
}

// The same for a rebuild that was asked for by hand: serving goes on meanwhile, and the worker completes it.
func TestARebuildWhoseCallerDiesHalfWayHoldsNothingUp(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	app := topology.MustNew("app", countProcessor())
	w, _ := b.run(app, one)
	send(b, clicks, "a", 1)
	b.settle(w)
	died := errors.New("the caller dies here")
	log := &rigged{Log: b.log}
	log.append = func(_ context.Context, p commitlog.Partition, records []commitlog.Record) error {
		if e, err := control.Parse(records[0].Value); err == nil && e.Kind == control.Switch {
			return died
		}
		return nil
	}
	e, err := edition.Open(context.Background(), app, log, "counter")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Rebuild(context.Background(), edition.RebuildConfig{}); !errors.Is(err, died) {
		t.Fatal(err)
	}
	send(b, clicks, "a", 1)
	b.settle(w)
}

// S-36: the commit that says "ready" may fail as any other; the task says it again.
func TestABuildWhoseReadyCommitFailsSaysItAgain(t *testing.T) {
	for _, kind := range []string{"ready", "stopped"} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t)
			lines := processor.NewStream("lines", codec.Unkeyed, codec.String)
			words := processor.NewInternalStream("words", codec.String, codec.Empty)
			app := topology.MustNew("wc", processor.New("wordcount",
				processor.On(lines, func(ctx processor.Context, _ struct{}, line string) error {
					for _, w := range strings.Fields(line) {
						words.Emit(ctx, w, struct{}{})
					}
					return nil
				}),
				processor.On(words, func(ctx processor.Context, w string, _ struct{}) error {
					n, _ := counts.Get(ctx, w)
					counts.Put(ctx, w, n+1)
					return nil
				}),
				processor.Emits(words), processor.Owns(counts)))
			log := &rigged{Log: b.log}
			var failed sync.Map
			number := map[string]int{"ready": 2, "stopped": 1}[kind]
			skip := map[string]int32{"ready": 0, "stopped": 1}[kind] // the first of edition 1 says "held"
			var seen atomic.Int32
			log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
				if tx.wrote("wc.control") && ofEdition(tx.id, number) && seen.Add(1) > skip {
					if _, again := failed.LoadOrStore(tx.id, true); !again {
						return tx.refuse(ctx)
					}
				}
				return tx.Transactor.Commit(ctx, offsets...)
			}
			w, _ := b.runOn(log, app, func(c *worker.Config) { c.Partitions = 2; c.Lanes = 1 })
			send(b, lines, struct{}{}, "the cat and the dog", "a dog")
			b.settle(w)
			r := b.rebuild(app, "wordcount", edition.RebuildConfig{})
			if !r.Serving || !r.Equal {
				t.Errorf("got %+v", r)
			}
			if seen.Load() <= skip {
				t.Error("no commit was refused: the test tested nothing")
			}
			b.settle(w)
		})
	}
}

// A cancel that came too late takes nothing away from an edition that serves by then.
func TestACancelThatComesTooLateDropsNothing(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	v1 := topology.MustNew("app", countProcessor())
	w, stop := b.run(v1, one)
	send(b, clicks, "a", 1, 1)
	b.settle(w)
	b.rebuild(v1, "counter", edition.RebuildConfig{ByHand: true})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	e, err := edition.Open(context.Background(), v1, b.log, "counter")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	faster, err := edition.Open(context.Background(), v1, b.log, "counter")
	if err != nil {
		t.Fatal(err)
	}
	defer faster.Close()
	log := &rigged{Log: b.log}
	log.append = func(ctx context.Context, p commitlog.Partition, records []commitlog.Record) error {
		if ev, err := control.Parse(records[0].Value); err == nil && ev.Kind == control.Cancel {
			return faster.Switch(ctx, 2)
		}
		return nil
	}
	// Another program, which would cancel the build of version 1.
	_, cancel, ended := b.startOn(log, topology.MustNew("app", countProcessor(processor.Version("2"))), one)
	gone := false
	eventually(t, "the program to begin its own build or to end", func() bool {
		select {
		case <-ended:
			gone = true
		default:
		}
		list, err := e.List(context.Background())
		return gone || err == nil && len(list) > 2
	})
	cancel()
	if !gone {
		_ = within(t, ended, "the program to end")
	}
	if _, err := b.log.Topics(context.Background(), "app.counter.counts.e2"); err != nil {
		t.Errorf("the changelog of the edition that was made to serve: %v", err)
	}
}
