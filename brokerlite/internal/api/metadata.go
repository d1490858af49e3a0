package api

import (
	"context"

	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// metadata answers Metadata, versions 0 to 13 (S37). It creates a missing topic only when the broker is configured to and
// the request allows it; versions below 4 have no flag and allow it (S31).
func (s *Server) metadata(ctx context.Context, req *kmsg.MetadataRequest) (kmsg.Response, error) {
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	b := kmsg.NewMetadataResponseBroker()
	b.NodeID, b.Host, b.Port = node, s.c.AdvertisedHost, s.c.AdvertisedPort
	resp.Brokers = append(resp.Brokers, b)
	resp.ClusterID, resp.ControllerID = kmsg.StringPtr(s.e.ClusterID()), node

	catalog := s.e.Catalog()
	if req.Topics == nil || req.Version == 0 && len(req.Topics) == 0 {
		for _, t := range catalog.Topics() {
			resp.Topics = append(resp.Topics, describeTopic(t))
		}
		return resp, nil
	}
	create := s.c.AutoCreateTopics && (req.AllowAutoTopicCreation || req.Version < 4)
	for _, in := range req.Topics {
		t, err := s.metadataTopic(ctx, catalog, in, create)
		if err != nil {
			return nil, err
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp, nil
}

func (s *Server) metadataTopic(ctx context.Context, catalog *engine.Catalog, in kmsg.MetadataRequestTopic, create bool) (kmsg.MetadataResponseTopic, error) {
	r := kmsg.NewMetadataResponseTopic()
	r.Topic, r.TopicID = in.Topic, in.TopicID
	if in.Topic == nil {
		if t := catalog.TopicByID(in.TopicID); t != nil {
			return describeTopic(t), nil
		}
		r.ErrorCode = kerr.UnknownTopicID.Code
		return r, nil
	}
	if t := catalog.Topic(*in.Topic); t != nil {
		return describeTopic(t), nil
	}
	if err := checkTopicName(*in.Topic); err != nil {
		r.ErrorCode = kerr.InvalidTopicException.Code
		return r, nil
	}
	r.ErrorCode = kerr.UnknownTopicOrPartition.Code
	if !create {
		return r, nil
	}
	t, err := s.e.CreateTopic(ctx, *in.Topic, int(s.c.DefaultPartitions), nil)
	code, _, fatal := refusal(err)
	switch {
	case fatal != nil:
		return r, fatal
	case code == kerr.TopicAlreadyExists.Code: // somebody else was faster
		return describeTopic(s.e.Catalog().Topic(*in.Topic)), nil
	case code != 0:
		r.ErrorCode = code
		return r, nil
	}
	return describeTopic(t), nil
}

// describeTopic is the answer for a topic, which may have been deleted meanwhile (nil).
func describeTopic(t *engine.Topic) kmsg.MetadataResponseTopic {
	r := kmsg.NewMetadataResponseTopic()
	if t == nil {
		r.ErrorCode = kerr.UnknownTopicOrPartition.Code
		return r
	}
	r.Topic, r.TopicID = kmsg.StringPtr(t.Name), t.ID
	for _, p := range t.Partitions {
		rp := kmsg.NewMetadataResponseTopicPartition()
		rp.Partition, rp.Leader, rp.LeaderEpoch = p.Index, node, p.View().Epoch
		rp.Replicas, rp.ISR = []int32{node}, []int32{node}
		r.Partitions = append(r.Partitions, rp)
	}
	return r
}
