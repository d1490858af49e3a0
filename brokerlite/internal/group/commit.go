package group

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commitOffsets takes offsets of a member in the current generation, or, while the group is empty, of anybody.
func (t *turn) commitOffsets(req *kmsg.OffsetCommitRequest) *kmsg.OffsetCommitResponse {
	code := t.commitFault(req)
	r := req.ResponseKind().(*kmsg.OffsetCommitResponse)
	var taken []namedOffset
	for _, topic := range req.Topics {
		k := kmsg.NewOffsetCommitResponseTopic()
		k.Topic, k.TopicID = topic.Topic, topic.TopicID
		for _, p := range topic.Partitions {
			kp := kmsg.NewOffsetCommitResponseTopicPartition()
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
	if len(taken) > 0 {
		t.open(req.Group)
		t.record(appendOffsets(nil, req.Group, taken))
	}
	return r
}

// commitFault is why nothing of this request can be taken. A member's commit counts as a sign of life.
func (t *turn) commitFault(req *kmsg.OffsetCommitRequest) int16 {
	if req.Version >= 10 {
		return codeUnsupportedVersion // it names topics by id; the broker does not offer it
	}
	g := t.lookup(req.Group)
	instance := optional(req.InstanceID)
	m, code := t.committer(g, req.Generation, req.MemberID, instance)
	switch {
	case code != codeNone:
		return code
	case g == nil:
		return t.roomForGroup(req.Group)
	case m == nil && g.state != stateEmpty:
		return codeUnknownMemberID // members only, while there are any
	case g.state == stateCompletingRebalance:
		return codeRebalanceInProgress
	case m != nil:
		t.touchSession(g, m)
	}
	return codeNone
}

// committer checks who commits: the member, or nil if the request names none, or why it may not.
func (t *turn) committer(g *group, generation int32, id, instance string) (*member, int16) {
	anonymous := generation < 0 && id == "" && instance == ""
	switch {
	case anonymous, generation < 0 && (g == nil || g.state == stateEmpty):
		return nil, codeNone
	case g == nil:
		return nil, codeIllegalGeneration
	}
	m, code := g.find(id, instance)
	if code == codeNone && generation != g.generation {
		code = codeIllegalGeneration
	}
	return m, code
}

// roomForGroup says whether one more group may be known.
func (t *turn) roomForGroup(name string) int16 {
	if t.groups[name] == nil && len(t.groups) >= t.config.MaxGroups {
		return codeCoordinatorNotAvailable
	}
	return codeNone
}

func (t *turn) offset(topic string, index int32, position int64, leaderEpoch int32, metadata *string) namedOffset {
	return namedOffset{
		partition: partition{topic: topic, index: index},
		offset: offset{
			position: position, leaderEpoch: leaderEpoch, metadata: optional(metadata),
			committed: t.now.UnixMilli(), order: t.ledger.order + 1,
		},
	}
}

// offsetFault is why this one offset is not taken.
func (t *turn) offsetFault(o namedOffset) int16 {
	switch {
	case len(o.metadata) > t.config.MaxMetadataBytes:
		return codeOffsetMetadataTooLarge
	case !t.config.Exists(o.partition.topic, o.partition.index):
		return codeUnknownTopicOrPartition
	}
	return codeNone
}
