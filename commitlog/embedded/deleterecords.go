package embedded

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/commitlog"
)

// DeleteRecords implements commitlog.Admin.
func (l *Log) DeleteRecords(ctx context.Context, before []commitlog.Position) error {
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Version = 2
	req.TimeoutMillis = millis(requestTimeout)
	for topic, positions := range positionsByTopic(before) {
		t := kmsg.NewDeleteRecordsRequestTopic()
		t.Topic = topic
		for _, position := range positions {
			p := kmsg.NewDeleteRecordsRequestTopicPartition()
			p.Partition, p.Offset = position.Partition.Index, position.Offset
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
	}
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					return p.ErrorCode, commitlog.Partition{Topic: t.Topic, Index: p.Partition}.String(), nil
				}
			}
		}
		return 0, "", nil
	})
	if err != nil {
		return fmt.Errorf("delete records: %w", err)
	}
	return nil
}

func positionsByTopic(positions []commitlog.Position) map[string][]commitlog.Position {
	topics := make(map[string][]commitlog.Position)
	for _, p := range positions {
		topics[p.Partition.Topic] = append(topics[p.Partition.Topic], p)
	}
	return topics
}
