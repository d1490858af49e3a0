package cases_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// patience bounds every step in real time: a script that hangs fails.
const patience = 40 * time.Second

// bench is a disk, a log on it, and the worker that runs at the moment. Partitions is 1 unless a card says otherwise.
type bench struct {
	t          testing.TB
	disk       *vfs.Mem
	broker     brokerlite.Config
	partitions int
	log        *embedded.Log
	wrap       func(commitlog.Log) commitlog.Log // what the worker sees of the log; nil: the log itself
	worker     *worker.Worker
	cancel     context.CancelFunc
	ended      chan error
}

func newBench(t testing.TB, partitions int) *bench {
	return newBenchOn(t, partitions, brokerlite.Config{})
}

func newBenchOn(t testing.TB, partitions int, broker brokerlite.Config) *bench {
	t.Helper()
	broker.MinSessionTimeout = 100 * time.Millisecond
	b := &bench{t: t, disk: vfs.NewMem(), broker: broker, partitions: partitions}
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
	l, err := embedded.OpenConfig("log", embedded.Config{FS: b.disk, Broker: b.broker})
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

// start runs a worker; stop or kill ends it.
func (b *bench) start(app *topology.Topology, changes ...func(*worker.Config)) {
	b.t.Helper()
	c := worker.Config{StateDir: "state", Partitions: b.partitions, FS: b.disk, CommitEvery: 10 * time.Millisecond,
		SessionTimeout: 3 * time.Second, Logger: slog.New(slog.NewTextHandler(output{b.t}, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	for _, change := range changes {
		change(&c)
	}
	var log commitlog.Log = b.log
	if b.wrap != nil {
		log = b.wrap(log)
	}
	w, err := worker.New(app, log, c)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	b.worker, b.cancel, b.ended = w, cancel, ended
	go func() { ended <- w.Run(ctx) }() // waited for by stop, kill and the cleanup
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

// stop ends the worker as SIGTERM does, and gives what Run returned.
func (b *bench) stop() error {
	b.t.Helper()
	b.cancel()
	return b.end()
}

// halt is stop of a worker that must end well.
func (b *bench) halt() {
	b.t.Helper()
	if err := b.stop(); err != nil {
		b.t.Fatalf("stop: %v", err)
	}
}

// kill ends worker and log between two instructions; the disk keeps what was synced. The log is open again afterwards.
func (b *bench) kill() {
	b.t.Helper()
	b.bury(b.disk.Crash())
}

// bury lets what still runs on a dead disk end and goes on with another one.
func (b *bench) bury(disk *vfs.Mem) {
	b.t.Helper()
	old := b.log
	b.disk = disk
	b.cancel() // a dead process waits for nothing; whatever the stop still tries goes to the dead disk
	_ = b.end()
	_ = old.Close()
	b.open()
}

// wipe deletes the tables on this machine; the log keeps its own.
func (b *bench) wipe() {
	b.t.Helper()
	if err := b.disk.RemoveAll("state"); err != nil {
		b.t.Fatal(err)
	}
}

// settle waits until all that is in the inputs is handled and committed.
func (b *bench) settle() {
	b.t.Helper()
	if err := b.worker.Settled(b.context()); err != nil {
		b.t.Fatalf("settle: %v", err)
	}
}

// output gives the worker's log to the test.
type output struct{ t testing.TB }

func (o output) Write(p []byte) (int, error) {
	o.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

func (b *bench) create(topic string, partitions int, settings ...string) {
	b.t.Helper()
	config := map[string]string{}
	for i := 0; i < len(settings); i += 2 {
		config[settings[i]] = settings[i+1]
	}
	if err := b.log.CreateTopic(b.context(), commitlog.TopicSpec{Name: topic, Partitions: int32(partitions), Config: config}); err != nil {
		b.t.Fatal(err)
	}
}

// send writes values of one key, durably.
func send[K, V any](b *bench, s *processor.Stream[K, V], key K, values ...V) {
	b.t.Helper()
	p, err := producer.Open(b.context(), b.log, s, producer.Config{Partitions: b.partitions})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, v := range values {
		if err := p.Queue(b.context(), key, v); err != nil {
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
	for i := range records {
		records[i].Timestamp = -1
	}
	if _, err := w.Append(b.context(), commitlog.Partition{Topic: topic, Index: partition}, records); err != nil {
		b.t.Fatal(err)
	}
}

// open gives a view that holds all that is committed now.
func openView[K, V any](b *bench, app *topology.Topology, table *processor.Table[K, V]) *view.View[K, V] {
	b.t.Helper()
	v, err := view.Open(b.context(), app, b.log, table, view.Config{})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := v.Ready(b.context()); err != nil {
		_ = v.Close()
		b.t.Fatal(err)
	}
	return v
}

// rows gives all entries of a table in their order, as "key=value".
func rows[K, V any](b *bench, app *topology.Topology, table *processor.Table[K, V]) (list []string) {
	b.t.Helper()
	v := openView(b, app, table)
	defer v.Close()
	for e, err := range v.All(b.context()) {
		if err != nil {
			b.t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%v=%v", e.Key, e.Value))
	}
	return list
}

// value gives one entry; the zero value if there is none.
func value[K, V any](b *bench, app *topology.Topology, table *processor.Table[K, V], key K) V {
	b.t.Helper()
	v := openView(b, app, table)
	defer v.Close()
	got, _, err := v.Get(b.context(), key)
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// offset asks for one offset of a partition.
func (b *bench) offset(topic string, partition int32, at commitlog.At, i commitlog.Isolation) int64 {
	b.t.Helper()
	got, err := b.log.Offsets(b.context(), []commitlog.Partition{{Topic: topic, Index: partition}}, at, i)
	if err != nil {
		b.t.Fatal(err)
	}
	return got[0].Offset
}

// committed gives the offset that the group of an edition has committed.
func (b *bench) committed(app, proc string, edition int, topic string, partition int32) int64 {
	b.t.Helper()
	got, err := b.log.FetchOffsets(b.context(), names.Group(app, proc, edition), []commitlog.Partition{{Topic: topic, Index: partition}})
	if err != nil {
		b.t.Fatal(err)
	}
	return got[0].Offset
}

// records gives the committed records of a topic, by partition and offset.
func (b *bench) records(topic string) (list []commitlog.Record) {
	b.t.Helper()
	found, err := b.log.Topics(b.context(), topic)
	if err != nil {
		b.t.Fatal(err)
	}
	r, err := b.log.OpenReader(b.context(), commitlog.ReaderConfig{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	for i := range found[0].Partitions {
		p := commitlog.Partition{Topic: topic, Index: i}
		next := b.offset(topic, i, commitlog.Start, commitlog.ReadCommitted)
		end := b.offset(topic, i, commitlog.End, commitlog.ReadCommitted)
		r.Seek(p, next)
		for next < end {
			batch, err := r.Poll(b.context(), time.Second)
			if err != nil {
				b.t.Fatal(err)
			}
			if batch == nil {
				continue
			}
			for _, rec := range batch.Records {
				list = append(list, own(rec))
			}
			next = batch.Next
			batch.Release()
		}
		r.Drop(p)
	}
	return list
}

// own copies what belongs to the batch.
func own(r commitlog.Record) commitlog.Record {
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	headers := make([]commitlog.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = commitlog.Header{Key: h.Key, Value: bytes.Clone(h.Value)}
	}
	r.Headers = headers
	return r
}

// header gives the last header of that key.
func header(r commitlog.Record, key string) (value string) {
	for _, h := range r.Headers {
		if h.Key == key {
			value = string(h.Value)
		}
	}
	return value
}

// rebuild builds the next edition and lets it serve if it is equal.
func (b *bench) rebuild(app *topology.Topology, proc string) edition.Result {
	b.t.Helper()
	e, err := edition.Open(b.context(), app, b.log, proc)
	if err != nil {
		b.t.Fatal(err)
	}
	defer e.Close()
	r, err := e.Rebuild(b.context(), edition.RebuildConfig{})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}
