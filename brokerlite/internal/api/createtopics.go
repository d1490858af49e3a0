package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/settings"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// createTopics answers CreateTopics, versions 2 to 7 (S32). Each topic succeeds or fails by itself; validate-only makes
// every check. A replication factor above 1 is taken and answered with 1, unless the broker is strict.
func (s *Server) createTopics(ctx context.Context, req *kmsg.CreateTopicsRequest) (kmsg.Response, error) {
	resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
	named := map[string]int{}
	for _, t := range req.Topics {
		named[t.Topic]++
	}
	for i := range req.Topics {
		in := &req.Topics[i]
		r := kmsg.NewCreateTopicsResponseTopic()
		r.Topic, r.NumPartitions, r.ReplicationFactor = in.Topic, -1, -1
		t, err := s.createTopic(ctx, in, named[in.Topic] > 1, req.ValidateOnly)
		var fatal error
		if r.ErrorCode, r.ErrorMessage, fatal = refusal(err); fatal != nil {
			return nil, fatal
		}
		if t != nil {
			r.TopicID, r.NumPartitions, r.ReplicationFactor = t.ID, int32(len(t.Partitions)), 1
			r.Configs = createdConfigs(t)
		}
		resp.Topics = append(resp.Topics, r)
	}
	return resp, nil
}

// createTopic checks and creates. With validateOnly the topic is nil.
func (s *Server) createTopic(ctx context.Context, in *kmsg.CreateTopicsRequestTopic, twice, validateOnly bool) (*engine.Topic, error) {
	if twice {
		return nil, engine.Refuse(kerr.InvalidRequest, "topic %q is in the request more than once", in.Topic)
	}
	if err := checkTopicName(in.Topic); err != nil {
		return nil, engine.Refuse(kerr.InvalidTopicException, "%v", err)
	}
	if s.e.Catalog().Topic(in.Topic) != nil {
		return nil, engine.Refuse(kerr.TopicAlreadyExists, "topic %q exists", in.Topic)
	}
	if other := s.collides(in.Topic); other != "" {
		return nil, engine.Refuse(kerr.InvalidTopicException, "topic %q collides with %q: dots and underscores are one in metrics", in.Topic, other)
	}
	n, err := s.partitionCount(in)
	if err != nil {
		return nil, err
	}
	overrides := make([]meta.Setting, 0, len(in.Configs))
	for _, c := range in.Configs {
		if c.Value == nil {
			return nil, engine.Refuse(kerr.InvalidConfig, "%s: want a value, not null", c.Name)
		}
		overrides = append(overrides, meta.Setting{Name: c.Name, Value: *c.Value})
	}
	if err := checkSettings(overrides); err != nil {
		return nil, err
	}
	if validateOnly {
		return nil, nil
	}
	return s.e.CreateTopic(ctx, in.Topic, n, overrides)
}

// checkSettings sorts overrides and checks names and values.
func checkSettings(overrides []meta.Setting) error {
	meta.SortSettings(overrides)
	for i, o := range overrides {
		if i > 0 && overrides[i-1].Name == o.Name {
			return engine.Refuse(kerr.InvalidConfig, "%s is there twice", o.Name)
		}
		row, err := settings.Lookup(o.Name)
		if err == nil {
			err = row.Check(o.Value)
		}
		if err != nil {
			return engine.Refuse(kerr.InvalidConfig, "%v", err)
		}
	}
	return nil
}

// partitionCount checks number, replication factor and assignment, and gives the number.
func (s *Server) partitionCount(in *kmsg.CreateTopicsRequestTopic) (int, error) {
	if len(in.ReplicaAssignment) > 0 {
		return s.assignedCount(in)
	}
	n := in.NumPartitions
	if n == -1 {
		n = s.c.DefaultPartitions
	}
	if n < 1 || n > s.c.MaxPartitions {
		return 0, engine.Refuse(kerr.InvalidPartitions, "topic %q: %d partitions, want 1 to %d, or -1 for the default",
			in.Topic, in.NumPartitions, s.c.MaxPartitions)
	}
	if f := in.ReplicationFactor; f == 0 || f < -1 || f > 1 && s.c.StrictReplication {
		return 0, engine.Refuse(kerr.InvalidReplicationFactor, "topic %q: replication factor %d, want 1: there is one broker", in.Topic, f)
	}
	return int(n), nil
}

func (s *Server) assignedCount(in *kmsg.CreateTopicsRequestTopic) (int, error) {
	if in.NumPartitions != -1 || in.ReplicationFactor != -1 {
		return 0, engine.Refuse(kerr.InvalidRequest, "topic %q: an assignment comes with partitions and replication factor -1", in.Topic)
	}
	n := len(in.ReplicaAssignment)
	seen := make([]bool, n)
	for _, a := range in.ReplicaAssignment {
		if a.Partition < 0 || int(a.Partition) >= n || seen[a.Partition] {
			return 0, engine.Refuse(kerr.InvalidReplicaAssignment, "topic %q: assigned partitions are not 0 to %d", in.Topic, n-1)
		}
		seen[a.Partition] = true
		if len(a.Replicas) != 1 || a.Replicas[0] != node {
			return 0, engine.Refuse(kerr.InvalidReplicaAssignment, "topic %q partition %d: replicas %v, want [%d]", in.Topic, a.Partition, a.Replicas, node)
		}
	}
	if n > int(s.c.MaxPartitions) {
		return 0, engine.Refuse(kerr.InvalidPartitions, "topic %q: %d partitions, want at most %d", in.Topic, n, s.c.MaxPartitions)
	}
	return n, nil
}

// checkTopicName holds a name against Kafka's rules.
func checkTopicName(name string) error {
	if name == "" || len(name) > 249 || name == "." || name == ".." {
		return fmt.Errorf("topic name %q: want 1 to 249 characters, and not only one or two dots", name)
	}
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return fmt.Errorf("topic name %q: want letters, digits, dot, underscore and dash, not %q", name, c)
		}
	}
	return nil
}

// collides names a topic that differs in dots against underscores only, "" for none.
func (s *Server) collides(name string) string {
	if !strings.ContainsAny(name, "._") {
		return ""
	}
	plain := strings.ReplaceAll(name, ".", "_")
	for _, t := range s.e.Catalog().Topics() {
		if t.Name != name && strings.ReplaceAll(t.Name, ".", "_") == plain {
			return t.Name
		}
	}
	return ""
}

func createdConfigs(t *engine.Topic) []kmsg.CreateTopicsResponseTopicConfig {
	var out []kmsg.CreateTopicsResponseTopicConfig
	for i := range settings.All() {
		v := t.Settings.Get(settings.All()[i].Name)
		c := kmsg.NewCreateTopicsResponseTopicConfig()
		c.Name, c.Value, c.Source = v.Name, kmsg.StringPtr(v.Value), int8(source(v))
		out = append(out, c)
	}
	return out
}
