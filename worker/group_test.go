package worker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// settleAll settles several workers: each sees to the partitions it has.
func (b *bench) settleAll(ws ...*worker.Worker) {
	b.t.Helper()
	for _, w := range ws {
		b.settle(w)
	}
}

// sameSequence checks that the outputs of each key are 1, 2, 3 … up to n: no duplicate, no gap, in order.
func (b *bench) sameSequence(topic string, n int) {
	b.t.Helper()
	b.sequences(topic, func(string) int { return n })
}

// sequences is sameSequence with an end of its own for each key.
func (b *bench) sequences(topic string, want func(key string) int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := b.log.OpenReader(ctx, commitlog.ReaderConfig{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	left := map[int32]int64{}
	for p := range int32(4) {
		part := commitlog.Partition{Topic: topic, Index: p}
		end, err := b.log.Offsets(ctx, []commitlog.Partition{part}, commitlog.End, commitlog.ReadCommitted)
		if err != nil {
			b.t.Fatal(err)
		}
		if left[p] = end[0].Offset; left[p] > 0 {
			r.Seek(part, 0)
		} else {
			delete(left, p)
		}
	}
	got := map[string]int64{}
	for len(left) > 0 {
		batch, err := r.Poll(ctx, time.Second)
		if err != nil {
			b.t.Fatal(err)
		}
		if batch == nil {
			continue
		}
		for _, rec := range batch.Records {
			key := string(rec.Key)
			v := int64(0)
			for _, c := range rec.Value {
				v = v<<8 | int64(c)
			}
			if v != got[key]+1 {
				b.t.Fatalf("%s: output %d follows %d", key, v, got[key])
			}
			got[key] = v
		}
		if batch.Next >= left[batch.Partition.Index] {
			delete(left, batch.Partition.Index)
		}
		batch.Release()
	}
	for key, v := range got {
		if v != int64(want(key)) {
			b.t.Errorf("%s ends at %d, want %d", key, v, want(key))
		}
	}
}

func TestTwoWorkersShareThePartitionsAndHandThemOver(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 4)
	app := topology.MustNew("app", countProcessor())
	second := func(c *worker.Config) { c.StateDir = "state-2" }
	one, stopOne := b.run(app, nil)
	const keys = 8
	round := func() {
		for i := range keys {
			send(b, clicks, fmt.Sprint("u", i), make([]int64, 10)...)
		}
	}
	round()
	two, stopTwo := b.run(app, second)
	round()
	b.waitTasks(one, 2)
	b.waitTasks(two, 2)
	round()
	b.settleAll(one, two)
	if err := stopOne(); err != nil {
		t.Fatal(err)
	}
	b.waitTasks(two, 4)
	round()
	b.settle(two)
	for k, n := range read(b, app, counts) {
		if n != 40 {
			t.Errorf("%s = %d, want 40", k, n)
		}
	}
	b.sameSequence("echo", 40)
	one, _ = b.run(app, nil) // the first one comes back to tables that another worker has carried on
	b.waitTasks(one, 2)
	round()
	b.settleAll(one, two)
	for k, n := range read(b, app, counts) {
		if n != 50 {
			t.Errorf("%s = %d, want 50", k, n)
		}
	}
	b.sameSequence("echo", 50)
	if err := stopTwo(); err != nil {
		t.Fatal(err)
	}
}

// waitTasks waits until a worker runs n tasks.
func (b *bench) waitTasks(w *worker.Worker, n int) {
	b.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		running := 0
		for _, ts := range w.Status().Processors[0].Tasks {
			if ts.Phase == worker.Running {
				running++
			}
		}
		if running == n {
			return
		}
		select {
		case <-deadline:
			b.t.Fatalf("%d tasks run, want %d: %+v", running, n, w.Status())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// The same rebuild, with the partitions spread over two workers.
func TestARebuildAcrossTwoWorkersIsOneCut(t *testing.T) {
	b := newBench(t)
	b.createTopic("payments", 4)
	b.createTopic("refunds", 4)
	app := historyApp()
	one, _ := b.run(app, nil)
	two, _ := b.run(app, func(c *worker.Config) { c.StateDir = "state-2" })
	b.waitTasks(one, 2)
	b.waitTasks(two, 2)
	for i := range 60 {
		if i%3 == 0 {
			send(b, refunds, fmt.Sprint("k", i%8), fmt.Sprint("r", i))
		} else {
			send(b, payments, fmt.Sprint("k", i%8), fmt.Sprint("p", i))
		}
	}
	b.settleAll(one, two)
	before := fmt.Sprint(read(b, app, history))
	r := b.rebuild(app, "history", edition.RebuildConfig{})
	if !r.Serving || !r.Equal || r.Records != 60 {
		t.Fatalf("got %+v", r)
	}
	b.settleAll(one, two)
	if after := fmt.Sprint(read(b, app, history)); after != before {
		t.Errorf("got\n%s, want\n%s", after, before)
	}
	if got := len(b.records("alerts")); got != 60 {
		t.Errorf("%d alerts, want 60", got)
	}
}

// crash ends everything as a power cut would: what was not synced is gone. The old worker and log run into a dead disk.
func (b *bench) crash(ended chan error, cancel func()) {
	b.t.Helper()
	old := b.log
	b.disk = b.disk.Crash()
	cancel() // a dead process waits for nothing; whatever the stop still tries goes to the dead disk
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		buf := make([]byte, 1<<20)
		b.t.Fatalf("the worker did not end on a dead disk:\n%s", buf[:runtime.Stack(buf, true)])
	}
	_ = old.Close()
	b.open()
}

// Whatever is crashed when, the tables equal the fold and the outputs have no duplicate and no gap (W2).
func TestAfterCrashesAtRandomMomentsTheResultIsThatOfAnUndisturbedRun(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	b := newBench(t)
	b.createTopic("clicks", 4)
	app := topology.MustNew("app", countProcessor())
	sent := map[string]int{}
	ctx := context.Background()
	for range 12 {
		_, cancel, ended := b.start(app, func(c *worker.Config) { c.CommitEvery = time.Duration(1+rnd.IntN(10)) * time.Millisecond })
		p, err := producer.Open(ctx, b.log, clicks, producer.Config{Partitions: 4})
		if err != nil {
			t.Fatal(err)
		}
		crashAfter := rnd.IntN(400)
		for i := range 400 {
			if i == crashAfter {
				break
			}
			key := "u" + strconv.Itoa(rnd.IntN(20))
			if _, err := p.Send(ctx, key, 0); err != nil {
				t.Fatal(err)
			}
			sent[key]++
		}
		_ = p.Close()
		b.crash(ended, cancel)
	}
	w, _ := b.run(app, nil)
	b.settle(w)
	got := read(b, app, counts)
	var wrong []string
	for k, n := range sent {
		if got[k] != int64(n) {
			wrong = append(wrong, fmt.Sprintf("%s=%d want %d", k, got[k], n))
		}
	}
	sort.Strings(wrong)
	if len(wrong) > 0 {
		t.Errorf("seed %d: %s", seed, strings.Join(wrong, ", "))
	}
	total := 0
	for _, n := range sent {
		total += n
	}
	if n := len(b.records("echo")); n != total {
		t.Errorf("seed %d: %d outputs, want %d", seed, n, total)
	}
	b.sequences("echo", func(key string) int { return sent[key] })
}

// C-42: the group's offset must not be applied to a topic that only has the old one's name.
func TestAnInputMadeAnewIsNoticed(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 4)
	app := topology.MustNew("app", countProcessor())
	w, stop := b.run(app, nil)
	send(b, clicks, "u", make([]int64, 10)...)
	b.settle(w)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := b.log.DeleteTopic(context.Background(), "clicks"); err != nil {
		t.Fatal(err)
	}
	b.createTopic("clicks", 4)
	send(b, clicks, "u", make([]int64, 20)...)
	_, _, ended := b.start(app, nil)
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "input clicks is another topic") {
		t.Errorf("got %v", err)
	}
}

// C-21, S-68: a partition that is added while the worker runs moves keys; the processor stops and names the topic and both
// numbers.
func TestAPartitionAddedWhileRunningIsNoticed(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 2)
	app := topology.MustNew("app", countProcessor())
	w, cancel, ended := b.startOn(b.log, app, func(c *worker.Config) { oneLane(c); c.Clock = hasty{times: 20} })
	defer cancel()
	send(b, clicks, "u", 1)
	b.settle(w)
	if err := b.log.AddPartitions(context.Background(), "clicks", 3); err != nil {
		t.Fatal(err)
	}
	err := within(t, ended, "the processor to stop")
	if err == nil || !strings.Contains(err.Error(), "its input clicks has 3 partitions now, the processor has 2 tasks") {
		t.Errorf("got %v", err)
	}
}
