package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// offsetForLeaderEpoch answers OffsetForLeaderEpoch, versions 2 to 4: where an epoch ends here, so that a client sees that
// the log it read was cut (S27).
func (s *Server) offsetForLeaderEpoch(_ context.Context, req *kmsg.OffsetForLeaderEpochRequest) (kmsg.Response, error) {
	resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
		rt.Topic = t.Topic
		for _, in := range t.Partitions {
			r := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			r.Partition, r.LeaderEpoch, r.EndOffset = in.Partition, -1, -1
			p, code := s.find(false, t.Topic, [16]byte{}, in.Partition)
			if code == 0 {
				code = epochCode(in.CurrentLeaderEpoch, p.View().Epoch)
			}
			if r.ErrorCode = code; code == 0 {
				r.LeaderEpoch, r.EndOffset = p.EndOfEpoch(in.LeaderEpoch)
			}
			rt.Partitions = append(rt.Partitions, r)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp, nil
}
