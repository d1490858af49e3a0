package member

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrun/millrun/brokerlite/grouptest"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
)

// cluster is a coordinator, the reference fold of all commits it took, and the workers on it.
type cluster struct {
	t           *testing.T
	coordinator *grouptest.Coordinator
	partitions  int32
	workers     []*host

	mu struct {
		sync.Mutex
		position map[int32]int64   // committed, per partition
		owner    map[string]string // "generation/partition" -> member or instance that committed in it
		last     map[int32]int32   // partition -> generation of its last commit
		commits  int
		refused  int
		faults   []string
	}
}

func newCluster(t *testing.T, partitions int32) *cluster {
	c := &cluster{t: t, partitions: partitions}
	c.mu.position, c.mu.owner, c.mu.last = make(map[int32]int64), make(map[string]string), make(map[int32]int32)
	var err error
	if c.coordinator, err = grouptest.New(clock.System, 1); err != nil {
		t.Fatal(err)
	}
	return c
}

// host is a worker as far as membership sees it: tasks that work all the time, and a gate for commits.
type host struct {
	c      *cluster
	name   string
	line   *line
	member *Member
	end    context.CancelFunc
	done   chan error // result of Run
	work   chan struct{}

	checkKept bool // keep S-6; off only to prove that the check is needed
	keepLost  bool // ignore Lost; on only to prove that it matters

	mu struct {
		sync.Mutex
		open     bool
		as       commitlog.Member
		tasks    map[int32]*counter
		prepared int
		assigned int
		lost     int
		slow     time.Duration // Prepare takes this long
		refuse   error         // Assigned gives this
		lose     bool          // the answer to the commit of the next Prepare is lost
	}
}

// counter is a task: it counts its input. base is the committed position its memory stands on.
type counter struct{ base, done int64 }

func (c *cluster) start(name string, change func(*Config)) *host {
	h := &host{c: c, name: name, line: &line{coordinator: c.coordinator, client: name}, done: make(chan error, 1),
		work: make(chan struct{}), checkKept: true}
	h.mu.tasks = make(map[int32]*counter)
	config := Config{
		Groups: h.line, Clock: clock.System, Group: "g", Topics: []string{"t", "u"}, Partitions: c.partitions, WorkerID: name, Hooks: h,
		SessionTimeout: 3 * time.Second, RebalanceTimeout: 6 * time.Second, UserData: h.userData,
	}
	if change != nil {
		change(&config)
	}
	var err error
	if h.member, err = New(config); err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.end = cancel
	go func() { h.done <- h.member.Run(ctx) }() // stop and kill wait for it
	go h.works(ctx)                             // likewise
	c.workers = append(c.workers, h)
	return h
}

func (h *host) userData() UserData {
	h.mu.Lock()
	defer h.mu.Unlock()
	return UserData{Warm: slices.Sorted(maps.Keys(h.mu.tasks))}
}

// works lets every task take a record each tick, and commits every fifth.
func (h *host) works(ctx context.Context) {
	defer close(h.work)
	for n := 1; ; n++ {
		select {
		case <-time.After(tick):
		case <-ctx.Done():
			return
		}
		if h.lock(ctx) != nil {
			return
		}
		for _, t := range h.mu.tasks {
			t.done++
		}
		h.mu.Unlock()
		if n%5 == 0 {
			h.commit(ctx)
		}
	}
}

// commit puts the work of all tasks down, in the generation the gate was opened with.
func (h *host) commit(ctx context.Context) error {
	if err := h.lock(ctx); err != nil {
		return err
	}
	defer h.mu.Unlock() // the gate: nothing changes hands during a commit
	if !h.mu.open || len(h.mu.tasks) == 0 {
		return nil
	}
	return h.c.commit(ctx, h.line, h.mu.as, h.mu.tasks)
}

// commit is the log's side: what the coordinator takes goes into the reference fold.
func (c *cluster) commit(ctx context.Context, l *line, as commitlog.Member, tasks map[int32]*counter) error {
	var offsets []commitlog.Position
	for p, t := range tasks {
		offsets = append(offsets, commitlog.Position{Partition: commitlog.Partition{Topic: "t", Index: p}, Offset: t.base + t.done})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := l.CommitOffsets(ctx, as, offsets)
	if err != nil && !errors.Is(err, errAnswerLost) {
		c.mu.refused++
		return err
	}
	c.mu.commits++
	for p, t := range tasks {
		if c.mu.position[p] != t.base {
			c.fault("partition %d: %s commits on top of %d, committed is %d: records are lost or counted twice",
				p, as.ID, t.base, c.mu.position[p])
		}
		at := fmt.Sprintf("%d/%d", as.Generation, p)
		who := as.ID
		if as.InstanceID != "" {
			who = as.InstanceID // its id changes when it is started again, its generation does not
		}
		if was := c.mu.owner[at]; was != "" && was != who {
			c.fault("generation %d: partition %d is committed by %s and %s", as.Generation, p, was, who)
		}
		if as.Generation < c.mu.last[p] {
			c.fault("partition %d: a commit of generation %d after one of %d", p, as.Generation, c.mu.last[p])
		}
		c.mu.owner[at], c.mu.last[p] = who, as.Generation
		c.mu.position[p] = t.base + t.done
		if err == nil { // else the worker does not know
			t.base, t.done = t.base+t.done, 0
		}
	}
	return err
}

// fault keeps what the fold found wrong. The caller holds mu.
func (c *cluster) fault(format string, args ...any) {
	c.mu.faults = append(c.mu.faults, fmt.Sprintf(format, args...))
}

// faults takes what the fold found wrong so far.
func (c *cluster) faults() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.mu.faults
	c.mu.faults = nil
	return f
}

// lock takes the host's state while its process runs.
func (h *host) lock(ctx context.Context) error {
	for {
		if err := h.line.wait(ctx); err != nil {
			return err
		}
		h.mu.Lock()
		if !h.line.stopped() {
			return nil
		}
		h.mu.Unlock()
	}
}

// loseAnswer starts a rebalance in which the answer to the last commit is lost.
func (h *host) loseAnswer() {
	h.mu.Lock()
	h.mu.lose = true
	h.mu.Unlock()
	h.member.Rejoin()
}

// freeze stops the process between two of its steps.
func (h *host) freeze() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.line.freeze()
}

func (h *host) Prepare(ctx context.Context) error {
	h.mu.Lock()
	slow := h.mu.slow
	h.mu.prepared++
	if h.mu.lose {
		h.mu.lose = false
		h.line.loseAnswer()
	}
	h.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
		}
	}
	err := h.commit(ctx)
	h.line.keepAnswers()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.open = false
	return errors.Join(err, ctx.Err())
}

func (h *host) Assigned(ctx context.Context, a Assignment) error {
	var ask []commitlog.Partition
	for _, p := range a.Partitions {
		ask = append(ask, commitlog.Partition{Topic: "t", Index: p})
	}
	committed, err := h.line.FetchOffsets(ctx, "g", ask)
	for err != nil && classify(err) == classRetry && ctx.Err() == nil { // a driver would retry inside
		time.Sleep(tick)
		committed, err = h.line.FetchOffsets(ctx, "g", ask)
	}
	if err != nil {
		return err
	}
	if err := h.lock(ctx); err != nil {
		return err
	}
	defer h.mu.Unlock()
	if h.mu.refuse != nil {
		return h.mu.refuse
	}
	for p := range h.mu.tasks {
		if !slices.Contains(a.Partitions, p) {
			delete(h.mu.tasks, p) // with all it has not committed
		}
	}
	for _, at := range committed {
		t, base := h.mu.tasks[at.Partition.Index], max(at.Offset, 0)
		if t == nil || h.checkKept && t.base != base { // S-6
			h.mu.tasks[at.Partition.Index] = &counter{base: base}
		}
	}
	h.mu.as, h.mu.open = a.Member, true
	h.mu.assigned++
	return nil
}

func (h *host) Lost() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.lost++
	if !h.keepLost {
		clear(h.mu.tasks)
		h.mu.open = false
	}
}

// owns lists what the host works on.
func (h *host) owns() []int32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.mu.tasks))
}

// stop is a graceful end: tasks commit, then the member leaves.
func (h *host) stop() error {
	h.commit(context.Background())
	h.mu.Lock()
	h.mu.open = false
	h.mu.Unlock()
	h.end()
	<-h.work
	h.c.forget(h)
	return <-h.done
}

// kill is the end of a process: not a word to anybody.
func (h *host) kill() {
	h.line.cut(true)
	h.line.thaw()
	h.end()
	<-h.work
	<-h.done
	h.c.forget(h)
}

func (c *cluster) forget(h *host) {
	c.workers = slices.DeleteFunc(c.workers, func(o *host) bool { return o == h })
}

// settle waits until every partition is owned once and all work.
func (c *cluster) settle() {
	c.t.Helper()
	for range 200 {
		time.Sleep(250 * time.Millisecond)
		synctest.Wait()
		var all []int32
		for _, h := range c.workers {
			all = append(all, h.owns()...)
		}
		slices.Sort(all)
		if len(all) == int(c.partitions) && len(slices.Compact(all)) == int(c.partitions) {
			return
		}
	}
	for _, h := range c.workers {
		c.t.Logf("%s owns %v", h.name, h.owns())
	}
	c.t.Fatal("the group does not settle")
}

func (c *cluster) close() {
	for _, h := range slices.Clone(c.workers) {
		if err := h.stop(); err != nil {
			c.t.Errorf("%s ends with %v", h.name, err)
		}
	}
	c.coordinator.Close()
	for _, f := range c.faults() {
		c.t.Error(f)
	}
}
