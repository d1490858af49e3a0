package api

import (
	"context"

	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// deleteTopics answers DeleteTopics, versions 1 to 6: by name, from version 6 also by id.
func (s *Server) deleteTopics(ctx context.Context, req *kmsg.DeleteTopicsRequest) (kmsg.Response, error) {
	resp := req.ResponseKind().(*kmsg.DeleteTopicsResponse)
	asked := req.Topics
	if req.Version < 6 {
		asked = nil
		for _, name := range req.TopicNames {
			t := kmsg.NewDeleteTopicsRequestTopic()
			t.Topic = kmsg.StringPtr(name)
			asked = append(asked, t)
		}
	}
	for _, in := range asked {
		r := kmsg.NewDeleteTopicsResponseTopic()
		r.Topic, r.TopicID = in.Topic, in.TopicID
		name, err := s.nameOf(in)
		if err == nil {
			r.Topic = kmsg.StringPtr(name)
			err = s.e.DeleteTopic(ctx, name)
		}
		var fatal error
		if r.ErrorCode, r.ErrorMessage, fatal = refusal(err); fatal != nil {
			return nil, fatal
		}
		resp.Topics = append(resp.Topics, r)
	}
	return resp, nil
}

func (s *Server) nameOf(in kmsg.DeleteTopicsRequestTopic) (string, error) {
	switch {
	case in.Topic != nil && in.TopicID != [16]byte{}:
		return "", engine.Refuse(kerr.InvalidRequest, "topic %q comes with an id as well", *in.Topic)
	case in.Topic != nil:
		return *in.Topic, nil
	}
	if t := s.e.Catalog().TopicByID(in.TopicID); t != nil {
		return t.Name, nil
	}
	return "", engine.Refuse(kerr.UnknownTopicID, "topic id %x is not known", in.TopicID)
}

// createPartitions answers CreatePartitions, versions 0 to 3.
func (s *Server) createPartitions(ctx context.Context, req *kmsg.CreatePartitionsRequest) (kmsg.Response, error) {
	resp := req.ResponseKind().(*kmsg.CreatePartitionsResponse)
	for _, in := range req.Topics {
		r := kmsg.NewCreatePartitionsResponseTopic()
		r.Topic = in.Topic
		err := s.widen(ctx, in, req.ValidateOnly)
		var fatal error
		if r.ErrorCode, r.ErrorMessage, fatal = refusal(err); fatal != nil {
			return nil, fatal
		}
		resp.Topics = append(resp.Topics, r)
	}
	return resp, nil
}

func (s *Server) widen(ctx context.Context, in kmsg.CreatePartitionsRequestTopic, validateOnly bool) error {
	if in.Count > s.c.MaxPartitions {
		return engine.Refuse(kerr.InvalidPartitions, "topic %q: %d partitions, want at most %d", in.Topic, in.Count, s.c.MaxPartitions)
	}
	for _, a := range in.Assignment {
		if len(a.Replicas) != 1 || a.Replicas[0] != node {
			return engine.Refuse(kerr.InvalidReplicaAssignment, "topic %q: replicas %v, want [%d]", in.Topic, a.Replicas, node)
		}
	}
	return s.e.AddPartitions(ctx, in.Topic, int(in.Count), validateOnly)
}
