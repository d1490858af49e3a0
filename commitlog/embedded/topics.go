package embedded

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/commitlog"
)

// ClusterID implements commitlog.Admin.
func (l *Log) ClusterID(ctx context.Context) (string, error) {
	resp, err := l.metadata(ctx, []kmsg.MetadataRequestTopic{})
	if err != nil {
		return "", fmt.Errorf("cluster id: %w", err)
	}
	return text(resp.ClusterID), nil
}

// metadata asks about topics: nil for all, empty for none. Asking never creates.
func (l *Log) metadata(ctx context.Context, topics []kmsg.MetadataRequestTopic) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Version = 12
	req.Topics = topics
	req.AllowAutoTopicCreation = false
	return req.RequestWith(ctx, l)
}

// Topics implements commitlog.Admin.
func (l *Log) Topics(ctx context.Context, names ...string) ([]commitlog.Topic, error) {
	var asked []kmsg.MetadataRequestTopic
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &name
		asked = append(asked, t)
	}
	var topics []commitlog.Topic
	err := retry(ctx, func() (int16, string, error) {
		resp, err := l.metadata(ctx, asked)
		if err != nil {
			return 0, "", err
		}
		topics = topics[:0]
		for _, t := range resp.Topics {
			if t.ErrorCode != 0 {
				return t.ErrorCode, "topic " + text(t.Topic), nil
			}
			topics = append(topics, describeTopic(t))
		}
		return 0, "", nil
	})
	if err != nil {
		return nil, fmt.Errorf("topics: %w", err)
	}
	if len(names) == 0 {
		slices.SortFunc(topics, func(a, b commitlog.Topic) int { return strings.Compare(a.Name, b.Name) })
		return topics, nil
	}
	return inOrder(topics, names)
}

// inOrder sorts an answer as the question was.
func inOrder(topics []commitlog.Topic, names []string) ([]commitlog.Topic, error) {
	byName := make(map[string]commitlog.Topic, len(topics))
	for _, t := range topics {
		byName[t.Name] = t
	}
	ordered := make([]commitlog.Topic, 0, len(names))
	for _, name := range names {
		t, ok := byName[name]
		if !ok {
			return nil, fmt.Errorf("topics: %w: no answer for topic %s", commitlog.ErrUnknownTopic, name)
		}
		ordered = append(ordered, t)
	}
	return ordered, nil
}

func describeTopic(t kmsg.MetadataResponseTopic) commitlog.Topic {
	topic := commitlog.Topic{Name: text(t.Topic), ID: t.TopicID, Partitions: int32(len(t.Partitions)), Internal: t.IsInternal}
	if len(t.Partitions) > 0 {
		topic.Replicas = int16(len(t.Partitions[0].Replicas))
	}
	return topic
}

// CreateTopic implements commitlog.Admin.
func (l *Log) CreateTopic(ctx context.Context, spec commitlog.TopicSpec) error {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic = spec.Name
	t.NumPartitions, t.ReplicationFactor = spec.Partitions, spec.Replicas
	if spec.Partitions == 0 {
		t.NumPartitions = -1
	}
	if spec.Replicas == 0 {
		t.ReplicationFactor = -1
	}
	for name, value := range spec.Config {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = name, &value
		t.Configs = append(t.Configs, c)
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version = 7
	req.TimeoutMillis = millis(requestTimeout)
	req.Topics = append(req.Topics, t)
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		return oneAnswer(len(resp.Topics), func() (int16, *string) {
			return resp.Topics[0].ErrorCode, resp.Topics[0].ErrorMessage
		})
	})
	if err == nil {
		err = l.awaitWritable(ctx, spec.Name)
	}
	if err != nil {
		return fmt.Errorf("create topic %s: %w", spec.Name, err)
	}
	return nil
}

// oneAnswer unpacks the answer to a question about one thing.
func oneAnswer(n int, first func() (int16, *string)) (int16, string, error) {
	if n != 1 {
		return 0, "", fmt.Errorf("broker gives %d answers, want 1", n)
	}
	code, detail := first()
	return code, text(detail), nil
}

// awaitWritable waits until every partition has a leader.
func (l *Log) awaitWritable(ctx context.Context, topic string) error {
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &topic
	return retry(ctx, func() (int16, string, error) {
		resp, err := l.metadata(ctx, []kmsg.MetadataRequestTopic{t})
		if err != nil {
			return 0, "", err
		}
		for _, t := range resp.Topics {
			if t.ErrorCode != 0 {
				return t.ErrorCode, "", nil
			}
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					return p.ErrorCode, fmt.Sprintf("partition %d", p.Partition), nil
				}
			}
		}
		return 0, "", nil
	})
}

// DeleteTopic implements commitlog.Admin.
func (l *Log) DeleteTopic(ctx context.Context, topic string) error {
	t := kmsg.NewDeleteTopicsRequestTopic()
	t.Topic = &topic
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.Version = 6
	req.TimeoutMillis = millis(requestTimeout)
	req.Topics = append(req.Topics, t)
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		return oneAnswer(len(resp.Topics), func() (int16, *string) {
			return resp.Topics[0].ErrorCode, resp.Topics[0].ErrorMessage
		})
	})
	if err != nil {
		return fmt.Errorf("delete topic %s: %w", topic, err)
	}
	return nil
}

// AddPartitions implements commitlog.Admin.
func (l *Log) AddPartitions(ctx context.Context, topic string, total int32) error {
	t := kmsg.NewCreatePartitionsRequestTopic()
	t.Topic, t.Count = topic, total
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.Version = 3
	req.TimeoutMillis = millis(requestTimeout)
	req.Topics = append(req.Topics, t)
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		return oneAnswer(len(resp.Topics), func() (int16, *string) {
			return resp.Topics[0].ErrorCode, resp.Topics[0].ErrorMessage
		})
	})
	if err == nil {
		err = l.awaitWritable(ctx, topic)
	}
	if err != nil {
		return fmt.Errorf("add partitions to topic %s: %w", topic, err)
	}
	return nil
}
