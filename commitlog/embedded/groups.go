package embedded

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/commitlog"
)

// ListGroups implements commitlog.Groups.
func (l *Log) ListGroups(ctx context.Context) ([]string, error) {
	req := kmsg.NewPtrListGroupsRequest()
	req.Version = 4
	var names []string
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		names = names[:0]
		for _, g := range resp.Groups {
			names = append(names, g.Group)
		}
		return resp.ErrorCode, "", nil
	})
	if err != nil {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	slices.Sort(names)
	return names, nil
}

// DescribeGroup implements commitlog.Groups. A group nobody knows is described as Dead by brokers (DescribeGroups below
// version 6) and is ErrUnknownGroup here.
func (l *Log) DescribeGroup(ctx context.Context, group string) (commitlog.Group, error) {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Version = 5
	req.Groups = []string{group}
	var described kmsg.DescribeGroupsResponseGroup
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		if len(resp.Groups) == 1 {
			described = resp.Groups[0]
		}
		return oneAnswer(len(resp.Groups), func() (int16, *string) { return described.ErrorCode, described.ErrorMessage })
	})
	if err == nil && described.State == "Dead" {
		err = commitlog.ErrUnknownGroup
	}
	if err != nil {
		return commitlog.Group{}, fmt.Errorf("describe group %s: %w", group, err)
	}
	g := commitlog.Group{Name: group, State: described.State, Protocol: described.Protocol}
	for _, m := range described.Members {
		g.Members = append(g.Members, commitlog.GroupMember{ID: m.MemberID, InstanceID: text(m.InstanceID),
			ClientID: m.ClientID, Host: m.ClientHost, Metadata: m.ProtocolMetadata, Assignment: m.MemberAssignment})
	}
	return g, nil
}

// DeleteGroup implements commitlog.Groups.
func (l *Log) DeleteGroup(ctx context.Context, group string) error {
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Version = 2
	req.Groups = []string{group}
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		return oneAnswer(len(resp.Groups), func() (int16, *string) { return resp.Groups[0].ErrorCode, resp.Groups[0].ErrorMessage })
	})
	if err != nil {
		return fmt.Errorf("delete group %s: %w", group, err)
	}
	return nil
}
