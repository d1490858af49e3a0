package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Machine coordinates all groups of one broker. It is not safe for concurrent use: one owner calls it.
type Machine struct {
	config Config
}

// New makes a machine without groups. It fails only on a Config that cannot work, and then names every fault.
func New(c Config) (*Machine, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Machine{config: c}, nil
}

// Handles says whether Step answers this request type.
func Handles(request kmsg.Request) bool { return false }

// Step takes one call. Its reply may come now, or from a later Step, Tick or Cancelled.
func (m *Machine) Step(call Call, now time.Time) Effects { return Effects{} }

// Tick does what is due at now: sessions, rebalances and pending members that ran out, initial delays that ended.
func (m *Machine) Tick(now time.Time) Effects { return Effects{} }

// Cancelled says that nobody waits for this call any more; it gets no reply.
func (m *Machine) Cancelled(token uint64, now time.Time) Effects { return Effects{} }

// Apply folds one record of the log into the state. It is called by recovery for each record since the snapshot, in
// log order, and by nobody else: Step has applied what it returns.
func (m *Machine) Apply(record []byte) error { return nil }

// Recovered ends recovery: groups come alive with the members that the log knows, each with one full session timeout.
func (m *Machine) Recovered(now time.Time) Effects { return Effects{} }

// AppendSnapshot appends the whole persistent state to dst.
func (m *Machine) AppendSnapshot(dst []byte) []byte { return dst }

// Restore replaces the persistent state by what AppendSnapshot wrote.
func (m *Machine) Restore(snapshot []byte) error { return nil }

// StageOffsets takes the offsets that a transaction commits with its end. The record, nil when nothing was taken, must
// be durable before the response leaves; it has been applied.
func (m *Machine) StageOffsets(pid int64, epoch int16, req *kmsg.TxnOffsetCommitRequest, now time.Time) (*kmsg.TxnOffsetCommitResponse, []byte) {
	return nil, nil
}

// EndTransaction makes the staged offsets of pid's transaction visible, or drops them. It is the fold of the broker's
// one end record: called live when that record is made, and by recovery when it is read.
func (m *Machine) EndTransaction(pid int64, epoch int16, commit bool) {}

// DropTopic forgets all offsets of a topic. It is the fold of the broker's record that deletes the topic.
func (m *Machine) DropTopic(topic string) {}
