package group

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// sync takes a SyncGroup: the leader brings the plan, the others wait for it.
func (t *turn) sync(w *waiter, req *kmsg.SyncGroupRequest) {
	w.sync = req
	if req.Group == "" {
		t.refuseSync(w, codeInvalidGroupID)
		return
	}
	g := t.lookup(req.Group)
	if g == nil {
		t.refuseSync(w, codeUnknownMemberID)
		return
	}
	m, code := g.find(req.MemberID, optional(req.InstanceID))
	if code == codeNone {
		code = g.syncFault(req)
	}
	if code != codeNone {
		t.refuseSync(w, code)
		return
	}
	m.synced = true
	if g.state == stateStable {
		t.touchSession(g, m)
		t.reply(w, g.assigned(req, m))
		return
	}
	t.dismiss(m, codeRebalanceInProgress)
	m.sync = w
	t.hold(w, g, m)
	if m.id == g.leader {
		t.assign(g, req)
	}
}

// syncFault is why a member cannot have its assignment in this generation.
func (g *group) syncFault(req *kmsg.SyncGroupRequest) int16 {
	switch {
	case req.Generation != g.generation:
		return codeIllegalGeneration
	case req.ProtocolType != nil && *req.ProtocolType != g.protocolType,
		req.Protocol != nil && *req.Protocol != g.protocol:
		return codeInconsistentGroupProtocol
	case g.state == statePreparingRebalance:
		return codeRebalanceInProgress
	case g.state == stateEmpty:
		return codeUnknownMemberID
	}
	return codeNone
}

// assign takes the leader's plan over and answers all who wait for it.
func (t *turn) assign(g *group, req *kmsg.SyncGroupRequest) {
	for _, m := range g.order {
		m.assignment = nil
	}
	for _, a := range req.GroupAssignment {
		if m := g.byID[a.MemberID]; m != nil {
			m.assignment = slices.Clone(a.MemberAssignment)
		}
	}
	g.state = stateStable
	t.touch(g)
	for _, m := range g.order {
		if len(m.assignment) == 0 {
			m.assignment = nothingAssigned(g.protocolType)
		}
		if w := m.sync; w != nil {
			m.sync = nil
			t.touchSession(g, m)
			t.reply(w, g.assigned(w.sync, m))
		}
	}
}

// nothingAssigned is the assignment of a member that the leader left out. Clients parse it, so for consumers it is a
// ConsumerProtocol assignment of version 0 without topics and without user data; what other protocol types would
// parse is not known here.
func nothingAssigned(protocolType string) []byte {
	if protocolType != "consumer" {
		return []byte{}
	}
	return []byte{0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}
}

// expireSync puts members out that never asked for their assignment, though the rebalance timeout has passed.
func (t *turn) expireSync(g *group) {
	g.syncBy = time.Time{}
	for _, m := range slices.Clone(g.order) {
		if !m.synced {
			t.drop(g, m)
		}
	}
	if g.touched {
		t.prepare(g)
	}
}

func (t *turn) refuseSync(w *waiter, code int16) {
	r := w.sync.ResponseKind().(*kmsg.SyncGroupResponse)
	r.ErrorCode = code
	r.MemberAssignment = []byte{}
	t.reply(w, r)
}

func (g *group) assigned(req *kmsg.SyncGroupRequest, m *member) *kmsg.SyncGroupResponse {
	r := req.ResponseKind().(*kmsg.SyncGroupResponse)
	protocolType, chosen := g.protocolType, g.protocol
	r.ProtocolType, r.Protocol = &protocolType, &chosen
	r.MemberAssignment = slices.Clone(m.assignment) // the caller's from here on
	return r
}
