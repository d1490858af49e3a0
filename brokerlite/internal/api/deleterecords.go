package api

import (
	"context"

	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// deleteRecords answers DeleteRecords, versions 0 to 2 (S30). The new log start is durable when the answer leaves. A topic
// that is only compacted refuses: its past is its content.
func (s *Server) deleteRecords(ctx context.Context, req *kmsg.DeleteRecordsRequest) (kmsg.Response, error) {
	resp := req.ResponseKind().(*kmsg.DeleteRecordsResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewDeleteRecordsResponseTopic()
		rt.Topic = t.Topic
		for _, in := range t.Partitions {
			r := kmsg.NewDeleteRecordsResponseTopicPartition()
			r.Partition, r.LowWatermark = in.Partition, -1
			low, err := s.deletePartitionRecords(ctx, t.Topic, in)
			var fatal error
			if r.ErrorCode, _, fatal = refusal(err); fatal != nil {
				return nil, fatal
			}
			if err == nil {
				r.LowWatermark = low
			}
			rt.Partitions = append(rt.Partitions, r)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp, nil
}

func (s *Server) deletePartitionRecords(ctx context.Context, topic string, in kmsg.DeleteRecordsRequestTopicPartition) (int64, error) {
	t := s.e.Catalog().Topic(topic)
	p := t.Partition(in.Partition)
	switch {
	case p == nil:
		return -1, engine.Refuse(kerr.UnknownTopicOrPartition, "%s/%d is not known", topic, in.Partition)
	case !t.Settings.Is("cleanup.policy", "delete"):
		return -1, engine.Refuse(kerr.PolicyViolation, "topic %q is compacted", topic)
	}
	return s.e.DeleteRecords(ctx, p, in.Offset)
}
