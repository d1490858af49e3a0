package group

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// BenchmarkCommitOffsets is one OffsetCommit of eight partitions by a member, record made and folded.
func BenchmarkCommitOffsets(b *testing.B) {
	s := newStory(nil)
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group = 9, "g"
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = "t"
	for i := range int32(8) {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition = i
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	b.ReportAllocs()
	for b.Loop() {
		s.m.Step(Call{Token: 1, Request: req}, s.now)
	}
}

// BenchmarkHeartbeat is one heartbeat among a thousand groups of one member.
func BenchmarkHeartbeat(b *testing.B) {
	s := newStory(nil)
	s.m.config.MaxGroups = 2000
	var beats []*kmsg.HeartbeatRequest
	for i := range 1000 {
		join := kmsg.NewPtrJoinGroupRequest()
		join.Version, join.Group, join.ProtocolType, join.SessionTimeoutMillis = 3, fmt.Sprint("g", i), "consumer", 10_000
		join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
		r := s.m.Step(Call{Token: 1, Request: join}, s.now).Replies[0].Response.(*kmsg.JoinGroupResponse)
		beat := kmsg.NewPtrHeartbeatRequest()
		beat.Group, beat.MemberID, beat.Generation = join.Group, r.MemberID, r.Generation
		beats = append(beats, beat)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.m.Step(Call{Token: 1, Request: beats[i%1000]}, s.now)
	}
}
