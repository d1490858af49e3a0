package embedded

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/commitlog"
)

// CommitOffsets implements commitlog.Groups.
func (l *Log) CommitOffsets(ctx context.Context, m commitlog.Member, offsets []commitlog.Position) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version = 8
	req.Group, req.Generation, req.MemberID, req.InstanceID = m.Group, m.Generation, m.ID, optional(m.InstanceID)
	for topic, positions := range positionsByTopic(offsets) {
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic = topic
		for _, position := range positions {
			p := kmsg.NewOffsetCommitRequestTopicPartition()
			p.Partition, p.Offset, p.LeaderEpoch = position.Partition.Index, position.Offset, -1
			p.Metadata = &position.Metadata
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
		return fmt.Errorf("commit offsets of group %s: %w", m.Group, err)
	}
	return nil
}

// FetchOffsets implements commitlog.Groups.
func (l *Log) FetchOffsets(ctx context.Context, group string, p []commitlog.Partition) ([]commitlog.Position, error) {
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	g.Topics = []kmsg.OffsetFetchRequestGroupTopic{} // nil would ask for all
	for topic, indexes := range byTopic(p) {
		t := kmsg.NewOffsetFetchRequestGroupTopic()
		t.Topic, t.Partitions = topic, indexes
		g.Topics = append(g.Topics, t)
	}
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version = 8
	req.RequireStable = true
	req.Groups = append(req.Groups, g)
	committed := make(map[commitlog.Partition]commitlog.Position, len(p))
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		if len(resp.Groups) != 1 {
			return 0, "", fmt.Errorf("broker answers for %d groups, want 1", len(resp.Groups))
		}
		return takeOffsets(resp.Groups[0], committed)
	})
	if err != nil {
		return nil, fmt.Errorf("offsets of group %s: %w", group, err)
	}
	positions := make([]commitlog.Position, len(p))
	for i, partition := range p {
		position, ok := committed[partition]
		if !ok {
			position = commitlog.Position{Partition: partition, Offset: -1}
		}
		positions[i] = position
	}
	return positions, nil
}

// takeOffsets copies an answer into committed, up to the first partition with an error.
func takeOffsets(g kmsg.OffsetFetchResponseGroup, committed map[commitlog.Partition]commitlog.Position) (int16, string, error) {
	if g.ErrorCode != 0 {
		return g.ErrorCode, "", nil
	}
	for _, t := range g.Topics {
		for _, a := range t.Partitions {
			where := commitlog.Partition{Topic: t.Topic, Index: a.Partition}
			if a.ErrorCode != 0 {
				return a.ErrorCode, where.String(), nil
			}
			committed[where] = commitlog.Position{Partition: where, Offset: a.Offset, Metadata: text(a.Metadata)}
		}
	}
	return 0, "", nil
}
