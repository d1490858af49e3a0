package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// StageOffsets takes the offsets that a transaction commits with its end; nobody sees them before (S16). Whether pid and
// epoch may write in this transaction is the caller's to check. Of the member it checks id, instance and generation,
// not the state of the rebalance; versions below 3 name none. The record, nil when nothing was taken, must be durable
// before the response leaves, and so must all earlier ones; it has been applied.
func (m *Machine) StageOffsets(pid int64, epoch int16, req *kmsg.TxnOffsetCommitRequest, now time.Time) (*kmsg.TxnOffsetCommitResponse, []byte) {
	m.started = true
	t := &turn{Machine: m, now: now}
	code := t.stageFault(req)
	r := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
	var taken []namedOffset
	for _, topic := range req.Topics {
		k := kmsg.NewTxnOffsetCommitResponseTopic()
		k.Topic, k.TopicID = topic.Topic, topic.TopicID
		for _, p := range topic.Partitions {
			kp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
			kp.Partition = p.Partition
			o := t.offset(topic.Topic, p.Partition, p.Offset, p.LeaderEpoch, p.Metadata)
			if kp.ErrorCode = code; code == codeNone {
				kp.ErrorCode = t.offsetFault(o)
			}
			if kp.ErrorCode == codeNone {
				taken = append(taken, o)
			}
			k.Partitions = append(k.Partitions, kp)
		}
		r.Topics = append(r.Topics, k)
	}
	if len(taken) == 0 {
		return r, nil
	}
	t.open(req.Group)
	t.record(appendStaged(nil, req.Group, pid, epoch, taken))
	return r, t.effects.Records[0]
}

func (t *turn) stageFault(req *kmsg.TxnOffsetCommitRequest) int16 {
	switch {
	case req.Group == "":
		return codeInvalidGroupID
	case req.Version >= 6:
		return codeUnsupportedVersion // it names topics by id; the broker does not offer it
	}
	g := t.lookup(req.Group)
	_, code := t.committer(g, req.Generation, req.MemberID, optional(req.InstanceID))
	if code == codeNone {
		code = t.roomForGroup(req.Group)
	}
	return code
}
