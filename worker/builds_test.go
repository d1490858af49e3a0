package worker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// wordApp counts words that an internal stream brings to their tasks; each is told of.
func wordApp() (*topology.Topology, *processor.Stream[struct{}, string]) {
	lines := processor.NewStream("lines", codec.Unkeyed, codec.String)
	words := processor.NewInternalStream("words", codec.String, codec.Empty)
	return topology.MustNew("wc", processor.New("wordcount",
		processor.On(lines, func(ctx processor.Context, _ struct{}, line string) error {
			for _, w := range strings.Fields(line) {
				words.Emit(ctx, w, struct{}{})
			}
			return nil
		}),
		processor.On(words, func(ctx processor.Context, w string, _ struct{}) error {
			n, _ := counts.Get(ctx, w)
			counts.Put(ctx, w, n+1)
			echo.Emit(ctx, w, n+1)
			return nil
		}),
		processor.Emits(words), processor.Owns(counts), processor.Emits(echo))), lines
}

// ask begins a rebuild and does not wait for its end; the caller's end changes nothing.
func (b *bench) ask(app *topology.Topology, name string, c edition.RebuildConfig) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	e, err := edition.Open(ctx, app, b.log, name)
	if err != nil {
		b.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = e.Rebuild(ctx, c) // how it ends is seen in the control topic
	}()
	b.t.Cleanup(func() {
		cancel()
		<-done
		_ = e.Close()
	})
}

// states lists the editions of a processor.
func (b *bench) states(app *topology.Topology, name string) (list []string) {
	b.t.Helper()
	e, err := edition.Open(context.Background(), app, b.log, name)
	if err != nil {
		b.t.Fatal(err)
	}
	defer e.Close()
	infos, err := e.List(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, i := range infos {
		list = append(list, fmt.Sprint(i.Number, " ", i.State))
	}
	return list
}

// S-36: a task of the serving edition holds at F, whatever comes behind it: not even a marker moves its position, which the commits of
// the edition that is built repeat.
func TestAMarkerBehindTheCutMovesNoPosition(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	app := topology.MustNew("app", countProcessor())
	log := &rigged{Log: b.log}
	marked, moved := make(chan struct{}), make(chan struct{})
	var aborting, passing, moving sync.Once
	var behind atomic.Bool
	log.batch = func(got *commitlog.Batch) {
		if behind.Load() && got.Partition.Topic == "clicks" && len(got.Records) == 0 && got.Next > 3 {
			passing.Do(func() { close(marked) })
		}
	}
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if ofEdition(tx.id, 1) && behind.Load() {
			ends, err := tx.Transactor.Commit(ctx, offsets...)
			moving.Do(func() { close(moved) })
			return ends, err
		}
		if ofEdition(tx.id, 2) {
			aborting.Do(func() {
				behind.Store(true)
				b.abortInto("clicks")
				within(t, marked, "the marker to be read")
				select { // the position must not move: if it does, it has by then
				case <-moved:
				case <-time.After(200 * time.Millisecond):
				}
			})
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	w, stop := b.runOn(log, app, one)
	send(b, clicks, "a", 1, 1, 1)
	b.settle(w)
	if r := b.rebuild(app, "counter", edition.RebuildConfig{ByHand: true}); !r.Equal {
		t.Fatalf("got %+v", r)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	w, cancel, ended := b.start(app, one)
	e, err := edition.Open(context.Background(), app, b.log, "counter")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Cancel(context.Background(), 2); err != nil {
		t.Fatal(err)
	}
	send(b, clicks, "a", 1)
	eventually(t, "the serving edition to go on", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the worker ended: %v", err)
		default:
		}
		return len(b.committedRecords("echo", 1)) == 4
	})
	if r := b.rebuild(app, "counter", edition.RebuildConfig{ByHand: true}); !r.Equal {
		t.Errorf("got %+v", r)
	}
	b.abortInto("clicks")
	eventually(t, "the marker to be read", func() bool { return b.end("clicks") == 8 })
	if err := e.Cancel(context.Background(), 3); err != nil {
		t.Fatal(err)
	}
	b.settle(w) // the marker is passed now
	cancel()
	if err := within(t, ended, "the worker to end"); err != nil {
		t.Error(err)
	}
}

// end is the end of partition 0 of a topic.
func (b *bench) end(topic string) int64 {
	ends, err := b.log.Offsets(context.Background(), []commitlog.Partition{{Topic: topic}}, commitlog.End, commitlog.ReadCommitted)
	if err != nil {
		b.t.Fatal(err)
	}
	return ends[0].Offset
}

// abortInto leaves an aborted transaction in partition 0 of a topic.
func (b *bench) abortInto(topic string) {
	ctx, p := context.Background(), commitlog.Partition{Topic: topic}
	tx, err := b.log.OpenTransactor(ctx, commitlog.TransactorConfig{ID: "other"})
	if err != nil {
		b.t.Error(err)
		return
	}
	defer tx.Close()
	if err := tx.Append(ctx, p, []commitlog.Record{{Key: []byte("a"), Value: make([]byte, 8), Timestamp: -1}}); err != nil {
		b.t.Error(err)
	}
	stranger := commitlog.Member{Group: "strangers", ID: "nobody", Generation: 1}
	if _, err := tx.Commit(ctx, commitlog.GroupOffsets{Member: stranger, Offsets: []commitlog.Position{{Partition: p}}}); err == nil {
		b.t.Error("the commit of a stranger was taken")
	}
	if err := tx.Abort(ctx); err != nil {
		b.t.Error(err)
	}
}

// S-36, S-37: a worker ends after the serving edition has stopped and before the next one is ready; whoever comes after it finishes
// the build, internal streams or not.
func TestABuildGoesOnAfterARestartBehindTheCut(t *testing.T) {
	b := newBench(t)
	app, lines := wordApp()
	log := &rigged{Log: b.log}
	building, dying := make(chan struct{}), make(chan struct{})
	var first sync.Once
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if ofEdition(tx.id, 2) {
			first.Do(func() { close(building) })
			select {
			case <-dying:
			case <-ctx.Done():
			}
			return nil, fmt.Errorf("rigged: %w", commitlog.ErrUnknownOutcome)
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	w, cancel, ended := b.startOn(log, app, oneLane)
	send(b, lines, struct{}{}, "the cat and the dog", "a dog")
	b.settle(w)
	b.ask(app, "wordcount", edition.RebuildConfig{})
	within(t, building, "the build to begin")
	cancel()
	close(dying)
	if err := within(t, ended, "the worker to end"); err != nil {
		t.Fatal(err)
	}
	w, _ = b.run(app, oneLane)
	b.settle(w)
	if got := fmt.Sprint(b.states(app, "wordcount")); got != "[1 retired 2 serving]" {
		t.Errorf("the editions are %v", got)
	}
	b.sequencesOf("echo", 2, func(k string) int {
		return map[string]int{"the": 2, "dog": 2}[k] + map[string]int{"cat": 1, "and": 1, "a": 1}[k]
	})
}

// S-6, S-36: a membership that ends while a task was about to say that it stopped: the task that follows it says so.
func TestATaskThatIsLostBeforeItSaidItStoppedIsFollowedByOneThatSaysSo(t *testing.T) {
	b := newBench(t)
	b.createTopic("lines", 1)
	app, lines := wordApp()
	log := &rigged{Log: b.log}
	var events atomic.Int32
	var expelled, told atomic.Bool
	log.heartbeat = func(context.Context, commitlog.Member) error {
		if expelled.Load() && !told.Swap(true) {
			return fmt.Errorf("rigged: %w", commitlog.ErrNotMember)
		}
		return nil
	}
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if tx.wrote("wc.control") && events.Add(1) == 2 { // the first says that the task holds
			expelled.Store(true)
			<-ctx.Done() // until the worker has heard that it lost its place
			_ = tx.Transactor.Abort(context.WithoutCancel(ctx))
			return nil, fmt.Errorf("rigged: %w", commitlog.ErrNotMember)
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	w, _ := b.runOn(log, app, func(c *worker.Config) { one(c); c.SessionTimeout = 300 * time.Millisecond })
	send(b, lines, struct{}{}, "the cat and the dog", "a dog")
	b.settle(w)
	if r := b.rebuild(app, "wordcount", edition.RebuildConfig{}); !r.Equal || !r.Serving {
		t.Errorf("got %+v", r)
	}
	if !told.Load() {
		t.Error("no membership was lost: the test tested nothing")
	}
}

// S-62: a handler may hang inside a scan, too. Its task is given up, and nothing waits for the scan.
func TestAHandlerThatHangsInsideAScanIsLeftBehind(t *testing.T) {
	for _, ends := range []string{"by the watchdog", "by a stop"} {
		t.Run(ends, func(t *testing.T) {
			b := newBench(t)
			b.createTopic("clicks", 1)
			entered, gate := make(chan struct{}, 8), make(chan struct{})
			app := topology.MustNew("app", processor.New("counter",
				processor.On(clicks, func(ctx processor.Context, key string, n int64) error {
					counts.Put(ctx, key, n)
					if n == 2 {
						for range counts.All(ctx) {
							entered <- struct{}{}
							<-gate
						}
					}
					return nil
				}), processor.Owns(counts)))
			w, cancel, ended := b.start(app, func(c *worker.Config) {
				one(c)
				if ends == "by the watchdog" {
					c.MaxHandlerTime = 50 * time.Millisecond
				} else {
					c.Clock = hasty{10}
				}
			})
			defer close(gate)
			send(b, clicks, "k", 1)
			b.settle(w)
			send(b, clicks, "l", 2)
			within(t, entered, "the scan")
			if ends == "by the watchdog" {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				if err := w.Settled(ctx); !errors.Is(err, worker.ErrStopped) {
					t.Errorf("got %v", err)
				}
			}
			cancel()
			_ = within(t, ended, "the worker to end")
		})
	}
}

// S-32, S-33: two programs at once in one group. The older one leaves as soon as it sees that another version is built, and
// every record counts once.
func TestAWorkerOfAnOlderVersionMakesWayForABuild(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	keys := keysOf(2)
	v1 := topology.MustNew("app", countProcessor())
	v2 := topology.MustNew("app", countProcessor(processor.Version("2")))
	old, _, ended := b.start(v1, oneLane)
	send(b, clicks, keys[0], 1, 1, 1)
	send(b, clicks, keys[1], 1, 1, 1)
	b.settle(old)
	w, _ := b.run(v2, func(c *worker.Config) { oneLane(c); c.StateDir = "state-2" })
	for range 20 {
		send(b, clicks, keys[0], 1)
		send(b, clicks, keys[1], 1)
	}
	if err := within(t, ended, "the older worker to end"); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("got %v", err)
	}
	b.settle(w)
	if got := fmt.Sprint(b.states(v2, "counter")); got != "[1 retired 2 serving]" {
		t.Errorf("the editions are %v", got)
	}
	b.sequencesOf("echo", 2, func(string) int { return 23 })
}

// A stop whose last commit fails: the task goes back to what is committed and ends there, at once.
func TestAStopWhoseLastCommitFailsEndsAtOnce(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	log := &rigged{Log: b.log}
	var stopping, refused atomic.Bool
	log.commit = func(ctx context.Context, tx *riggedTx, offsets []commitlog.GroupOffsets) ([]commitlog.Position, error) {
		if stopping.Load() && !refused.Swap(true) {
			return tx.refuse(ctx)
		}
		return tx.Transactor.Commit(ctx, offsets...)
	}
	entered, gate := make(chan struct{}, 8), make(chan struct{})
	w, cancel, ended := b.startOn(log, gatedCount(entered, gate), one)
	send(b, clicks, "a", 1)
	b.settle(w)
	send(b, clicks, "a", -1)
	within(t, entered, "the handler")
	stopping.Store(true)
	cancel()
	close(gate)
	began := time.Now()
	if err := within(t, ended, "the worker to end"); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the stop took %v", took)
	}
	if !refused.Load() {
		t.Error("no commit was refused: the test tested nothing")
	}
}
