package group

import (
	"cmp"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// found is the answer for one partition of an OffsetFetch.
type found struct {
	partition partition
	offset    offset
	code      int16
}

// fetchOffsets answers with committed offsets: of one group (versions 1 to 7) or of several. A group that is not known
// has no offsets, which is not an error (S17).
func (t *turn) fetchOffsets(req *kmsg.OffsetFetchRequest) *kmsg.OffsetFetchResponse {
	r := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	if req.Version < 8 {
		t.fetchSingle(req, r)
		return r
	}
	for _, g := range req.Groups {
		k := kmsg.NewOffsetFetchResponseGroup()
		k.Group = g.Group
		if req.Version >= 10 {
			k.ErrorCode = codeUnsupportedVersion // it names topics by id; the broker does not offer it
			r.Groups = append(r.Groups, k)
			continue
		}
		var asked []partition
		for _, topic := range g.Topics {
			for _, p := range topic.Partitions {
				asked = append(asked, partition{topic.Topic, p})
			}
		}
		for _, f := range t.offsets(g.Group, asked, g.Topics == nil, req.RequireStable) {
			if n := len(k.Topics); n == 0 || k.Topics[n-1].Topic != f.partition.topic {
				topic := kmsg.NewOffsetFetchResponseGroupTopic()
				topic.Topic = f.partition.topic
				k.Topics = append(k.Topics, topic)
			}
			p := kmsg.NewOffsetFetchResponseGroupTopicPartition()
			p.Partition, p.Offset, p.LeaderEpoch = f.partition.index, f.offset.position, f.offset.leaderEpoch
			p.Metadata, p.ErrorCode = &f.offset.metadata, f.code
			topic := &k.Topics[len(k.Topics)-1]
			topic.Partitions = append(topic.Partitions, p)
		}
		r.Groups = append(r.Groups, k)
	}
	return r
}

func (t *turn) fetchSingle(req *kmsg.OffsetFetchRequest, r *kmsg.OffsetFetchResponse) {
	var asked []partition
	for _, topic := range req.Topics {
		for _, p := range topic.Partitions {
			asked = append(asked, partition{topic.Topic, p})
		}
	}
	all := req.Topics == nil && req.Version >= 2
	for _, f := range t.offsets(req.Group, asked, all, req.RequireStable && req.Version >= 7) {
		if n := len(r.Topics); n == 0 || r.Topics[n-1].Topic != f.partition.topic {
			topic := kmsg.NewOffsetFetchResponseTopic()
			topic.Topic = f.partition.topic
			r.Topics = append(r.Topics, topic)
		}
		p := kmsg.NewOffsetFetchResponseTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch = f.partition.index, f.offset.position, f.offset.leaderEpoch
		p.Metadata, p.ErrorCode = &f.offset.metadata, f.code
		topic := &r.Topics[len(r.Topics)-1]
		topic.Partitions = append(topic.Partitions, p)
	}
}

// offsets looks the partitions up, or all that the group has. With stable, one that an open transaction will move is
// answered with UNSTABLE_OFFSET_COMMIT.
func (t *turn) offsets(group string, asked []partition, all, stable bool) []found {
	e := t.ledger.groups[group]
	if e == nil {
		e = &entry{}
	}
	if all {
		asked = e.known(stable)
	}
	answers := make([]found, 0, len(asked))
	for _, p := range asked {
		f := found{partition: p, offset: offset{position: -1, leaderEpoch: -1}}
		if stable && e.unstable(p) {
			f.code = codeUnstableOffsetCommit
		} else if o, ok := e.offsets[p]; ok {
			f.offset = o
		}
		answers = append(answers, f)
	}
	return answers
}

// known lists the partitions with a committed offset; with stable also those that only have a staged one, since "none"
// would be the wrong answer for them.
func (e *entry) known(stable bool) []partition {
	set := make(map[partition]struct{}, len(e.offsets))
	for p := range e.offsets {
		set[p] = struct{}{}
	}
	if stable {
		for _, s := range e.staged {
			for p := range s.offsets {
				set[p] = struct{}{}
			}
		}
	}
	return slices.SortedFunc(maps.Keys(set), func(a, b partition) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.index, b.index))
	})
}
