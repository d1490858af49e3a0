package embedded

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TopicConfig implements commitlog.Admin.
func (l *Log) TopicConfig(ctx context.Context, topic string) (map[string]string, error) {
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	req := kmsg.NewPtrDescribeConfigsRequest()
	req.Version = 4
	req.Resources = append(req.Resources, r)
	config := make(map[string]string)
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		if len(resp.Resources) == 1 {
			for _, c := range resp.Resources[0].Configs {
				config[c.Name] = text(c.Value)
			}
		}
		return oneAnswer(len(resp.Resources), func() (int16, *string) {
			return resp.Resources[0].ErrorCode, resp.Resources[0].ErrorMessage
		})
	})
	if err != nil {
		return nil, fmt.Errorf("settings of topic %s: %w", topic, err)
	}
	return config, nil
}

// SetTopicConfig implements commitlog.Admin.
func (l *Log) SetTopicConfig(ctx context.Context, topic string, set map[string]string) error {
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	for name, value := range set {
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Op, c.Value = name, kmsg.IncrementalAlterConfigOpSet, &value
		r.Configs = append(r.Configs, c)
	}
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Version = 1
	req.Resources = append(req.Resources, r)
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		return oneAnswer(len(resp.Resources), func() (int16, *string) {
			return resp.Resources[0].ErrorCode, resp.Resources[0].ErrorMessage
		})
	})
	if err != nil {
		return fmt.Errorf("set settings of topic %s: %w", topic, err)
	}
	return nil
}
