package kill

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

const (
	countRows       = 300_000
	countKeys       = 10_000
	countPartitions = 4
)

// The count: row r has key r mod countKeys and value r. Each record raises the count of its key and emits the new count, so
// the output holds 1, 2, 3 … for each key if nothing was lost and nothing counted twice.
var (
	rows    = processor.NewStream("rows", codec.Int64, codec.Int64)
	counted = processor.NewStream("counted", codec.Int64, codec.Int64)
	counts  = processor.NewTable("counts", codec.Int64, codec.Int64)
)

func countApp(handled *atomic.Int64) *topology.Topology {
	return topology.MustNew("kill", processor.New("count",
		processor.On(rows, func(ctx processor.Context, key, _ int64) error {
			n, _ := counts.Get(ctx, key)
			counts.Put(ctx, key, n+1)
			counted.Emit(ctx, key, n+1)
			handled.Add(1)
			return nil
		}),
		processor.Owns(counts), processor.Emits(counted),
	))
}

// countChild counts while it loads; what it reports is how many records it has handled, committed or not, on top of those
// that the log says were committed when it started.
func countChild(ctx context.Context, dir string, until int, handled *atomic.Int64) error {
	log, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	return errors.Join(countOn(ctx, log, filepath.Join(dir, "state"), until, handled), log.Close())
}

func countOn(ctx context.Context, log commitlog.Log, stateDir string, until int, handled *atomic.Int64) error {
	if until == 0 {
		until = countRows
	}
	last, err := loadedRows(ctx, log)
	if err != nil {
		return err
	}
	done, err := log.FetchOffsets(ctx, "kill.count.e1", partitions(rows.Name()))
	if err != nil {
		return err
	}
	for _, position := range done {
		handled.Add(max(0, position.Offset))
	}
	w, err := worker.New(countApp(handled), log, worker.Config{StateDir: stateDir, Partitions: countPartitions})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { // ends with ctx, and is waited for
		err := w.Run(ctx)
		stop()
		ended <- err
	}()
	err = load(ctx, log, last, until)
	if err == nil {
		err = w.Settled(ctx)
	}
	stop()
	return errors.Join(<-ended, err)
}

// load queues the rows that the log does not have, in order.
func load(ctx context.Context, log commitlog.Log, last []int64, until int) error {
	out, err := producer.Open(ctx, log, rows, producer.Config{})
	if err != nil {
		return err
	}
	for row := int64(1); row <= int64(until) && err == nil; row++ {
		key := row % countKeys
		if row > last[countPartition(key)] {
			err = out.Queue(ctx, key, row)
		}
	}
	return errors.Join(err, out.Close())
}

// countPartition is where the key lies.
func countPartition(key int64) int32 {
	data, err := codec.Int64.Append(nil, key)
	if err != nil {
		panic(err) // Int64 writes every number
	}
	return commitlog.Murmur2.Partition(data, countPartitions)
}

// loadedRows gives the last row of each partition, after making the topic if it is missing.
func loadedRows(ctx context.Context, log commitlog.Log) ([]int64, error) {
	err := log.CreateTopic(ctx, commitlog.TopicSpec{Name: rows.Name(), Partitions: countPartitions})
	if err != nil && !errors.Is(err, commitlog.ErrTopicExists) {
		return nil, err
	}
	last := make([]int64, countPartitions)
	err = scan(ctx, log, rows.Name(), func(p int32, r commitlog.Record) (err error) {
		last[p], err = codec.Int64.Decode(r.Value)
		return err
	})
	return last, err
}

func TestCountOf300000SurvivesKillsUnchanged(t *testing.T) {
	dir := plan{child: "count", total: countRows, kills: 8, seed: 300_000}.run(t)
	log, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for _, fault := range tableFaults(t, log) {
		t.Error(fault)
	}
	var emitted ledger
	err = scan(t.Context(), log, counted.Name(), func(_ int32, r commitlog.Record) error {
		key, err := codec.Int64.Decode(r.Key)
		if err != nil {
			return err
		}
		n, err := codec.Int64.Decode(r.Value)
		emitted.add(key, n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range emitted.faults() {
		t.Error(fault)
	}
}

// tableFaults compares the table with the fold: countRows records over countKeys keys.
func tableFaults(t *testing.T, log commitlog.Log) (faults []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	table, err := view.Open(ctx, countApp(new(atomic.Int64)), log, counts, view.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	if err := table.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	keys := 0
	for entry, err := range table.All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		keys++
		if entry.Value != countRows/countKeys {
			faults = append(faults, fmt.Sprintf("key %d has %d, want %d", entry.Key, entry.Value, countRows/countKeys))
		}
	}
	if keys != countKeys {
		faults = append(faults, fmt.Sprintf("the table has %d keys, want %d", keys, countKeys))
	}
	return firstFew(faults)
}
