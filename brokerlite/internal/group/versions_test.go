package group

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Each request that is offered, in each of its versions, gets an answer of that version that can be written.
func TestEveryOfferedVersionIsAnswered(t *testing.T) {
	for _, c := range []struct {
		request    func() kmsg.Request
		first, max int16
	}{
		{func() kmsg.Request { r := kmsg.NewPtrJoinGroupRequest(); r.Group = "g"; return r }, 0, 9},
		{func() kmsg.Request { r := kmsg.NewPtrSyncGroupRequest(); r.Group = "g"; return r }, 0, 5},
		{func() kmsg.Request { r := kmsg.NewPtrHeartbeatRequest(); r.Group = "g"; return r }, 0, 4},
		{func() kmsg.Request {
			r := kmsg.NewPtrLeaveGroupRequest()
			r.Group, r.Members = "g", []kmsg.LeaveGroupRequestMember{{MemberID: "m"}}
			return r
		}, 0, 5},
		{func() kmsg.Request {
			r := kmsg.NewPtrOffsetCommitRequest()
			p := kmsg.NewOffsetCommitRequestTopicPartition()
			r.Group, r.Topics = "o", []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
			return r
		}, 2, 9},
		{func() kmsg.Request {
			r := kmsg.NewPtrOffsetFetchRequest()
			r.Group, r.Topics = "o", []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{0}}}
			g := kmsg.NewOffsetFetchRequestGroup()
			g.Group, g.Topics = "o", []kmsg.OffsetFetchRequestGroupTopic{{Topic: "t", Partitions: []int32{0}}}
			r.Groups = []kmsg.OffsetFetchRequestGroup{g}
			return r
		}, 1, 9},
		{func() kmsg.Request { return kmsg.NewPtrListGroupsRequest() }, 0, 5},
		{func() kmsg.Request { r := kmsg.NewPtrDescribeGroupsRequest(); r.Groups = []string{"o", "g"}; return r }, 0, 6},
		{func() kmsg.Request { r := kmsg.NewPtrDeleteGroupsRequest(); r.Groups = []string{"g"}; return r }, 0, 2},
	} {
		for v := c.first; v <= c.max; v++ {
			s := newStory(t)
			request := c.request()
			request.SetVersion(v)
			if !Handles(request) {
				t.Errorf("%T is not handled", request)
			}
			s.asked[1] = true
			e := s.m.Step(Call{Token: 1, Request: request}, s.now)
			if len(e.Replies) != 1 || e.Replies[0].Response.GetVersion() != v || e.Replies[0].Response.Key() != request.Key() {
				t.Fatalf("%T version %d: %+v", request, v, e.Replies)
			}
			checkWire(t, e.Replies[0].Response)
		}
	}
	if Handles(kmsg.NewPtrTxnOffsetCommitRequest()) || Handles(kmsg.NewPtrFetchRequest()) {
		t.Error("Handles promises what Step refuses")
	}
}

// Versions that name topics by id are not offered; should one come, it must not be taken for topic "".
func TestVersionsWithTopicIDsAreRefused(t *testing.T) {
	s := newStory(t)
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Version, commit.Group = 10, "g"
	commit.Topics = []kmsg.OffsetCommitRequestTopic{{Partitions: []kmsg.OffsetCommitRequestTopicPartition{{}}}}
	r := s.m.Step(Call{Token: 1, Request: commit}, s.now).Replies[0].Response.(*kmsg.OffsetCommitResponse)
	if code := r.Topics[0].Partitions[0].ErrorCode; code != codeUnsupportedVersion {
		t.Errorf("OffsetCommit 10 gets %d", code)
	}
	fetch := kmsg.NewPtrOffsetFetchRequest()
	fetch.Version, fetch.Groups = 10, []kmsg.OffsetFetchRequestGroup{{Group: "g"}}
	f := s.m.Step(Call{Token: 2, Request: fetch}, s.now).Replies[0].Response.(*kmsg.OffsetFetchResponse)
	if code := f.Groups[0].ErrorCode; code != codeUnsupportedVersion {
		t.Errorf("OffsetFetch 10 gets %d", code)
	}
	txn := kmsg.NewPtrTxnOffsetCommitRequest()
	txn.Version, txn.Group = 6, "g"
	txn.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{}}}}
	x, record := s.m.StageOffsets(1, 0, txn, s.now)
	if code := x.Topics[0].Partitions[0].ErrorCode; code != codeUnsupportedVersion || record != nil {
		t.Errorf("TxnOffsetCommit 6 gets %d and record %x", code, record)
	}
}

func TestConfigReportsEveryFaultAtOnce(t *testing.T) {
	_, err := New(Config{MinSessionTimeout: -1, MaxSessionTimeout: -2, InitialRebalanceDelay: -1, MaxMembers: -1, MaxGroups: -1, MaxMetadataBytes: -1})
	for _, field := range []string{"MinSessionTimeout", "MaxSessionTimeout", "InitialRebalanceDelay", "MaxMembers", "MaxGroups",
		"MaxMetadataBytes", "Random", "Exists"} {
		if err == nil || !strings.Contains(err.Error(), "Config."+field+" is") {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
}

func TestRecoveryIsOverWithTheFirstStep(t *testing.T) {
	s := newStory(t)
	s.m.Tick(s.now)
	if err := s.m.Apply(appendDeleted(nil, "g")); err == nil {
		t.Error("Apply is taken after Tick")
	}
	if err := s.m.Restore(s.m.AppendSnapshot(nil)); err == nil {
		t.Error("Restore is taken after Tick")
	}
}

// The in-process caller may do with an answer what it likes, and with its request once it has the answer.
func TestRepliesAndRequestsShareNoBytesWithTheMachine(t *testing.T) {
	s := newStory(t)
	join := kmsg.NewPtrJoinGroupRequest()
	join.Version, join.Group, join.ProtocolType = 3, "g", "consumer"
	join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = 10_000, 10_000
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte("meta")}}
	s.asked[1] = true
	j := s.m.Step(Call{Token: 1, Request: join}, s.now).Replies[0].Response.(*kmsg.JoinGroupResponse)
	clear(join.Protocols[0].Metadata)
	clear(j.Members[0].ProtocolMetadata)
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Group, sync.Generation, sync.MemberID = "g", 1, j.MemberID
	sync.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: j.MemberID, MemberAssignment: []byte("plan")}}
	a := s.m.Step(Call{Token: 2, Request: sync}, s.now).Replies[0].Response.(*kmsg.SyncGroupResponse)
	clear(sync.GroupAssignment[0].MemberAssignment)
	clear(a.MemberAssignment)
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = []string{"g"}
	for range 2 {
		d := s.m.Step(Call{Token: 3, Request: describe}, s.now).Replies[0].Response.(*kmsg.DescribeGroupsResponse).Groups[0].Members[0]
		if string(d.ProtocolMetadata) != "meta" || string(d.MemberAssignment) != "plan" {
			t.Fatalf("the machine now holds %q and %q", d.ProtocolMetadata, d.MemberAssignment)
		}
		clear(d.ProtocolMetadata)
		clear(d.MemberAssignment)
	}
}
