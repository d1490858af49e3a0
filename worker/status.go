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
	ID          string // of this worker, kept in the state directory
	Ready       bool   // every task that it has runs, none is restoring, parked or stopped
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
	Name    string
	Edition int // that serves; 0 before the first assignment
	Tasks   []TaskStatus
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
	Letters   int64 // dead letters
	Fenced    int64 // emits held back while building
	Foreign   int64 // keys of other partitions, where that is allowed
	Lost      int64 // offsets passed because retention was faster
	Restored  int64 // offsets read of ToRestore
	ToRestore int64
	Stopped   *StoppedError // nil unless it stands at a record
}

// InputStatus is where a task stands in one input.
type InputStatus struct {
	Stream    string
	Committed int64 // next offset
	End       int64 // high watermark as last seen
}

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
	s := Status{ID: id, Ready: true, Buffered: w.budget.used.Load(), MovedAside: w.moved.Load(), HungHandler: w.hung.Load(),
		CommitEvery: w.config.CommitEvery, BufferBytes: w.config.BufferBytes, StateMemory: w.config.StateMemory}
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
		p := ProcessorStatus{Name: u.decl.Name}
		for _, t := range tasks {
			if t.ed.unit == u {
				ts := t.status()
				p.Tasks = append(p.Tasks, ts)
				if !t.ed.following {
					p.Edition = max(p.Edition, t.ed.number)
				}
				s.Ready = s.Ready && (ts.Phase == Running || ts.Phase == Backoff || ts.Phase == Building)
			}
		}
		slices.SortFunc(p.Tasks, func(a, b TaskStatus) int {
			return cmp.Or(cmp.Compare(a.Edition, b.Edition), cmp.Compare(a.Partition, b.Partition))
		})
		s.Ready = s.Ready && len(p.Tasks) > 0
		s.Processors = append(s.Processors, p)
	}
	return s
}

func (t *task) status() TaskStatus {
	s := &t.shared
	s.Lock()
	defer s.Unlock()
	out := TaskStatus{Partition: t.partition, Edition: t.ed.number, Phase: s.phase, Commits: s.commits, Records: s.records,
		Skipped: s.skipped, Letters: s.letters, Fenced: s.fenced, Foreign: s.foreign, Lost: s.lost, Restored: s.restored, ToRestore: s.toRestore}
	for _, m := range s.copies {
		out.Reads = append(out.Reads, m.status())
	}
	for _, in := range t.ed.inputs {
		name := in.stream.Name
		out.Inputs = append(out.Inputs, InputStatus{name, s.committed[name], max(s.ends[name], s.committed[name])})
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
