package brokerlite_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/internal/vfs"
)

// S-48, S-49, S8: producers at work side by side, the power goes at some moment; each finds what it was told, goes on with
// the request whose answer it did not see, and no record is there twice or missing.
func TestProducersSideBySideSurviveAPowerCut(t *testing.T) {
	const producers, partitions, batches = 4, 2, 60
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c := brokerlite.Config{SegmentBytes: 64 << 10, WALFileBytes: 256 << 10, CheckpointBytes: 64 << 10, MaxMessageBytes: 64 << 10}
	r := newRig(t, c)
	r.create("a", partitions)
	who := make([]producer, producers)
	for i := range who {
		who[i] = r.init("")
	}
	var acked [producers]atomic.Int32
	work := func(r *rig, from [producers]int32, upTo int32, errs func(int, error)) {
		var all sync.WaitGroup
		for w := range producers {
			all.Go(func() {
				p := who[w]
				for i := from[w]; i < upTo; i++ {
					p.seq = i
					if _, err := r.tryProduce(p, "a", int32(w%partitions), value(w, i)); err != nil {
						errs(w, err)
						return
					}
					acked[w].Store(i + 1)
				}
			})
		}
		all.Wait()
	}
	type moment struct {
		acked [producers]int32
		mem   *vfs.Mem
	}
	var moments []moment
	done := make(chan struct{})
	go func() {
		defer close(done)
		work(r, [producers]int32{}, batches, func(w int, err error) { t.Errorf("producer %d: %v", w, err) })
	}()
	for n := 0; ; n++ {
		select {
		case <-done:
		default:
			if random.IntN(20) == 0 && len(moments) < 12 {
				var m moment
				for w := range acked {
					m.acked[w] = acked[w].Load() // read before the cut: what was answered by then
				}
				m.mem = r.mem.CrashClone()
				moments = append(moments, m)
			}
			r.produce(nobody, "a", 0, "filler")
			continue
		}
		break
	}
	for i, m := range moments {
		after := &rig{t: t, mem: m.mem, clock: r.clock, c: c}
		after.open()
		for w := range producers {
			if got := count(after, w); got < m.acked[w] {
				t.Errorf("moment %d: producer %d was told of %d batches, %d are there", i, w, m.acked[w], got)
			}
		}
		work(after, m.acked, m.acked[0]+5+batches, func(w int, err error) { t.Errorf("moment %d: producer %d goes on: %v", i, w, err) })
		for w := range producers {
			want(t, fmt.Sprintf("moment %d: batches of producer %d", i, w), count(after, w), m.acked[0]+5+batches)
		}
		after.b.Close()
	}
}

func value(w int, i int32) string { return fmt.Sprintf("p%d-%d-%s", w, i, strings.Repeat(".", 500)) }

// count gives how many batches of a producer are there, in order and without a gap, or -1.
func count(r *rig, w int) int32 {
	r.t.Helper()
	n := int32(0)
	for _, v := range r.values("a", int32(w%2), true) {
		_, v, _ = strings.Cut(v, ":")
		if !strings.HasPrefix(v, fmt.Sprintf("p%d-", w)) {
			continue
		}
		if v != value(w, n) {
			r.t.Errorf("producer %d: %.12s where batch %d belongs", w, v, n)
			return -1
		}
		n++
	}
	return n
}

func TestFlushOSKeepsWhatTheSystemHas(t *testing.T) {
	r := newRig(t, brokerlite.Config{Flush: brokerlite.FlushOS})
	r.create("a", 1)
	r.produce(nobody, "a", 0, "x")
	killed := r.mem.Kill() // kill -9: what the system has stays
	r.b.Close()
	r.mem = killed
	r.open()
	want(t, "after kill -9", fmt.Sprint(r.values("a", 0, true)), "[0:x]")
	r.restart()
	r.produce(nobody, "a", 0, "read by somebody")
	epoch := leaderEpoch(r)
	r.crash() // without a sync
	r.produce(nobody, "a", 0, "other")
	if now := leaderEpoch(r); now <= epoch {
		t.Errorf("leader epoch %d after %d: a reader cannot see that the history is another", now, epoch)
	}
}

func leaderEpoch(r *rig) int32 {
	r.t.Helper()
	b := r.fetch("a", 0, 0, false).RecordBatches
	if len(b) == 0 {
		r.t.Fatal("nothing there")
	}
	in, err := brokerlite.Inspect(r.stop(), "data", nil)
	r.open()
	if err != nil {
		r.t.Fatal(err)
	}
	return in.Topics[0].Partitions[0].LeaderEpoch
}

// stop closes the broker and gives its disk.
func (r *rig) stop() vfs.FS {
	r.t.Helper()
	if err := r.b.Close(); err != nil {
		r.t.Fatal(err)
	}
	return r.mem
}

func TestInspectShowsEveryBatch(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 2, "retention.ms", "7")
	r.produce(nobody, "a", 1, "x", "y")
	p := r.init("tx")
	r.produce(p, "a", 1, "z")
	r.end(p, true)
	var seen []string
	in, err := brokerlite.Inspect(r.stop(), "data", func(b brokerlite.InspectedBatch) error {
		seen = append(seen, fmt.Sprint(b.Topic, "/", b.Partition, "@", b.First, "-", b.Last, " ", b.Transactional, b.Marker))
		return nil
	})
	r.open()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "batches", strings.Join(seen, ", "), "a/1@0-1 false false, a/1@2-2 true false, a/1@3-3 true true")
	want(t, "clean", in.Clean, true)
	want(t, "config", in.Topics[0].Config["retention.ms"], "7")
	want(t, "next", in.Topics[0].Partitions[1].Next, 4)
	want(t, "records", in.Topics[0].Partitions[1].Records, 4)
	want(t, "empty one", in.Topics[0].Partitions[0].Next, 0)
	r.produce(nobody, "a", 0, "w")
	image := r.mem.CrashClone()
	in, err = brokerlite.Inspect(image, "data", nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "not clean", in.Clean, false)
	want(t, "redo", in.Topics[0].Partitions[0].Redo, 1)
	want(t, "next with redo", in.Topics[0].Partitions[0].Next, 1)
	if _, err := brokerlite.Inspect(image, "elsewhere", nil); err == nil {
		t.Error("a directory that is none was inspected")
	}
}
