package embedded

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/commitlog"
)

// Offsets implements commitlog.Admin.
func (l *Log) Offsets(ctx context.Context, p []commitlog.Partition, at commitlog.At, i commitlog.Isolation) (
	[]commitlog.Position, error) {
	if at < commitlog.Start {
		return nil, fmt.Errorf("offsets: %w: timestamp %d is below 0", commitlog.ErrInvalidConfig, at)
	}
	offsets, err := l.listOffsets(ctx, p, at, i)
	if err != nil {
		return nil, fmt.Errorf("offsets: %w", err)
	}
	var none []commitlog.Partition // no record so late: the end stands for it
	for _, partition := range p {
		if offsets[partition] < 0 {
			none = append(none, partition)
		}
	}
	if len(none) > 0 {
		ends, err := l.listOffsets(ctx, none, commitlog.End, i)
		if err != nil {
			return nil, fmt.Errorf("offsets: %w", err)
		}
		for partition, end := range ends {
			offsets[partition] = end
		}
	}
	positions := make([]commitlog.Position, len(p))
	for n, partition := range p {
		positions[n] = commitlog.Position{Partition: partition, Offset: offsets[partition]}
	}
	return positions, nil
}

func (l *Log) listOffsets(ctx context.Context, p []commitlog.Partition, at commitlog.At, i commitlog.Isolation) (
	map[commitlog.Partition]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.Version = 8
	req.ReplicaID = -1
	req.IsolationLevel = isolationLevel(i)
	for topic, indexes := range byTopic(p) {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topic
		for _, index := range indexes {
			q := kmsg.NewListOffsetsRequestTopicPartition()
			q.Partition, q.CurrentLeaderEpoch, q.Timestamp = index, -1, int64(at)
			t.Partitions = append(t.Partitions, q)
		}
		req.Topics = append(req.Topics, t)
	}
	offsets := make(map[commitlog.Partition]int64, len(p))
	var where commitlog.Partition
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		for _, t := range resp.Topics {
			for _, a := range t.Partitions {
				where = commitlog.Partition{Topic: t.Topic, Index: a.Partition}
				if a.ErrorCode != 0 {
					return a.ErrorCode, where.String(), nil
				}
				offsets[where] = a.Offset
			}
		}
		return 0, "", nil
	})
	if err != nil {
		return nil, err
	}
	for _, partition := range p {
		if _, ok := offsets[partition]; !ok {
			return nil, fmt.Errorf("%w: no answer for %v", commitlog.ErrUnknownTopic, partition)
		}
	}
	return offsets, nil
}

// isolationLevel is the isolation as requests spell it.
func isolationLevel(i commitlog.Isolation) int8 {
	if i == commitlog.ReadUncommitted {
		return 0
	}
	return 1
}

// byTopic sorts partitions into the topics requests are made of.
func byTopic(p []commitlog.Partition) map[string][]int32 {
	topics := make(map[string][]int32)
	for _, partition := range p {
		topics[partition.Topic] = append(topics[partition.Topic], partition.Index)
	}
	return topics
}
