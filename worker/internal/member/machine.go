package member

import (
	"errors"
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// The machine decides, the loop in run.go performs. At most one task is under way at a time, besides heartbeats; its
// end is the event taskDone.

// task is something the loop does and then reports on.
type task int

const (
	taskNone    task = iota
	taskJoin         // Groups.Join
	taskSync         // Groups.Sync, with the plan if this member leads
	taskAssign       // Hooks.Assigned
	taskPrepare      // Hooks.Prepare
	taskLost         // Hooks.Lost
	taskBackoff      // wait, then taskDone
	taskLeave        // Groups.Leave
)

var taskNames = [...]string{"nothing", "join", "sync", "take the assignment", "prepare", "give up what was lost", "wait", "leave"}

func (t task) String() string { return taskNames[t] }

// event is what happened. Exactly one of the fields is set; err and what follows belong to taskDone and beat.
type event struct {
	start    bool
	taskDone bool
	beat     bool // a heartbeat was answered
	rejoin   bool // the host wants a rebalance
	stop     bool // Run must end

	err        error
	joined     commitlog.Joined // of taskJoin
	partitions []int32          // of taskSync
	series     int              // of beat: which run of heartbeats answered
}

// effects is what the loop must do now, in this order.
type effects struct {
	cancel bool          // end the context of the task under way; it still reports
	quiet  bool          // stop heartbeats
	beat   bool          // begin heartbeats for the member as it is now
	run    task          // begin this task
	wait   time.Duration // of taskBackoff
	done   bool          // Run ends with err once no task is under way
	err    error
}

// machine is the membership of one worker in one group.
//
// Invariants: task is taskNone only before the first event and after done; held says that the host has been given
// partitions and not been told Lost since; beating only while member is of a generation that this member has synced.
type machine struct {
	config Config
	member commitlog.Member
	joined commitlog.Joined // of the last join, for the leader's plan
	assign []int32          // what taskAssign hands over; then what the host holds

	task     task
	held     bool
	beating  bool
	series   int   // counts the runs of heartbeats, to know a late answer
	again    bool  // a rebalance is due as soon as the task under way is over
	lost     error // why membership ended while a task was under way
	stopping bool
	fatal    error // what Run ends with; nil: it was asked to
	failures int   // in a row, for backoff
}

func newMachine(c Config) *machine {
	m := &machine{config: c}
	m.forget()
	return m
}

// forget makes the member one that has never joined.
func (m *machine) forget() {
	m.member = commitlog.Member{Group: m.config.Group, InstanceID: m.config.Instance, Generation: -1}
}

// step takes one event.
func (m *machine) step(e event) effects {
	var f effects
	switch {
	case e.start:
		m.begin(&f, taskJoin)
	case e.stop:
		m.stop(&f)
	case e.rejoin:
		m.rebalance(&f)
	case e.beat:
		m.heard(&f, e)
	case e.taskDone:
		m.finished(&f, e)
	}
	return f
}

func (m *machine) begin(f *effects, t task) {
	m.task, f.run = t, t
	if t == taskJoin {
		m.again = false // what the host wanted the leader to know is said now
	}
}

// steady says that the member works and nothing is under way.
func (m *machine) steady() bool { return m.task == taskNone && m.held }

// rebalance begins the way to the next generation, now or when the task under way is over.
func (m *machine) rebalance(f *effects) {
	switch {
	case m.steady():
		m.begin(f, taskPrepare)
	case m.task != taskPrepare:
		m.again = true // before a join begins this costs nothing; begin clears it
	}
}

// heard takes the answer to a heartbeat. One of an earlier run says nothing about this membership.
func (m *machine) heard(f *effects, e event) {
	if !m.beating || e.series != m.series || m.stopping || m.lost != nil {
		return
	}
	switch classify(e.err) {
	case classRebalance:
		m.rebalance(f)
	case classLost, classFatal:
		m.lost = e.err
		m.hush(f)
		if m.task == taskNone {
			m.lose(f)
		} else {
			f.cancel = true // its hook is told; the rest follows when it returns
		}
	}
}

func (m *machine) hush(f *effects) {
	f.quiet = f.quiet || m.beating
	m.beating = false
}

// lose is what follows from the end of membership once no task is under way: the host gives everything up, then the
// member joins as new, or Run ends.
func (m *machine) lose(f *effects) {
	m.hush(f)
	err := m.lost
	m.lost = nil
	if classify(err) == classFatal {
		m.fatal = fmt.Errorf("member of group %s: %w", m.config.Group, err)
	} else {
		m.forget()
	}
	if m.held {
		m.held = false
		m.begin(f, taskLost)
		return
	}
	m.comeBack(f)
}

// comeBack joins again after something failed: at once the first time, later after a wait.
func (m *machine) comeBack(f *effects) {
	if m.fatal != nil || m.stopping {
		m.end(f)
		return
	}
	m.failures++
	if m.failures == 1 {
		m.begin(f, taskJoin)
		return
	}
	m.begin(f, taskBackoff)
	f.wait = m.config.backoff(m.failures-2, m.config.Random())
}

// finished takes the end of the task under way.
func (m *machine) finished(f *effects, e event) {
	was := m.task
	m.task = taskNone
	if was == taskJoin && e.err == nil {
		m.member, m.joined = e.joined.Member, e.joined // also when stopping: it must be known to leave
	}
	switch {
	case was == taskLeave:
		m.end(f)
	case m.stopping:
		m.farewell(f)
	case m.lost != nil:
		m.lose(f)
	case was == taskLost:
		m.comeBack(f)
	case was == taskBackoff, was == taskPrepare:
		m.hush(f)
		m.begin(f, taskJoin)
	case was == taskJoin && e.err == nil:
		m.begin(f, taskSync)
	case was == taskSync && e.err == nil:
		m.assign, m.failures = e.partitions, 0
		m.held, m.beating, f.beat = true, true, true
		m.series++
		m.begin(f, taskAssign)
	case was == taskAssign && e.err == nil:
		if m.again {
			m.begin(f, taskPrepare)
		}
	case was == taskAssign:
		m.fatal = fmt.Errorf("member of group %s: take partitions %v of generation %d: %w",
			m.config.Group, m.assign, m.member.Generation, e.err)
		m.stopping = true
		m.hush(f)
		m.held = false
		m.begin(f, taskLost)
	default:
		m.failed(f, was, e.err)
	}
}

// failed takes a join or a sync that did not come through.
func (m *machine) failed(f *effects, was task, err error) {
	switch classify(err) {
	case classRebalance, classRetry:
		m.comeBack(f)
	default:
		m.lost = fmt.Errorf("%v: %w", was, err)
		m.lose(f)
	}
}

// stop begins the end of Run: what is under way is cut short, then the member says farewell.
func (m *machine) stop(f *effects) {
	if m.stopping {
		return
	}
	m.stopping = true
	if m.task == taskNone {
		m.farewell(f)
		return
	}
	f.cancel = true
}

// farewell leaves the group, so that others take over at once. A static member stays for its session timeout: who comes
// back finds its place. One that was fenced has no place to leave.
func (m *machine) farewell(f *effects) {
	m.hush(f)
	if m.member.ID != "" && m.member.InstanceID == "" && !errors.Is(m.lost, commitlog.ErrNotMember) {
		m.begin(f, taskLeave)
		return
	}
	m.end(f)
}

func (m *machine) end(f *effects) {
	m.hush(f)
	m.task = taskNone
	f.done, f.err = true, m.fatal
}

// backoff is how long to wait after n failures before: doubling, and drawn from the upper half by random, so that
// members that failed together do not come back together.
func (c Config) backoff(n int, random uint64) time.Duration {
	d := c.BackoffMin
	for ; n > 0 && d < c.BackoffMax; n-- {
		d *= 2
	}
	d = min(d, c.BackoffMax)
	return d - time.Duration(random%uint64(d/2+1))
}
