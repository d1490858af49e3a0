package group

import "github.com/twmb/franz-go/pkg/kmsg"

// leave takes members out at once: one by its id (versions 0 to 2), or several by id or instance id. An instance id
// without a member id is an admin that removes a static member.
func (t *turn) leave(req *kmsg.LeaveGroupRequest) *kmsg.LeaveGroupResponse {
	r := req.ResponseKind().(*kmsg.LeaveGroupResponse)
	if req.Group == "" {
		r.ErrorCode = codeInvalidGroupID
		return r
	}
	g := t.lookup(req.Group)
	if req.Version < 3 {
		r.ErrorCode = t.leaveOne(g, req.MemberID, "")
	}
	for _, m := range req.Members {
		k := kmsg.NewLeaveGroupResponseMember()
		k.MemberID, k.InstanceID = m.MemberID, m.InstanceID
		k.ErrorCode = t.leaveOne(g, m.MemberID, optional(m.InstanceID))
		r.Members = append(r.Members, k)
	}
	if g != nil {
		if g.touched {
			t.prepare(g)
		}
		t.completeIfAllJoined(g)
		t.prune(g)
	}
	return r
}

func (t *turn) leaveOne(g *group, id, instance string) int16 {
	if g == nil {
		return codeUnknownMemberID
	}
	if _, pending := g.pending[id]; pending && instance == "" {
		delete(g.pending, id)
		return codeNone
	}
	if static := g.instances[instance]; static != nil && id == "" {
		id = static.id
	}
	m, code := g.find(id, instance)
	if code == codeNone {
		t.drop(g, m)
	}
	return code
}
