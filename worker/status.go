package worker

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// Phase is what a task is doing.
type Phase string

// Restoring reads its changelogs; Running handles records; Building does so for an edition that does not serve yet; Backoff
// waits to try a record again; Parked stands at a record that it could not handle; Stopped is over.
const (
	Restoring Phase = "restoring"
	Running   Phase = "running"
	Building  Phase = "building"
	Backoff   Phase = "backoff"
	Parked    Phase = "parked"
	Stopped   Phase = "stopped"
)

// Status is what a worker shows of itself at one moment.
type Status struct {
	Application string
	ID          string   // of this worker, kept in the state directory; "" before Run
	Address     string   // where it listens; "" without Config.Listen
	Ready       bool     // every processor has its partitions, and all their tasks run: none restores, is parked or stopped
	NotReady    []string // why it is not ready: one reason per line, at most 100; nil if it is
	Processors  []ProcessorStatus
	Commits     int64         // transactions committed since the start
	LastCommit  time.Duration // how long the newest one took
	Buffered    int64         // bytes of uncommitted effects, as far as tasks have reported
	MovedAside  int64         // stores that could not be trusted and were built anew
	Unreadable  int64         // entries in tables of others that counted as absent, because the codecs do not read them
	Globals     []CopyStatus  // copies of tables that are read whole, by table and topic
	HungHandler int64         // handlers that never returned
	CommitEvery time.Duration // in force
	BufferBytes int64         // in force
	StateMemory int64         // in force, bytes
}

// ProcessorStatus is one processor on this worker.
type ProcessorStatus struct {
	Name     string
	Edition  int     // that serves; 0 before the first assignment
	Assigned bool    // the group has given this worker its share of the partitions, which may be none
	Waiting  []int32 // partitions of that share that no task runs at this moment
	Tasks    []TaskStatus
	Commits  int64            // transactions committed since the start
	Failed   map[string]int64 // commits that failed, or may have, by kind; kinds that did not occur are missing
}

// TaskStatus is one task.
type TaskStatus struct {
	Partition int32
	Edition   int
	Phase     Phase
	Inputs    []InputStatus
	Reads     []CopyStatus // copies of tables that are read by partition
	Commits   int64
	Records   int64 // handled since the task started
	Skipped   int64
	Retries   int64 // attempts that failed and were, or will be, repeated
	Reloads   int64 // times that it went back to what is committed
	Letters   int64 // dead letters
	Fenced    int64 // emits held back while building
	Foreign   int64 // keys of other partitions, where that is allowed
	Lost      int64 // offsets passed because retention was faster
	Restored  int64 // offsets read of ToRestore
	ToRestore int64
	// BuildLeft is what lies between the position of an edition that is built and the place where it takes over, in offsets; -1
	// where nothing is built.
	BuildLeft  int64
	StreamTime int64         // highest event time that is handled and committed, ms since 1970; -1: none
	Stopped    *StoppedError // nil unless it stands at a record
}

// InputStatus is where a task stands in one input.
type InputStatus struct {
	Stream    string
	Committed int64 // next offset
	End       int64 // high watermark as last seen
	// Readable is the last stable offset as last seen: an open transaction keeps what lies behind it from every reader.
	Readable int64
	// BehindSince is when the oldest offset that is not handled was first seen to be readable. Zero: nothing is left to handle,
	// or nobody looked. Only a worker with Config.Listen, Config.Metrics or a Handler looks.
	BehindSince time.Time
}

// Lag is how many offsets could be read and are not handled.
func (s InputStatus) Lag() int64 { return max(0, s.Readable-s.Committed) }

// Unstable is how many offsets lie behind an open transaction.
func (s InputStatus) Unstable() int64 { return s.End - max(s.Readable, s.Committed) }

// StoppedError says where a task stands still and why.
type StoppedError struct {
	Stream string
	Record commitlog.Position
	Since  time.Time
	Reason string
}

func (e *StoppedError) Error() string {
	if e.Stream == "" {
		return "task stopped: " + e.Reason
	}
	return fmt.Sprintf("task stopped at %s: %s", e.Record, e.Reason)
}

// Status may be called at any time from any goroutine.
func (w *Worker) Status() Status {
	w.mu.Lock()
	id := w.id
	w.mu.Unlock()
	s := Status{Application: w.app.Name(), ID: id, Buffered: w.budget.used.Load(), MovedAside: w.moved.Load(),
		HungHandler: w.hung.Load(), CommitEvery: w.config.CommitEvery, BufferBytes: w.config.BufferBytes,
		StateMemory: w.config.StateMemory}
	if a := w.address.Load(); a != nil {
		s.Address = *a
	}
	w.commit.Lock()
	s.Commits, s.LastCommit = w.commit.count, w.commit.last
	w.commit.Unlock()
	s.Unreadable = w.unreadable.entries.Load()
	for _, g := range w.allGlobals() {
		if m := g.current.Load(); m != nil {
			s.Globals = append(s.Globals, m.status())
		}
	}
	tasks := w.allTasks()
	for _, u := range w.units {
		s.Processors = append(s.Processors, u.status(tasks))
	}
	s.NotReady = w.notReady(&s)
	s.Ready = len(s.NotReady) == 0
	return s
}

// status picks the unit's tasks out of all.
func (u *unit) status(tasks []*task) ProcessorStatus {
	p := ProcessorStatus{Name: u.decl.Name, Assigned: u.member.Load(), Failed: u.commits.failures(),
		Commits: u.commits.took.Spread().Count}
	run := map[int32]bool{}
	for _, t := range tasks {
		if t.ed.unit != u {
			continue
		}
		ts := t.status()
		p.Tasks = append(p.Tasks, ts)
		run[t.partition] = run[t.partition] || ts.Phase != Stopped
		if !t.ed.following {
			p.Edition = max(p.Edition, t.ed.number)
		}
	}
	for partition := range u.place().owned {
		if !run[partition] {
			p.Waiting = append(p.Waiting, partition)
		}
	}
	slices.Sort(p.Waiting)
	slices.SortFunc(p.Tasks, func(a, b TaskStatus) int {
		return cmp.Or(cmp.Compare(a.Edition, b.Edition), cmp.Compare(a.Partition, b.Partition))
	})
	return p
}

// maxReasons bounds Status.NotReady.
const maxReasons = 100

// notReady says what keeps the worker from being ready.
func (w *Worker) notReady(s *Status) []string {
	var reasons []string
	add := func(format string, args ...any) {
		if len(reasons) < maxReasons {
			reasons = append(reasons, fmt.Sprintf(format, args...))
		}
	}
	w.mu.Lock()
	done, err := w.mu.done, w.mu.err
	w.mu.Unlock()
	switch {
	case done && err != nil:
		add("the worker has ended: %v", err)
	case done:
		add("the worker has ended")
	case w.stopping.Load():
		add("the worker is stopping")
	case !w.started.Load():
		add("the worker was not started")
	}
	for i := range s.Processors {
		p := &s.Processors[i]
		if !p.Assigned {
			add("processor %s: the group has not assigned partitions", p.Name)
		}
		for _, n := range p.Waiting {
			add("processor %s, partition %d: no task runs yet", p.Name, n)
		}
		for j := range p.Tasks {
			if t := &p.Tasks[j]; !t.ready() {
				add("processor %s, partition %d, edition %d: %s", p.Name, t.Partition, t.Edition, t.describe())
			}
		}
	}
	return reasons
}

func (t *TaskStatus) ready() bool {
	return t.Phase == Running || t.Phase == Backoff || t.Phase == Building
}

// describe says in words where a task is that is not ready.
func (t *TaskStatus) describe() string {
	switch {
	case t.Stopped != nil:
		return t.Stopped.Error()
	case t.Phase == Restoring:
		return fmt.Sprintf("restoring, %d of %d offsets", t.Restored, t.ToRestore)
	}
	return string(t.Phase)
}

func (t *task) status() TaskStatus {
	s := &t.shared
	s.Lock()
	defer s.Unlock()
	out := TaskStatus{Partition: t.partition, Edition: t.ed.number, Phase: s.phase, Commits: s.commits, Records: s.records,
		Skipped: s.skipped, Retries: s.retries, Reloads: s.reloads, BuildLeft: -1, StreamTime: s.time, Letters: s.letters, Fenced: s.fenced, Foreign: s.foreign, Lost: s.lost, Restored: s.restored, ToRestore: s.toRestore}
	for _, m := range s.copies {
		out.Reads = append(out.Reads, m.status())
	}
	for _, in := range t.ed.inputs {
		name := in.stream.Name
		is := InputStatus{Stream: name, Committed: s.committed[name], End: max(s.ends[name], s.committed[name]),
			Readable: max(s.stables[name], s.committed[name])}
		if b := s.behind[name]; b != nil {
			is.BehindSince = b.since(is.Committed)
		}
		out.Inputs = append(out.Inputs, is)
	}
	if t.follow != nil {
		out.BuildLeft = 0
		for name, limit := range t.follow.limits {
			out.BuildLeft += max(0, limit-s.committed[name])
		}
	}
	if p := s.parked; p != nil {
		out.Stopped = &StoppedError{p.Stream, p.Record, time.UnixMilli(p.Time), p.Reason}
	}
	return out
}

func (t *task) runningPhase() Phase {
	if t.parked != nil {
		return Parked
	}
	if t.follow != nil {
		return Building
	}
	return Running
}
