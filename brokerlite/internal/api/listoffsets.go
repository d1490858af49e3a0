package api

import (
	"context"

	"github.com/millrun/millrun/brokerlite/internal/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The timestamps of ListOffsets that are none.
const (
	latest        = -1 // the end: last stable offset for read_committed, else high watermark
	earliest      = -2
	maxTimestamp  = -3 // from version 7: the record with the largest timestamp
	earliestLocal = -4 // from version 8
	latestTiered  = -5 // from version 9: there is no other tier, so nothing is found
)

// listOffsets answers ListOffsets, versions 1 to 10 (S26).
func (s *Server) listOffsets(_ context.Context, req *kmsg.ListOffsetsRequest) (kmsg.Response, error) {
	resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewListOffsetsResponseTopic()
		rt.Topic = t.Topic
		for i := range t.Partitions {
			rt.Partitions = append(rt.Partitions, s.listOffset(req, t.Topic, &t.Partitions[i]))
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp, nil
}

func (s *Server) listOffset(req *kmsg.ListOffsetsRequest, topic string, in *kmsg.ListOffsetsRequestTopicPartition) kmsg.ListOffsetsResponseTopicPartition {
	r := kmsg.NewListOffsetsResponseTopicPartition()
	r.Partition, r.Offset, r.Timestamp, r.LeaderEpoch = in.Partition, -1, -1, -1
	var p *partition.Partition
	if p, r.ErrorCode = s.find(false, topic, [16]byte{}, in.Partition); r.ErrorCode != 0 {
		return r
	}
	v := p.View()
	if r.ErrorCode = epochCode(in.CurrentLeaderEpoch, v.Epoch); r.ErrorCode != 0 {
		return r
	}
	limit := v.High
	if req.IsolationLevel == 1 {
		limit = v.Stable
	}
	switch in.Timestamp {
	case latest:
		r.Offset, r.LeaderEpoch = limit, v.Epoch
	case earliest, earliestLocal:
		r.Offset, r.LeaderEpoch = v.LogStart, p.EpochAt(v.LogStart)
	case latestTiered:
	case maxTimestamp:
		stamp, found, code := p.LatestTime(limit)
		if r.ErrorCode = code; found {
			r.Offset, r.Timestamp, r.LeaderEpoch = stamp.Offset, stamp.Timestamp, stamp.LeaderEpoch
		}
	default:
		if in.Timestamp < 0 {
			r.ErrorCode = kerr.InvalidRequest.Code
			return r
		}
		stamp, found, code := p.OffsetForTime(in.Timestamp, limit)
		if r.ErrorCode = code; found {
			r.Offset, r.Timestamp, r.LeaderEpoch = stamp.Offset, stamp.Timestamp, stamp.LeaderEpoch
		}
	}
	return r
}
