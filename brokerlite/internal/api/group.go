package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// group hands the requests of consumer groups to their machine: JoinGroup 0 to 9, SyncGroup 0 to 5, Heartbeat 0 to 4,
// LeaveGroup 0 to 5, OffsetCommit 2 to 9, OffsetFetch 1 to 9, ListGroups 0 to 5, DescribeGroups 0 to 6, DeleteGroups 0 to
// 2. While the disk is full, those that would have to write answer COORDINATOR_NOT_AVAILABLE, which clients retry.
func (s *Server) group(ctx context.Context, principal string, req kmsg.Request) (kmsg.Response, error) {
	if s.e.Full() {
		if resp := groupRefusal(req); resp != nil {
			return resp, nil
		}
	}
	return s.e.GroupRequest(ctx, principal, req)
}

func groupRefusal(req kmsg.Request) kmsg.Response {
	code := kerr.CoordinatorNotAvailable.Code
	switch req := req.(type) {
	case *kmsg.JoinGroupRequest:
		resp := req.ResponseKind().(*kmsg.JoinGroupResponse)
		resp.ErrorCode, resp.Generation, resp.MemberID = code, -1, req.MemberID
		return resp
	case *kmsg.SyncGroupRequest:
		resp := req.ResponseKind().(*kmsg.SyncGroupResponse)
		resp.ErrorCode = code
		return resp
	case *kmsg.OffsetCommitRequest:
		resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, t := range req.Topics {
			rt := kmsg.NewOffsetCommitResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetCommitResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp
	}
	return nil
}
