package worker_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// bench is a log and what runs on it, on one crashable disk.
type bench struct {
	t    testing.TB
	disk *vfs.Mem
	log  *embedded.Log
}

func newBench(t testing.TB) *bench {
	b := &bench{t: t, disk: vfs.NewMem()}
	b.open()
	t.Cleanup(func() { _ = b.log.Close() })
	return b
}

func (b *bench) open() {
	l, err := embedded.OpenConfig("log", embedded.Config{FS: b.disk, Broker: brokerlite.Config{MinSessionTimeout: 100 * time.Millisecond}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.log = l
}

// run starts a worker; stop ends it and gives what Run returned.
func (b *bench) run(app *topology.Topology, change func(*worker.Config)) (w *worker.Worker, stop func() error) {
	b.t.Helper()
	w, cancel, done := b.start(app, change)
	var once error
	ended := false
	stop = func() error {
		if !ended {
			ended = true
			cancel()
			once = <-done
		}
		return once
	}
	b.t.Cleanup(func() { _ = stop() })
	return w, stop
}

// start starts a worker; ended gives what Run returns.
func (b *bench) start(app *topology.Topology, change func(*worker.Config)) (w *worker.Worker, cancel func(), ended chan error) {
	b.t.Helper()
	c := worker.Config{StateDir: "state", Partitions: 4, FS: b.disk, CommitEvery: 10 * time.Millisecond, SessionTimeout: 3 * time.Second,
		Logger: slog.New(slog.NewTextHandler(testWriter{b.t}, &slog.HandlerOptions{Level: slog.LevelInfo}))}
	if change != nil {
		change(&c)
	}
	w, err := worker.New(app, b.log, c)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	return w, cancel, ended
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

func (b *bench) settle(w *worker.Worker) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.Settled(ctx); err != nil {
		b.t.Fatalf("settle: %v", err)
	}
}

func send[K, V any](b *bench, s *processor.Stream[K, V], key K, values ...V) {
	b.t.Helper()
	ctx := context.Background()
	p, err := producer.Open(ctx, b.log, s, producer.Config{Partitions: 4})
	if err != nil {
		b.t.Fatal(err)
	}
	defer p.Close()
	for _, v := range values {
		if err := p.Queue(ctx, key, v); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := p.Flush(ctx); err != nil {
		b.t.Fatal(err)
	}
}

func read[K, V any](b *bench, app *topology.Topology, table *processor.Table[K, V]) map[string]V {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	v, err := view.Open(ctx, app, b.log, table, view.Config{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer v.Close()
	if err := v.Ready(ctx); err != nil {
		b.t.Fatal(err)
	}
	got := map[string]V{}
	for e, err := range v.All(ctx) {
		if err != nil {
			b.t.Fatal(err)
		}
		got[fmt.Sprint(e.Key)] = e.Value
	}
	return got
}

var (
	clicks = processor.NewStream("clicks", codec.String, codec.Int64)
	counts = processor.NewTable("counts", codec.String, codec.Int64)
	echo   = processor.NewStream("echo", codec.String, codec.Int64)
)

func countProcessor(edges ...processor.Edge) *processor.Processor {
	return processor.New("counter", append([]processor.Edge{
		processor.On(clicks, func(ctx processor.Context, user string, n int64) error {
			have, _ := counts.Get(ctx, user)
			counts.Put(ctx, user, have+1)
			echo.Emit(ctx, user, have+1)
			return nil
		}),
		processor.Owns(counts), processor.Emits(echo),
	}, edges...)...)
}

func TestACountIsCommittedAndSurvivesARestart(t *testing.T) {
	b := newBench(t)
	app := topology.MustNew("app", countProcessor())
	w, stop := b.run(app, nil)
	for i := range 10 {
		send(b, clicks, fmt.Sprintf("user-%d", i), make([]int64, 100)...)
	}
	b.settle(w)
	check := func(want int64) {
		t.Helper()
		got := read(b, app, counts)
		if len(got) != 10 {
			t.Fatalf("got %d keys, want 10: %v", len(got), got)
		}
		for k, n := range got {
			if n != want {
				t.Errorf("%s = %d, want %d", k, n, want)
			}
		}
	}
	check(100)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	w, _ = b.run(app, nil)
	for i := range 10 {
		send(b, clicks, fmt.Sprintf("user-%d", i), 1)
	}
	b.settle(w)
	check(101)
}
