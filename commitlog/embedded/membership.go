package embedded

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/commitlog"
)

// Sync implements commitlog.Groups.
func (l *Log) Sync(ctx context.Context, m commitlog.Member, protocol string, assignments map[string][]byte) ([]byte, error) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version = 5
	req.Group, req.Generation, req.MemberID, req.InstanceID = m.Group, m.Generation, m.ID, optional(m.InstanceID)
	req.ProtocolType, req.Protocol = kmsg.StringPtr(protocolType), &protocol
	for id, assignment := range assignments {
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		a.MemberID, a.MemberAssignment = id, assignment
		req.GroupAssignment = append(req.GroupAssignment, a)
	}
	var assignment []byte
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		assignment = resp.MemberAssignment
		return resp.ErrorCode, "", nil
	})
	if err != nil {
		return nil, fmt.Errorf("sync group %s: %w", m.Group, err)
	}
	return assignment, nil
}

// Heartbeat implements commitlog.Groups.
func (l *Log) Heartbeat(ctx context.Context, m commitlog.Member) error {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version = 4
	req.Group, req.Generation, req.MemberID, req.InstanceID = m.Group, m.Generation, m.ID, optional(m.InstanceID)
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		return resp.ErrorCode, "", nil
	})
	if err != nil {
		return fmt.Errorf("heartbeat to group %s: %w", m.Group, err)
	}
	return nil
}

// Leave implements commitlog.Groups.
func (l *Log) Leave(ctx context.Context, m commitlog.Member) error {
	member := kmsg.NewLeaveGroupRequestMember()
	member.MemberID, member.InstanceID = m.ID, optional(m.InstanceID)
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Version = 5
	req.Group = m.Group
	req.Members = append(req.Members, member)
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil || resp.ErrorCode != 0 {
			if err != nil {
				return 0, "", err
			}
			return resp.ErrorCode, "", nil
		}
		return oneAnswer(len(resp.Members), func() (int16, *string) { return resp.Members[0].ErrorCode, nil })
	})
	if err != nil {
		return fmt.Errorf("leave group %s: %w", m.Group, err)
	}
	return nil
}
