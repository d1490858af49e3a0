package edition_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// remains lists what the log and the disk have of an edition of the processor counter.
func (b *bench) remains(number string) (found []string) {
	b.t.Helper()
	topics, err := b.log.Topics(b.context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, topic := range topics {
		if strings.HasPrefix(topic.Name, "app.counter.") && strings.HasSuffix(topic.Name, "."+number) {
			found = append(found, topic.Name)
		}
	}
	groups, err := b.log.ListGroups(b.context())
	if err != nil {
		b.t.Fatal(err)
	}
	if slices.Contains(groups, "app.counter."+number) {
		found = append(found, "group app.counter."+number)
	}
	if _, err := b.disk.Stat("state/app/counter." + number); !errors.Is(err, fs.ErrNotExist) {
		found = append(found, "state/app/counter."+number)
	}
	return found
}

// nothingOf waits until nothing is left of an edition: a worker removes its directory when it sees the event.
func (b *bench) nothingOf(number string) {
	b.t.Helper()
	for deadline := b.context(); ; {
		found := b.remains(number)
		if len(found) == 0 {
			return
		}
		select {
		case <-deadline.Done():
			b.t.Fatalf("of edition %s there still is %v", number, found)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

var hops = processor.NewInternalStream("hops", codec.String, codec.Int64)

// hopping counts over an internal stream.
func hopping(edges ...processor.Edge) *topology.Topology {
	return topology.MustNew("app", processor.New("counter", append([]processor.Edge{
		processor.On(events, func(ctx processor.Context, key string, n int64) error {
			hops.Emit(ctx, key, n)
			return nil
		}),
		processor.On(hops, count(1)), processor.Owns(counts), processor.Emits(notices, hops)}, edges...)...))
}

func TestDroppingARetiredEditionLeavesNothingOfIt(t *testing.T) {
	b := newBench(t, 2)
	app := hopping()
	b.start(app)
	b.send("k", 10)
	b.settle()
	e := b.editions(app, "counter")
	if r := b.rebuild(e, edition.RebuildConfig{}); !r.Serving {
		t.Fatalf("rebuild: %v", r)
	}
	want := []string{"app.counter.counts.e1", "app.counter.hops.e1", "group app.counter.e1", "state/app/counter.e1"}
	if got := b.remains("e1"); !slices.Equal(got, want) {
		t.Errorf("a retired edition keeps %v, want %v", got, want)
	}
	if err := e.Drop(b.context(), 1); err != nil {
		t.Fatal(err)
	}
	if got := b.states(e); !slices.Equal(got, []edition.State{edition.Dropped, edition.Serving}) {
		t.Errorf("editions: %v", got)
	}
	b.nothingOf("e1")
	b.send("k", 5)
	b.settle()
	if r := b.rebuild(e, edition.RebuildConfig{}); !r.Equal || !r.Serving || r.Edition != 3 {
		t.Errorf("a rebuild afterwards: %v", r)
	}
	if got := strings.Join(b.rows(app), " "); got != "k=15" {
		t.Errorf("the table is %s", got)
	}

	// Nobody runs: the directory goes at the next start.
	b.settle()
	b.halt()
	if err := e.Drop(b.context(), 2); err != nil {
		t.Fatal(err)
	}
	if got := b.remains("e2"); !slices.Equal(got, []string{"state/app/counter.e2"}) {
		t.Errorf("after a drop without a worker there is %v", got)
	}
	b.start(app)
	b.settle()
	b.nothingOf("e2")
}

// Whoever dropped may have died after the event.
func TestADropCanBeRepeatedAndFinishesAnother(t *testing.T) {
	b := newBench(t, 1)
	app := counting()
	b.start(app)
	b.send("k", 1)
	b.settle()
	e := b.editions(app, "counter")
	b.rebuild(e, edition.RebuildConfig{})
	for range 2 {
		if err := e.Drop(b.context(), 1); err != nil {
			t.Fatal(err)
		}
		b.nothingOf("e1")
		b.create("app.counter.counts.e1", 1)
	}
	if err := e.Drop(b.context(), 1); err != nil {
		t.Fatal(err)
	}
	b.nothingOf("e1")
}

// The program that drops need not know the tables that the edition had.
func TestAnEditionOfOtherTablesIsDroppedWhole(t *testing.T) {
	b := newBench(t, 1)
	more := processor.NewTable("more", codec.String, codec.Int64)
	one := counting(processor.Owns(more))
	b.start(one)
	b.send("k", 1)
	b.settle()
	b.halt()
	two := counting(processor.Version("2"))
	b.start(two)
	b.settle()
	e := b.editions(two, "counter")
	if got := b.remains("e1"); !slices.Contains(got, "app.counter.more.e1") {
		t.Fatalf("edition 1 has %v", got)
	}
	if err := e.Drop(b.context(), 1); err != nil {
		t.Fatal(err)
	}
	b.nothingOf("e1")
}

func TestWhatServesOrIsBuiltIsNotDropped(t *testing.T) {
	b := newBench(t, 1)
	app := counting()
	b.start(app)
	b.send("k", 1)
	b.settle()
	e := b.editions(app, "counter")
	b.rebuild(e, edition.RebuildConfig{})
	refused := func(number int, want error, says string) {
		t.Helper()
		if err := e.Drop(b.context(), number); !errors.Is(err, want) || !strings.Contains(err.Error(), says) {
			t.Errorf("Drop(%d): %v, want %v and %q", number, err, want, says)
		}
	}
	refused(2, edition.ErrUnknown, "serves")
	refused(3, edition.ErrUnknown, "has no edition 3")
	b.rebuild(e, edition.RebuildConfig{ByHand: true})
	refused(3, edition.ErrBusy, "Cancel ends that")
	refused(1, edition.ErrBusy, "edition 3 is being built")
	if err := e.Cancel(b.context(), 3); err != nil {
		t.Fatal(err)
	}
	b.settle()
	b.nothingOf("e3")
	if err := e.Drop(b.context(), 3); err != nil {
		t.Errorf("Drop of a cancelled build: %v", err)
	}
	if got := b.states(e); !slices.Equal(got, []edition.State{edition.Retired, edition.Serving, edition.Cancelled}) {
		t.Errorf("editions: %v", got)
	}
}

// A group that still has a member shows that somebody uses the edition.
func TestADropWaitsUntilTheWorkersHaveLeft(t *testing.T) {
	b := newBench(t, 1)
	app := counting()
	b.start(app)
	b.send("k", 1)
	b.settle()
	e := b.editions(app, "counter")
	b.rebuild(e, edition.RebuildConfig{})
	b.settle()
	joined, err := b.log.Join(b.context(), commitlog.JoinRequest{Member: commitlog.Member{Group: "app.counter.e1", Generation: -1},
		SessionTimeout: 30 * time.Second, Protocols: []commitlog.Protocol{{Name: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.context(), 150*time.Millisecond)
	defer cancel()
	err = e.Drop(ctx, 1)
	if !errors.Is(err, commitlog.ErrGroupNotEmpty) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a member in the group: %v", err)
	}
	if got := b.remains("e1"); !slices.Contains(got, "app.counter.counts.e1") {
		t.Errorf("topics were deleted under a member: there is %v", got)
	}
	if err := b.log.Leave(b.context(), joined.Member); err != nil {
		t.Fatal(err)
	}
	if err := e.Drop(b.context(), 1); err != nil {
		t.Fatal(err)
	}
	b.nothingOf("e1")
}

// Whoever reads the tables, in a worker or through a view, is on the way to the new edition when the old one goes.
func TestReadersSurviveTheDropOfWhatTheyRead(t *testing.T) {
	b := newBench(t, 2)
	seen := processor.NewTable("seen", codec.String, codec.Int64)
	looks := processor.NewStream("looks", codec.String, codec.Int64)
	app := topology.MustNew("app",
		processor.New("counter", processor.On(events, count(1)), processor.Owns(counts), processor.Emits(notices)),
		processor.New("reader", processor.On(looks, func(ctx processor.Context, key string, _ int64) error {
			n, _ := counts.Get(ctx, key)
			seen.Put(ctx, key, n)
			return nil
		}), processor.Owns(seen), processor.Reads(counts)))
	b.start(app)
	v, err := view.Open(b.context(), app, b.log, counts, view.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	e := b.editions(app, "counter")
	for round := range 4 {
		b.send("k", 10)
		b.settle()
		if err := v.Ready(b.context()); err != nil {
			t.Fatalf("round %d: the view: %v", round, err)
		}
		if r := b.rebuild(e, edition.RebuildConfig{}); !r.Serving {
			t.Fatalf("round %d: %v", round, r)
		}
		if err := e.Drop(b.context(), round+1); err != nil {
			t.Fatal(err)
		}
		look(b, looks, "k")
		b.settle()
		for got, deadline := int64(0), b.context(); got != int64(10*(round+1)); { // a view may be a moment behind
			if got, _, err = v.Get(deadline, "k"); err != nil {
				t.Fatalf("round %d: the view has %d: %v", round, got, err)
			}
		}
	}
	for _, p := range b.worker.Status().Processors {
		for _, task := range p.Tasks {
			if task.Phase == worker.Parked {
				t.Errorf("a task of %s stopped: %+v", p.Name, task)
			}
		}
	}
}

func look(b *bench, looks *processor.Stream[string, int64], key string) {
	b.t.Helper()
	p, err := producer.Open(b.context(), b.log, looks, producer.Config{Partitions: b.partitions})
	if err == nil {
		_, err = p.Send(b.context(), key, 0)
		err = errors.Join(err, p.Close())
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
