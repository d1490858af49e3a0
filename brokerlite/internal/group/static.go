package group

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// replaceStatic gives the place of a static member to the process that now joins with its instance id. The old member
// id is fenced. When the group is stable and the newcomer subscribes to what the old one did, nothing else changes
// (KIP-345).
func (t *turn) replaceStatic(w *waiter, g *group, m *member, call Call, req *kmsg.JoinGroupRequest, protocols []protocol) {
	t.dismiss(m, codeFencedInstanceID)
	oldID := m.id
	was := m.metadata(g.protocol)
	m.id = t.newID(call, m.instance)
	delete(g.byID, oldID)
	g.byID[m.id] = m
	if g.leader == oldID {
		g.leader = m.id
	}
	t.enrol(g, m, call, req, protocols)
	m.told = true // whoever has the instance id can speak for it
	t.touch(g)

	unchanged := g.vote() == g.protocol && sameSubscription(g.protocolType, was, m.metadata(g.protocol))
	if g.state == stateStable && unchanged {
		t.touchSession(g, m)
		t.reply(w, g.replaced(req, m, oldID))
		return
	}
	t.holdJoin(w, g, m)
	t.prepare(g)
}

// replaced is the answer for a static member that is back in its place. A leader must not make a plan, for the others
// would not come to fetch it: from version 9 on it is told so (KIP-814), before that the old id is named as leader.
func (g *group) replaced(req *kmsg.JoinGroupRequest, m *member, oldID string) *kmsg.JoinGroupResponse {
	r := g.joined(req, m)
	if m.id != g.leader {
		return r
	}
	if req.Version >= 9 {
		r.SkipAssignment = true
		return r
	}
	r.LeaderID = oldID
	r.Members = []kmsg.JoinGroupResponseMember{}
	return r
}

// sameSubscription says whether two texts of a member ask for the same topics. What a consumer says beside them (its
// user data, what it owned) differs after every start and is no reason to move partitions. Of other protocol types
// nothing is known, so every byte counts.
func sameSubscription(protocolType string, a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if protocolType != "consumer" {
		return false
	}
	topicsA, okA := subscribed(a)
	topicsB, okB := subscribed(b)
	return okA && okB && slices.Equal(topicsA, topicsB)
}

// subscribed reads the topics, sorted, of a ConsumerProtocol subscription: a version, then an array of strings.
func subscribed(b []byte) (topics []string, ok bool) {
	if len(b) < 6 {
		return nil, false
	}
	n := binary.BigEndian.Uint32(b[2:])
	b = b[6:]
	for range n {
		if len(b) < 2 {
			return nil, false
		}
		size := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; len(b) < size {
			return nil, false
		}
		topics, b = append(topics, string(b[:size])), b[size:]
	}
	slices.Sort(topics)
	return topics, true
}
