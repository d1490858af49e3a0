package group

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// join takes a JoinGroup. Unless it is refused, or the member is in a generation that need not change, the call is held
// until the rebalance it belongs to completes.
func (t *turn) join(w *waiter, call Call, req *kmsg.JoinGroupRequest) {
	w.join = req
	if code := t.joinFault(req); code != codeNone {
		t.refuseJoin(w, code)
		return
	}
	if req.MemberID == "" {
		t.joinUnknown(w, call, req)
		return
	}
	g := t.lookup(req.Group)
	if g == nil {
		t.refuseJoin(w, codeUnknownMemberID)
		return
	}
	t.joinKnown(w, g, call, req)
}

// joinFault is what is wrong with the request whoever sends it.
func (t *turn) joinFault(req *kmsg.JoinGroupRequest) int16 {
	session := time.Duration(req.SessionTimeoutMillis) * time.Millisecond
	switch {
	case req.Group == "":
		return codeInvalidGroupID
	case session < t.config.MinSessionTimeout || session > t.config.MaxSessionTimeout:
		return codeInvalidSessionTimeout
	case req.ProtocolType == "" || len(req.Protocols) == 0:
		return codeInconsistentGroupProtocol
	}
	return codeNone
}

// joinUnknown takes a member that has no id yet.
func (t *turn) joinUnknown(w *waiter, call Call, req *kmsg.JoinGroupRequest) {
	g := t.open(req.Group)
	if g == nil {
		t.refuseJoin(w, codeGroupMaxSizeReached)
		return
	}
	defer t.prune(g)
	instance := optional(req.InstanceID)
	old := g.instances[instance]
	protocols := protocolsOf(req)
	switch {
	case !g.accepts(req.ProtocolType, protocols, old):
		t.refuseJoin(w, codeInconsistentGroupProtocol)
	case old != nil:
		t.replaceStatic(w, g, old, call, req, protocols)
	case len(g.order)+len(g.pending) >= t.config.MaxMembers:
		t.refuseJoin(w, codeGroupMaxSizeReached)
	case instance == "" && req.Version >= 4:
		id := t.newID(call, "")
		g.pending[id] = t.now.Add(time.Duration(req.SessionTimeoutMillis) * time.Millisecond)
		t.arm(g, g.pending[id])
		r := joinResponse(req, codeMemberIDRequired)
		r.MemberID = id
		t.reply(w, r)
	default:
		t.admit(w, g, t.newID(call, instance), call, req, protocols)
	}
}

// joinKnown takes a member that names its id.
func (t *turn) joinKnown(w *waiter, g *group, call Call, req *kmsg.JoinGroupRequest) {
	instance := optional(req.InstanceID)
	if _, pending := g.pending[req.MemberID]; pending && instance == "" {
		protocols := protocolsOf(req)
		if !g.accepts(req.ProtocolType, protocols, nil) {
			t.refuseJoin(w, codeInconsistentGroupProtocol)
			return
		}
		delete(g.pending, req.MemberID)
		t.admit(w, g, req.MemberID, call, req, protocols)
		g.byID[req.MemberID].told = true
		return
	}
	m, code := g.find(req.MemberID, instance)
	if code != codeNone {
		t.refuseJoin(w, code)
		return
	}
	protocols := protocolsOf(req)
	if !g.accepts(req.ProtocolType, protocols, m) {
		t.refuseJoin(w, codeInconsistentGroupProtocol)
		return
	}
	m.told = true
	same := sameProtocols(m.protocols, protocols)
	current := g.state == stateCompletingRebalance && same || // its answer was lost
		g.state == stateStable && same && m.id != g.leader // a leader that joins wants a new plan
	if current {
		t.touchSession(g, m)
		t.reply(w, g.joined(req, m))
		return
	}
	t.enrol(g, m, call, req, protocols)
	t.holdJoin(w, g, m)
	t.prepare(g)
}

// admit makes a new member and holds its join.
func (t *turn) admit(w *waiter, g *group, id string, call Call, req *kmsg.JoinGroupRequest, protocols []protocol) {
	m := &member{id: id, instance: optional(req.InstanceID)}
	g.add(m)
	t.enrol(g, m, call, req, protocols)
	t.holdJoin(w, g, m)
	if g.state == statePreparingRebalance && !g.delayUntil.IsZero() {
		g.delayUntil = t.now.Add(t.config.InitialRebalanceDelay)
	}
	t.prepare(g)
}

// enrol takes over what a join says about its member.
func (t *turn) enrol(g *group, m *member, call Call, req *kmsg.JoinGroupRequest, protocols []protocol) {
	m.clientID, m.host = call.ClientID, call.Host
	m.embedded = call.Principal == PrincipalEmbedded
	m.sessionTimeout = time.Duration(req.SessionTimeoutMillis) * time.Millisecond
	m.rebalanceTimeout = time.Duration(req.RebalanceTimeoutMillis) * time.Millisecond
	if req.Version < 1 || m.rebalanceTimeout <= 0 {
		m.rebalanceTimeout = m.sessionTimeout
	}
	g.update(m, protocols)
	g.protocolType = req.ProtocolType
}

// holdJoin makes w the one call that waits for this member; an older one is told to ask again.
func (t *turn) holdJoin(w *waiter, g *group, m *member) {
	t.dismiss(m, codeRebalanceInProgress)
	m.join = w
	t.hold(w, g, m)
}

// dismiss answers the calls that this member still has open.
func (t *turn) dismiss(m *member, code int16) {
	if w := m.join; w != nil {
		m.join = nil
		t.refuseJoin(w, code)
	}
	if w := m.sync; w != nil {
		m.sync = nil
		t.refuseSync(w, code)
	}
}

func (t *turn) refuseJoin(w *waiter, code int16) { t.reply(w, joinResponse(w.join, code)) }

func joinResponse(req *kmsg.JoinGroupRequest, code int16) *kmsg.JoinGroupResponse {
	r := req.ResponseKind().(*kmsg.JoinGroupResponse)
	r.ErrorCode = code
	r.Generation = -1
	r.MemberID = req.MemberID
	r.Members = []kmsg.JoinGroupResponseMember{}
	return r
}

// joined is the answer for a member of the current generation; the leader's holds all members.
func (g *group) joined(req *kmsg.JoinGroupRequest, m *member) *kmsg.JoinGroupResponse {
	r := joinResponse(req, codeNone)
	r.Generation = g.generation
	protocolType, chosen := g.protocolType, g.protocol // copies: the group's own may change before this answer leaves
	r.ProtocolType, r.Protocol = &protocolType, &chosen
	r.LeaderID = g.leader
	r.MemberID = m.id
	if m.id == g.leader {
		r.Members = g.roster()
	}
	return r
}

// roster lists the members for the leader, in bytes of its own.
func (g *group) roster() []kmsg.JoinGroupResponseMember {
	members := make([]kmsg.JoinGroupResponseMember, 0, len(g.order))
	for _, m := range g.order {
		k := kmsg.NewJoinGroupResponseMember()
		k.MemberID = m.id
		k.InstanceID = nullable(m.instance)
		k.ProtocolMetadata = slices.Clone(m.metadata(g.protocol))
		members = append(members, k)
	}
	return members
}
