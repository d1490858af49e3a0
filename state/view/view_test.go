package view_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
)

const partitions = 3

var (
	orders = processor.NewStream("orders", codec.Int64, codec.Int64)
	totals = processor.NewTable("totals", codec.Int64, codec.String)
	shop   = topology.MustNew("shop", processor.New("sum",
		processor.On(orders, func(processor.Context, int64, int64) error { return nil }),
		processor.Owns(totals),
	))
)

// world is a log, and in place of the worker a test that writes what one would write.
type world struct {
	t       *testing.T
	ctx     context.Context
	log     *embedded.Log
	files   *vfs.Mem // of the log
	control *control.Topic
	tx      commitlog.Transactor
}

func newWorld(t *testing.T) *world {
	// Runs after the log is closed. goleveldb's drain of a pool ends by itself, up to a second after Close.
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		goleak.VerifyNone(t, before, goleak.IgnoreTopFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain"))
	})
	return newWorldOn(t, vfs.NewMem())
}

// newWorldOn is a world whose log is on the given file system, new or used.
func newWorldOn(t *testing.T, files *vfs.Mem) *world {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	log, err := embedded.OpenConfig("data", embedded.Config{FS: files})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ctx: ctx, log: log, files: files}
	t.Cleanup(func() {
		if w.tx != nil {
			w.must(w.tx.Close())
		}
		if w.control != nil {
			w.must(w.control.Close())
		}
		w.must(log.Close())
		cancel()
	})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) open() *view.View[int64, string] {
	w.t.Helper()
	v, err := view.Open(w.ctx, shop, w.log, totals, view.Config{})
	w.must(err)
	w.t.Cleanup(func() { w.must(v.Close()) })
	return v
}

// begin makes the topics of an application that runs for the first time, and edition 1.
func (w *world) begin() {
	w.t.Helper()
	w.must(w.log.CreateTopic(w.ctx, control.Spec(names.Control("shop"))))
	w.must(w.log.CreateTopic(w.ctx, commitlog.TopicSpec{Name: names.Journal("shop", "sum"), Partitions: partitions}))
	w.changelog(1)
	var err error
	w.control, err = control.Open(w.ctx, w.log, names.Control("shop"))
	w.must(err)
	w.tx, err = w.log.OpenTransactor(w.ctx, commitlog.TransactorConfig{ID: "worker"})
	w.must(err)
	w.event(control.Event{Kind: control.Created, Edition: 1, Partitions: partitions})
}

func (w *world) changelog(edition int) {
	w.t.Helper()
	w.must(w.log.CreateTopic(w.ctx, commitlog.TopicSpec{
		Name: names.Changelog("shop", "sum", "totals", edition), Partitions: partitions,
		Config: map[string]string{"cleanup.policy": "compact"},
	}))
}

func (w *world) event(e control.Event) {
	w.t.Helper()
	e.Processor = "sum"
	ok, err := w.control.Write(w.ctx, e)
	w.must(err)
	if !ok {
		w.t.Fatalf("the event %+v did not count", e)
	}
}

// build announces edition n+1; serve makes it the serving one.
func (w *world) build(n int) {
	w.t.Helper()
	w.event(control.Event{Kind: control.Rebuild, From: n, Edition: n + 1, Partitions: partitions})
}

func (w *world) serve(n int) {
	w.t.Helper()
	w.event(control.Event{Kind: control.Switch, Edition: n})
	for p := range int32(partitions) {
		w.event(control.Event{Kind: control.Stopped, Edition: n - 1, Partition: p})
	}
	for p := range int32(partitions) {
		w.event(control.Event{Kind: control.Ready, Edition: n, Partition: p})
	}
	w.event(control.Event{Kind: control.Serving, Edition: n})
}

func key(n int64) []byte {
	k, err := codec.Int64.Append(nil, n)
	if err != nil {
		panic(err)
	}
	return k
}

func partitionOf(n int64) int32 { return commitlog.Murmur2.Partition(key(n), partitions) }

func changelogOf(edition int, p int32) commitlog.Partition {
	return commitlog.Partition{Topic: names.Changelog("shop", "sum", "totals", edition), Index: p}
}

// put appends a table entry to the transaction; "" is a tombstone.
func (w *world) put(edition int, k int64, v string) {
	w.t.Helper()
	r := commitlog.Record{Key: key(k), Timestamp: -1}
	if v != "" {
		r.Value = []byte(v)
	}
	w.must(w.tx.Append(w.ctx, changelogOf(edition, partitionOf(k)), []commitlog.Record{r}))
}

// position appends the journal's record that a task of an edition has come to next in orders.
func (w *world) position(edition int, p int32, next int64) {
	w.t.Helper()
	pos := journal.Position{Commit: 1, Inputs: []journal.Input{{Stream: "orders", Next: next}}}
	w.journal(p, journal.PositionKey(edition), journal.AppendPosition(nil, &pos))
}

func (w *world) journal(p int32, key, value []byte) {
	w.t.Helper()
	w.must(w.tx.Append(w.ctx, commitlog.Partition{Topic: names.Journal("shop", "sum"), Index: p},
		[]commitlog.Record{{Key: key, Value: value, Timestamp: -1}}))
}

func (w *world) commit() {
	w.t.Helper()
	_, err := w.tx.Commit(w.ctx)
	w.must(err)
}

func (w *world) wantGet(v *view.View[int64, string], k int64, want string, opts ...view.ReadOption) {
	w.t.Helper()
	got, ok, err := v.Get(w.ctx, k, opts...)
	w.must(err)
	if got != want || ok != (want != "") {
		w.t.Errorf("get %d = %q, %v; want %q", k, got, ok, want)
	}
}

type entries = func(yield func(view.Entry[int64, string], error) bool)

// list gives what an iteration shows as "k=v k=v".
func list(seq entries) (string, error) {
	var all []string
	for e, err := range seq {
		if err != nil {
			return strings.Join(all, " "), err
		}
		all = append(all, fmt.Sprintf("%d=%s", e.Key, e.Value))
	}
	return strings.Join(all, " "), nil
}

func (w *world) wantList(seq entries, want string) {
	w.t.Helper()
	got, err := list(seq)
	w.must(err)
	if got != want {
		w.t.Errorf("shows %q, want %q", got, want)
	}
}
