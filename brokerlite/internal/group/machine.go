package group

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/internal/invariant"
)

// Machine coordinates all groups of one broker. It is not safe for concurrent use: one owner calls it.
type Machine struct {
	config  Config
	ledger  *ledger
	groups  map[string]*group  // live half; one for each group of the ledger, and those with members only
	waiting map[uint64]*waiter // calls not answered yet, by token
	due     deadlines
	started bool // recovery is over: Apply and Restore are refused
}

// New makes a machine without groups. It fails only on a Config that cannot work, and then names every fault.
func New(c Config) (*Machine, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Machine{
		config:  c,
		ledger:  newLedger(),
		groups:  make(map[string]*group),
		waiting: make(map[uint64]*waiter),
	}, nil
}

// Handles says whether Step answers this request type. TxnOffsetCommit is not among them: see StageOffsets.
func Handles(request kmsg.Request) bool {
	switch request.(type) {
	case *kmsg.JoinGroupRequest, *kmsg.SyncGroupRequest, *kmsg.HeartbeatRequest, *kmsg.LeaveGroupRequest,
		*kmsg.OffsetCommitRequest, *kmsg.OffsetFetchRequest,
		*kmsg.ListGroupsRequest, *kmsg.DescribeGroupsRequest, *kmsg.DeleteGroupsRequest:
		return true
	}
	return false
}

// Step takes one call. Its reply may come now, or from a later Step or Tick. A request that Handles refuses panics: the
// owner asks first.
func (m *Machine) Step(call Call, now time.Time) Effects {
	m.started = true
	t := &turn{Machine: m, now: now}
	w := &waiter{token: call.Token}
	switch req := call.Request.(type) {
	case *kmsg.JoinGroupRequest:
		t.join(w, call, req)
	case *kmsg.SyncGroupRequest:
		t.sync(w, req)
	case *kmsg.HeartbeatRequest:
		t.reply(w, t.heartbeat(req))
	case *kmsg.LeaveGroupRequest:
		t.reply(w, t.leave(req))
	case *kmsg.OffsetCommitRequest:
		t.reply(w, t.commitOffsets(req))
	case *kmsg.OffsetFetchRequest:
		t.reply(w, t.fetchOffsets(req))
	case *kmsg.ListGroupsRequest:
		t.reply(w, t.list(req))
	case *kmsg.DescribeGroupsRequest:
		t.reply(w, t.describe(req))
	case *kmsg.DeleteGroupsRequest:
		t.reply(w, t.delete(req))
	default:
		panic(fmt.Sprintf("group: Step got a %T, which Handles refuses", call.Request))
	}
	return t.finish()
}

// Tick does what is due at now: sessions, rebalances and pending members that ran out, initial delays that ended.
func (m *Machine) Tick(now time.Time) Effects {
	m.started = true
	t := &turn{Machine: m, now: now}
	for {
		g := m.due.first()
		if g == nil || now.Before(g.next) {
			break
		}
		t.expire(g)
		m.due.set(g, g.earliest())
		invariant.Check(g.next.IsZero() || g.next.After(now), "group %q is due again at once", g.name)
	}
	return t.finish()
}

// Cancelled says that nobody waits for this call any more; it gets no reply. Its member stays, with its session
// running, and counts as one that has not joined, or not synced. A member that was never told its id is removed, since
// nobody can ever speak for it. An unknown token, or one already answered, changes nothing.
func (m *Machine) Cancelled(token uint64, now time.Time) Effects {
	m.started = true
	t := &turn{Machine: m, now: now}
	if w := m.waiting[token]; w != nil {
		t.cancel(w)
	}
	return t.finish()
}

// Apply folds one record of the log into the state. It is called by recovery for each record since the snapshot, in
// log order, and by nobody else: Step has applied what it returns. The record is not kept.
func (m *Machine) Apply(record []byte) error {
	if m.started {
		return fmt.Errorf("group: apply a record of %d bytes: recovery is over", len(record))
	}
	return m.ledger.apply(record)
}

// Restore replaces the persistent state by what AppendSnapshot wrote. The bytes are not kept.
func (m *Machine) Restore(snapshot []byte) error {
	if m.started {
		return fmt.Errorf("group: restore a snapshot of %d bytes: recovery is over", len(snapshot))
	}
	l, err := readSnapshot(snapshot)
	if err != nil {
		return err
	}
	m.ledger = l
	return nil
}

// AppendSnapshot appends the whole persistent state to dst. Equal states give equal bytes.
func (m *Machine) AppendSnapshot(dst []byte) []byte { return m.ledger.appendSnapshot(dst) }

// EndTransaction makes the staged offsets of pid's transaction visible, or drops them. It is the fold of the broker's
// one end record: called live when that record is made, and by recovery when it is read. A commit takes what was
// staged with this epoch; offsets left by an older epoch are dropped either way.
func (m *Machine) EndTransaction(pid int64, epoch int16, commit bool) {
	m.ledger.endTransaction(pid, epoch, commit)
}

// DropTopic forgets all offsets of a topic, staged ones too. It is the fold of the broker's record that deletes the
// topic, so that a topic of the same name made later starts without offsets.
func (m *Machine) DropTopic(topic string) { m.ledger.dropTopic(topic) }
