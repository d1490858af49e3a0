package group

import (
	"bytes"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// replaceStatic gives the place of a static member to the process that now joins with its instance id. The old member
// id is fenced. When the group is stable and the newcomer says what the old one said, nothing else changes (KIP-345).
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

	unchanged := g.vote() == g.protocol && bytes.Equal(was, m.metadata(g.protocol))
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
