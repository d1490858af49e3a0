package embedded

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/commitlog"
)

// protocolType is what all consumers say, so that Kafka's tools can read members and assignments.
const protocolType = "consumer"

// Join implements commitlog.Groups.
func (l *Log) Join(ctx context.Context, r commitlog.JoinRequest) (commitlog.Joined, error) {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version = 9
	req.Group, req.MemberID, req.InstanceID = r.Member.Group, r.Member.ID, optional(r.Member.InstanceID)
	req.ProtocolType = protocolType
	req.SessionTimeoutMillis = millis(r.SessionTimeout)
	req.RebalanceTimeoutMillis = millis(r.RebalanceTimeout)
	if r.RebalanceTimeout == 0 {
		req.RebalanceTimeoutMillis = req.SessionTimeoutMillis
	}
	req.Reason = optional(r.Reason)
	for _, p := range r.Protocols {
		q := kmsg.NewJoinGroupRequestProtocol()
		q.Name, q.Metadata = p.Name, p.Metadata
		req.Protocols = append(req.Protocols, q)
	}
	resp, err := l.join(ctx, req)
	if err != nil {
		return commitlog.Joined{}, fmt.Errorf("join group %s: %w", r.Member.Group, err)
	}
	joined := commitlog.Joined{
		Member: commitlog.Member{Group: r.Member.Group, ID: resp.MemberID, InstanceID: r.Member.InstanceID,
			Generation: resp.Generation},
		Protocol: text(resp.Protocol),
		Leader:   resp.LeaderID == resp.MemberID,
	}
	for _, m := range resp.Members {
		joined.Members = append(joined.Members, commitlog.GroupMember{ID: m.MemberID, InstanceID: text(m.InstanceID),
			Metadata: m.ProtocolMetadata})
	}
	return joined, nil
}

// join sends the request; a new dynamic member is first told its id and then comes again with it (KIP-394), so that a
// join that is given up leaves nothing that others wait for.
func (l *Log) join(ctx context.Context, req *kmsg.JoinGroupRequest) (resp *kmsg.JoinGroupResponse, err error) {
	err = retry(ctx, func() (int16, string, error) {
		if resp, err = req.RequestWith(ctx, l); err != nil {
			return 0, "", err
		}
		if resp.ErrorCode == codeMemberIDRequired {
			req.MemberID = resp.MemberID
			if resp, err = req.RequestWith(ctx, l); err != nil {
				return 0, "", err
			}
		}
		return resp.ErrorCode, "", nil
	})
	return resp, err
}
