package brokerlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// script is a random run of requests, one after another.
type script struct {
	r      *rig
	random *rand.Rand
	n      int
	idle   producer             // idempotent
	txns   map[string]*producer // by id
	opened map[string]bool
	topics []string
}

func newScript(r *rig, random *rand.Rand) *script {
	return &script{r: r, random: random, txns: map[string]*producer{}, opened: map[string]bool{}, idle: nobody}
}

func (s *script) value() string {
	s.n++
	return fmt.Sprintf("v%d%s", s.n, strings.Repeat(".", s.random.IntN(3)*4000))
}

func (s *script) topic() string { return s.topics[s.random.IntN(len(s.topics))] }

// step does one request and says what it was.
func (s *script) step() string {
	r := s.r
	if len(s.topics) == 0 {
		return s.create()
	}
	topic, index := s.topic(), int32(s.random.IntN(2))
	switch k := s.random.IntN(20); {
	case k < 6:
		r.produce(nobody, topic, index, s.value(), s.value())
		return fmt.Sprint("produce ", topic, index)
	case k < 9:
		if s.idle.pid < 0 {
			s.idle = r.init("")
			return "init"
		}
		r.produce(s.idle, "keep", 0, s.value())
		s.idle.seq++
		return "idempotent"
	case k < 16:
		return s.transaction(topic, index)
	case k < 17 && len(s.topics) < 4:
		return s.create()
	case k < 18 && topic != "keep":
		r.delete(topic)
		s.topics = slicesDelete(s.topics, topic)
		return "delete " + topic
	case k < 19:
		deleteRecords(r, topic, index)
		return fmt.Sprint("delete records ", topic, index)
	}
	r.produce(nobody, topic, index, s.value())
	return "produce one"
}

func (s *script) create() string {
	name := "keep"
	if len(s.topics) > 0 {
		name = fmt.Sprint("t", s.random.IntN(3))
	}
	for _, t := range s.topics {
		if t == name {
			return "nothing"
		}
	}
	s.r.create(name, 2)
	s.topics = append(s.topics, name)
	return "create " + name
}

func (s *script) transaction(topic string, index int32) string {
	id := fmt.Sprint("tx", s.random.IntN(2))
	p := s.txns[id]
	switch k := s.random.IntN(8); {
	case p == nil || k == 0:
		fresh := s.r.init(id)
		s.txns[id], s.opened[id] = &fresh, false
		return "init " + id
	case k < 4:
		// Sequences belong to a partition: one partition per transaction keeps the script simple.
		s.r.produce(*p, "keep", int32(len(id)%2), s.value())
		p.seq++
		s.opened[id] = true
		return "write " + id
	case k < 5:
		if err := s.r.tryStage(*p, "g", "keep", 0, int64(s.n)); err != nil {
			s.r.t.Fatalf("stage: %v", err)
		}
		s.opened[id] = true
		return "stage " + id
	case s.opened[id]:
		*p = s.r.end(*p, k < 7)
		s.opened[id] = false
		return fmt.Sprint("end ", id, k < 7)
	}
	return "nothing"
}

func slicesDelete(in []string, gone string) []string {
	out := []string{}
	for _, s := range in {
		if s != gone {
			out = append(out, s)
		}
	}
	return out
}

func deleteRecords(r *rig, topic string, index int32) {
	r.t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Version = 2
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Partition, rp.Offset = index, r.fetch(topic, index, 0, false).HighWatermark/2
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	if code := r.do(req).(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0].ErrorCode; code != 0 {
		r.t.Fatalf("delete records: %v", codeErr(code))
	}
}

// dump is everything a client can see.
func dump(r *rig) string {
	r.t.Helper()
	var out strings.Builder
	req := kmsg.NewPtrMetadataRequest()
	req.Version = 12
	for _, topic := range r.do(req).(*kmsg.MetadataResponse).Topics {
		fmt.Fprintf(&out, "%s %x\n", *topic.Topic, topic.TopicID)
		for _, p := range topic.Partitions {
			f := r.fetch(*topic.Topic, p.Partition, 0, true)
			fmt.Fprintf(&out, "  %d: high %d stable %d start %d\n", p.Partition, f.HighWatermark, f.LastStableOffset, f.LogStartOffset)
			for _, committed := range []bool{false, true} {
				for _, v := range r.values(*topic.Topic, p.Partition, committed) {
					fmt.Fprintf(&out, " %.12s/%d", v, len(v))
				}
				out.WriteByte('\n')
			}
		}
	}
	if r.has("keep") {
		o, err := r.committed("g", "keep", 0, false)
		_, stable := r.committed("g", "keep", 0, true)
		fmt.Fprintf(&out, "g %d %v %v\n", o, err, stable)
	}
	return out.String()
}

func (r *rig) has(topic string) bool {
	req := kmsg.NewPtrMetadataRequest()
	req.Version = 12
	rt := kmsg.NewMetadataRequestTopic()
	rt.Topic = &topic
	req.Topics = append(req.Topics, rt)
	return r.do(req).(*kmsg.MetadataResponse).Topics[0].ErrorCode == 0
}

// image is a disk as it would be found if the power went, or the process died, at one moment.
type image struct {
	mem   *vfs.Mem
	acked int // steps answered before
	kind  string
}

// S-48, S-49, S-53 to S-56: whatever the moment, the disk holds exactly what had been answered, and at most the request
// under way besides; and what is recovered stands a second crash.
func TestEveryCrashKeepsWhatWasAnswered(t *testing.T) {
	seeds := []uint64{1, 2, 3, rand.Uint64()}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { crashEverywhere(t, seed) })
	}
}

func crashEverywhere(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	c := brokerlite.Config{SegmentBytes: 64 << 10, WALFileBytes: 256 << 10, CheckpointBytes: 96 << 10, MaxMessageBytes: 64 << 10}
	r := newRig(t, c)
	r.b.Close()
	r.mem = vfs.NewMem()
	faulty := vfs.NewFaulty(r.mem)
	r.fs = faulty
	var mu sync.Mutex
	var images []image
	acked := 0
	faulty.SetHook(func(op vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if op.Kind.Changes() && random.IntN(12) == 0 {
			if random.IntN(3) > 0 {
				images = append(images, image{r.mem.CrashClone(), acked, "power cut before " + op.Kind.String()})
			} else {
				images = append(images, image{r.mem.Clone(), acked, "kill before " + op.Kind.String()})
			}
		}
		return nil
	})
	r.open()
	s := newScript(r, rand.New(rand.NewPCG(seed, 1)))
	dumps := []string{dump(r)}
	var steps []string
	for range 60 {
		steps = append(steps, s.step())
		dumps = append(dumps, dump(r))
		mu.Lock()
		acked++
		mu.Unlock()
	}
	faulty.SetHook(nil)
	r.b.Close()
	t.Logf("seed %d: %d moments", seed, len(images))
	for n, i := range images {
		checkImage(t, r, i, n, dumps, steps)
	}
}

func checkImage(t *testing.T, r *rig, i image, n int, dumps, steps []string) {
	t.Helper()
	after := &rig{t: t, mem: i.mem, clock: r.clock, c: r.c}
	after.open()
	defer func() { after.b.Close() }()
	got := dump(after)
	matches := got == dumps[i.acked]
	if !matches && i.acked+1 < len(dumps) {
		matches = got == dumps[i.acked+1]
	}
	if !matches {
		next := "the end"
		if i.acked < len(steps) {
			next = steps[i.acked]
		}
		t.Fatalf("moment %d, %s, %d steps answered, under way: %s\n--- recovered\n%s--- answered\n%s", n, i.kind, i.acked, next, got, dumps[i.acked])
	}
	if !after.has("keep") {
		return
	}
	after.produce(nobody, "keep", 0, "more")
	want := dump(after)
	after.crash()
	if got := dump(after); got != want {
		t.Fatalf("moment %d, %s, second crash\n--- recovered\n%s--- answered\n%s", n, i.kind, got, want)
	}
	findings, err := checkStopped(after)
	if err != nil {
		t.Fatalf("check: %v", err)
	}
	for _, f := range findings {
		if f.Damage {
			t.Errorf("moment %d: %v", n, f)
		}
	}
}

func checkStopped(r *rig) ([]brokerlite.Finding, error) {
	if err := r.b.Close(); err != nil {
		return nil, err
	}
	return brokerlite.Check(r.mem, "data")
}

// S-48: the repeat of a batch that is queued and not durable must not be answered before it is.
func TestRepeatOfAQueuedBatchWaitsForTheSync(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	p := r.init("")
	faulty, gate := slowSync(r)
	first, second := make(chan error, 1), make(chan error, 1)
	send := func(c chan error) {
		_, err := r.tryProduce(p, "a", 0, "x")
		c <- err
	}
	go send(first)
	<-gate.entered
	go send(second)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	select {
	case err := <-second:
		t.Errorf("the repeat was answered (%v) while the batch was not durable", err)
	default:
	}
	if _, err := r.b.Handle(ctx, brokerlite.Embedded, produceRequest(p, "a", 0, batch(p, "x"))); err == nil {
		t.Error("a repeat whose wait was cut short was answered")
	}
	image := r.mem.CrashClone()
	close(gate.release)
	want(t, "first", <-first, nil)
	want(t, "second", <-second, nil)
	_ = faulty
	after := &rig{t: t, mem: image, clock: r.clock, c: r.c}
	after.open()
	defer func() { after.b.Close() }()
	want(t, "after the cut, nobody had an answer", len(after.values("a", 0, false)), 0)
	want(t, "the retry is written", after.produce(p, "a", 0, "x"), 0)
	want(t, "and known", after.produce(p, "a", 0, "x"), 0)
}

type syncGate struct{ entered, release chan struct{} }

// slowSync reopens the broker on a disk whose next sync of the write-ahead log waits.
func slowSync(r *rig) (*vfs.Faulty, syncGate) {
	r.t.Helper()
	if err := r.b.Close(); err != nil {
		r.t.Fatal(err)
	}
	faulty := vfs.NewFaulty(r.mem)
	r.fs = faulty
	r.open()
	r.init("") // the log has a file to write to: the next sync is that of a round
	gate := syncGate{make(chan struct{}), make(chan struct{})}
	var once sync.Once
	faulty.SetHook(func(op vfs.Op) error {
		if op.Kind == vfs.KindSync && strings.Contains(op.Name, "/wal/") {
			once.Do(func() {
				close(gate.entered)
				<-gate.release
			})
		}
		return nil
	})
	return faulty, gate
}

// S-55, C-42: delete and make anew, with a crash at each step.
func TestDeletedAndMadeAnewIsAnotherTopicC42(t *testing.T) {
	for at := range 6 {
		r := newRig(t, brokerlite.Config{})
		step := 0
		tick := func() {
			if step == at {
				r.crash()
			}
			step++
		}
		r.create("a", 1)
		tick()
		r.produce(nobody, "a", 0, "old", "old", "old")
		p := r.init("tx")
		if err := r.tryStage(p, "g", "a", 0, 3); err != nil {
			t.Fatal(err)
		}
		r.end(p, true)
		tick()
		r.delete("a")
		tick()
		_, err := r.tryProduce(nobody, "a", 0, "x")
		wantErr(t, "produce to a deleted topic", err, kerr.UnknownTopicOrPartition)
		r.create("a", 1)
		tick()
		got, err := r.committed("g", "a", 0, true)
		wantErr(t, "offsets", err, nil)
		want(t, "offset of the deleted", got, -1)
		want(t, "offset", r.produce(nobody, "a", 0, "new"), 0)
		tick()
		want(t, "content", fmt.Sprint(r.values("a", 0, true)), "[0:new]")
		r.b.Close()
	}
}
