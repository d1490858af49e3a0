package edition_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// patience bounds every wait in real time.
const patience = 30 * time.Second

// The processor that most tests rebuild: it counts the records of each key, and each record leaves one notice that says
// where it came from.
var (
	events  = processor.NewStream("events", codec.String, codec.Int64)
	counts  = processor.NewTable("counts", codec.String, codec.Int64)
	notices = processor.NewStream("notices", codec.String, codec.String)
)

func count(step int64) func(processor.Context, string, int64) error {
	return func(ctx processor.Context, key string, _ int64) error {
		n, _ := counts.Get(ctx, key)
		counts.Put(ctx, key, n+step)
		notices.Emit(ctx, key, ctx.Position().String())
		return nil
	}
}

func counting(edges ...processor.Edge) *topology.Topology {
	return topology.MustNew("app", processor.New("counter", append([]processor.Edge{
		processor.On(events, count(1)), processor.Owns(counts), processor.Emits(notices)}, edges...)...))
}

// bench is a disk, a log on it, and the worker that runs at the moment.
type bench struct {
	t          testing.TB
	disk       *vfs.Mem
	partitions int
	log        *embedded.Log
	worker     *worker.Worker
	cancel     context.CancelFunc
	ended      chan error
}

func newBench(t testing.TB, partitions int) *bench {
	t.Helper()
	b := &bench{t: t, disk: vfs.NewMem(), partitions: partitions}
	b.open()
	t.Cleanup(func() {
		if b.worker != nil {
			b.cancel()
			<-b.ended
		}
		_ = b.log.Close()
	})
	return b
}

func (b *bench) open() {
	b.t.Helper()
	l, err := embedded.OpenConfig("log", embedded.Config{FS: b.disk, Broker: brokerlite.Config{MinSessionTimeout: 100 * time.Millisecond}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.log = l
}

func (b *bench) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	b.t.Cleanup(cancel)
	return ctx
}

func (b *bench) start(app *topology.Topology, changes ...func(*worker.Config)) {
	b.t.Helper()
	b.startOn(b.log, app, changes...)
}

func (b *bench) startOn(log commitlog.Log, app *topology.Topology, changes ...func(*worker.Config)) {
	b.t.Helper()
	c := worker.Config{StateDir: "state", Partitions: b.partitions, FS: b.disk, CommitEvery: 5 * time.Millisecond, SessionTimeout: 3 * time.Second}
	for _, change := range changes {
		change(&c)
	}
	w, err := worker.New(app, log, c)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	b.worker, b.cancel, b.ended = w, cancel, ended
	go func() { ended <- w.Run(ctx) }() // waited for by end and the cleanup
}

// end waits for Run to return and gives what it said.
func (b *bench) end() error {
	b.t.Helper()
	b.worker = nil
	select {
	case err := <-b.ended:
		return err
	case <-b.context().Done():
		b.t.Fatal("the worker does not end")
		return nil
	}
}

// halt stops a worker that must end well.
func (b *bench) halt() {
	b.t.Helper()
	b.cancel()
	if err := b.end(); err != nil {
		b.t.Fatalf("stop: %v", err)
	}
}

// bury lets what runs on a dead disk end and goes on with another one.
func (b *bench) bury(disk *vfs.Mem) {
	b.t.Helper()
	old := b.log
	b.disk = disk
	b.cancel()
	_ = b.end() // a dead worker's last words
	_ = old.Close()
	b.open()
}

func (b *bench) settle() {
	b.t.Helper()
	if err := b.worker.Settled(b.context()); err != nil {
		b.t.Fatalf("settle: %v", err)
	}
}

func (b *bench) create(topic string, partitions int) {
	b.t.Helper()
	if err := b.log.CreateTopic(b.context(), commitlog.TopicSpec{Name: topic, Partitions: int32(partitions)}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) send(key string, n int) {
	b.t.Helper()
	p, err := producer.Open(b.context(), b.log, events, producer.Config{Partitions: b.partitions})
	if err != nil {
		b.t.Fatal(err)
	}
	for range n {
		if err := p.Queue(b.context(), key, 0); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		b.t.Fatal(err)
	}
}

// put writes raw records to a partition, as one batch.
func (b *bench) put(topic string, partition int32, records ...commitlog.Record) {
	b.t.Helper()
	w, err := b.log.OpenWriter(b.context(), commitlog.WriterConfig{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Append(b.context(), commitlog.Partition{Topic: topic, Index: partition}, records); err != nil {
		b.t.Fatal(err)
	}
}

// rows gives the table, as "key=value" in the order of keys.
func (b *bench) rows(app *topology.Topology) (list []string) {
	b.t.Helper()
	v, err := view.Open(b.context(), app, b.log, counts, view.Config{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer v.Close()
	if err := v.Ready(b.context()); err != nil {
		b.t.Fatal(err)
	}
	for e, err := range v.All(b.context()) {
		if err != nil {
			b.t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s=%d", e.Key, e.Value))
	}
	return list
}

// notices gives how often each source position was told of.
func (b *bench) notices() map[string]int {
	b.t.Helper()
	told := map[string]int{}
	r, err := b.log.OpenReader(b.context(), commitlog.ReaderConfig{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	for i := range int32(b.partitions) {
		p := commitlog.Partition{Topic: "notices", Index: i}
		end, err := b.log.Offsets(b.context(), []commitlog.Partition{p}, commitlog.End, commitlog.ReadCommitted)
		if err != nil {
			b.t.Fatal(err)
		}
		r.Seek(p, 0)
		for next := int64(0); next < end[0].Offset; {
			batch, err := r.Poll(b.context(), time.Second)
			if err != nil {
				b.t.Fatal(err)
			}
			if batch == nil {
				continue
			}
			for _, rec := range batch.Records {
				told[string(rec.Value)]++
			}
			next = batch.Next
			batch.Release()
		}
		r.Drop(p)
	}
	return told
}

// onceEach checks that n source positions were told of, each once.
func (b *bench) onceEach(when string, n int) {
	b.t.Helper()
	told := b.notices()
	for at, times := range told {
		if times != 1 {
			b.t.Errorf("%s: %d notices of %s", when, times, at)
		}
	}
	if len(told) != n {
		b.t.Errorf("%s: notices of %d records, want %d", when, len(told), n)
	}
}

// editions opens the editions of a processor.
func (b *bench) editions(app *topology.Topology, name string) *edition.Editions {
	b.t.Helper()
	e, err := edition.Open(b.context(), app, b.log, name)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = e.Close() }) // a reader has nothing to lose
	return e
}

func (b *bench) rebuild(e *edition.Editions, c edition.RebuildConfig) edition.Result {
	b.t.Helper()
	r, err := e.Rebuild(b.context(), c)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// states gives the state of each edition, oldest first.
func (b *bench) states(e *edition.Editions) (states []edition.State) {
	b.t.Helper()
	list, err := e.List(b.context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, i := range list {
		states = append(states, i.State)
	}
	return states
}

// await waits until the editions are in the given states. It looks again whenever the control topic has grown.
func (b *bench) await(e *edition.Editions, want ...edition.State) {
	b.t.Helper()
	r, err := b.log.OpenReader(b.context(), commitlog.ReaderConfig{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	r.Seek(commitlog.Partition{Topic: "app.control"}, 0)
	for got := b.states(e); !slices.Equal(got, want); got = b.states(e) {
		batch, err := r.Poll(b.context(), 20*time.Millisecond)
		if err != nil {
			b.t.Fatalf("editions are %v, want %v: %v", got, want, err)
		}
		if batch != nil {
			batch.Release()
		}
	}
}
