package group

import "github.com/twmb/franz-go/pkg/kmsg"

// heartbeat keeps a member's session alive and tells it when it must join again.
func (t *turn) heartbeat(req *kmsg.HeartbeatRequest) *kmsg.HeartbeatResponse {
	r := req.ResponseKind().(*kmsg.HeartbeatResponse)
	g := t.lookup(req.Group)
	switch {
	case req.Group == "":
		r.ErrorCode = codeInvalidGroupID
		return r
	case g == nil:
		r.ErrorCode = codeUnknownMemberID
		return r
	}
	m, code := g.find(req.MemberID, optional(req.InstanceID))
	switch {
	case code != codeNone:
		r.ErrorCode = code
	case req.Generation != g.generation:
		r.ErrorCode = codeIllegalGeneration
	default:
		t.touchSession(g, m)
		if g.state == statePreparingRebalance {
			r.ErrorCode = codeRebalanceInProgress
		}
	}
	return r
}
