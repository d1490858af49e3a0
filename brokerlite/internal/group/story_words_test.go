package group

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func option(words []string, name string) string {
	for _, w := range words {
		if v, ok := strings.CutPrefix(w, name+"="); ok {
			return v
		}
	}
	return ""
}

func number(words []string, name string, otherwise int) int {
	if v := option(words, name); v != "" {
		return must(strconv.Atoi(v))
	}
	return otherwise
}

func millis(words []string, name, otherwise string) int32 {
	v := option(words, name)
	if v == "" {
		v = otherwise
	}
	return int32(must(time.ParseDuration(v)).Milliseconds())
}

// offsetWords reads t/0=5 and t/0=5:text.
func offsetWords(words []string) []namedOffset {
	var list []namedOffset
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		topic, index, isPartition := strings.Cut(name, "/")
		if !ok || !isPartition {
			continue
		}
		at, text, _ := strings.Cut(value, ":")
		if text == "LONG" {
			text = strings.Repeat("x", 4097)
		}
		list = append(list, namedOffset{partition{topic, int32(must(strconv.Atoi(index)))},
			offset{position: int64(must(strconv.Atoi(at))), metadata: text}})
	}
	return list
}

func partitionWords(words []string) (list []partition) {
	for _, w := range words {
		if topic, index, ok := strings.Cut(w, "/"); ok {
			list = append(list, partition{topic, int32(must(strconv.Atoi(index)))})
		}
	}
	return list
}

// request reads "VERB GROUP option=value ...".
func (s *story) request(where string, words []string) kmsg.Request {
	rest := words[1:]
	groupName := ""
	if len(rest) > 0 && !strings.Contains(rest[0], "=") {
		groupName = strings.Trim(rest[0], `"`)
	}
	member, instance, gen := s.id(option(rest, "member")), nullable(option(rest, "instance")), int32(number(rest, "gen", -1))
	switch words[0] {
	case "join":
		r := kmsg.NewPtrJoinGroupRequest()
		r.Version = int16(number(rest, "v", 5))
		r.Group, r.MemberID, r.InstanceID, r.ProtocolType = groupName, member, instance, "consumer"
		if kind := option(rest, "type"); kind != "" {
			r.ProtocolType = kind
		}
		r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = millis(rest, "session", "10s"), millis(rest, "rebalance", "30s")
		for _, w := range rest {
			if name, meta, ok := strings.Cut(w, ":"); ok {
				r.Protocols = append(r.Protocols, kmsg.JoinGroupRequestProtocol{Name: name, Metadata: []byte(meta)})
			}
		}
		return r
	case "sync":
		r := kmsg.NewPtrSyncGroupRequest()
		r.Version = int16(number(rest, "v", 5))
		r.Group, r.MemberID, r.InstanceID, r.Generation = groupName, member, instance, gen
		r.Protocol = nullable(option(rest, "protocol"))
		if i := slices.Index(rest, "plan"); i >= 0 {
			for _, w := range rest[i+1:] {
				name, assigned, _ := strings.Cut(w, "=")
				r.GroupAssignment = append(r.GroupAssignment,
					kmsg.SyncGroupRequestGroupAssignment{MemberID: s.id(name), MemberAssignment: []byte(assigned)})
			}
		}
		return r
	case "heartbeat":
		r := kmsg.NewPtrHeartbeatRequest()
		r.Version = int16(number(rest, "v", 4))
		r.Group, r.MemberID, r.InstanceID, r.Generation = groupName, member, instance, gen
		return r
	case "leave":
		r := kmsg.NewPtrLeaveGroupRequest()
		r.Version, r.Group = int16(number(rest, "v", 5)), groupName
		if r.Version < 3 {
			r.MemberID = member
			return r
		}
		for _, w := range rest {
			name, v, _ := strings.Cut(w, "=")
			switch name {
			case "member":
				r.Members = append(r.Members, kmsg.LeaveGroupRequestMember{MemberID: s.id(v), InstanceID: instance})
			case "remove":
				r.Members = append(r.Members, kmsg.LeaveGroupRequestMember{InstanceID: &v})
			}
		}
		return r
	case "commit":
		r := kmsg.NewPtrOffsetCommitRequest()
		r.Version = int16(number(rest, "v", 9))
		r.Group, r.MemberID, r.InstanceID, r.Generation = groupName, member, instance, gen
		for _, o := range offsetWords(rest) {
			p := kmsg.NewOffsetCommitRequestTopicPartition()
			p.Partition, p.Offset, p.Metadata, p.LeaderEpoch = o.partition.index, o.position, &o.metadata, 3
			r.Topics = append(r.Topics, kmsg.OffsetCommitRequestTopic{Topic: o.partition.topic,
				Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}})
		}
		return r
	case "fetch":
		return s.fetchRequest(groupName, rest)
	case "list":
		r := kmsg.NewPtrListGroupsRequest()
		r.Version = int16(number(words, "v", 5))
		if state := option(words, "state"); state != "" {
			r.StatesFilter = []string{state}
		}
		if kind := option(words, "type"); kind != "" {
			r.TypesFilter = []string{kind}
		}
		return r
	case "describe":
		r := kmsg.NewPtrDescribeGroupsRequest()
		r.Version, r.Groups = int16(number(rest, "v", 5)), []string{groupName}
		return r
	case "delete":
		r := kmsg.NewPtrDeleteGroupsRequest()
		r.Version, r.Groups = int16(number(rest, "v", 2)), []string{groupName}
		return r
	}
	s.t.Fatalf("%s: unknown request %q", where, words[0])
	return nil
}

func (s *story) fetchRequest(groupName string, rest []string) kmsg.Request {
	r := kmsg.NewPtrOffsetFetchRequest()
	r.Version = int16(number(rest, "v", 7))
	r.RequireStable = slices.Contains(rest, "stable")
	if r.Version < 8 {
		r.Group = groupName
		for _, p := range partitionWords(rest) {
			r.Topics = append(r.Topics, kmsg.OffsetFetchRequestTopic{Topic: p.topic, Partitions: []int32{p.index}})
		}
		return r
	}
	for _, name := range strings.Split(groupName, ",") {
		g := kmsg.NewOffsetFetchRequestGroup()
		g.Group = name
		for _, p := range partitionWords(rest) {
			g.Topics = append(g.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: p.topic, Partitions: []int32{p.index}})
		}
		r.Groups = append(r.Groups, g)
	}
	return r
}

var codeNames = map[int16]string{
	codeNone: "OK", codeUnknownTopicOrPartition: "UNKNOWN_TOPIC_OR_PARTITION", codeOffsetMetadataTooLarge: "OFFSET_METADATA_TOO_LARGE",
	codeCoordinatorNotAvailable: "COORDINATOR_NOT_AVAILABLE", codeIllegalGeneration: "ILLEGAL_GENERATION",
	codeInconsistentGroupProtocol: "INCONSISTENT_GROUP_PROTOCOL", codeInvalidGroupID: "INVALID_GROUP_ID",
	codeUnknownMemberID: "UNKNOWN_MEMBER_ID", codeInvalidSessionTimeout: "INVALID_SESSION_TIMEOUT",
	codeRebalanceInProgress: "REBALANCE_IN_PROGRESS", codeUnsupportedVersion: "UNSUPPORTED_VERSION",
	codeNonEmptyGroup: "NON_EMPTY_GROUP", codeGroupIDNotFound: "GROUP_ID_NOT_FOUND", codeMemberIDRequired: "MEMBER_ID_REQUIRED",
	codeGroupMaxSizeReached: "GROUP_MAX_SIZE_REACHED", codeFencedInstanceID: "FENCED_INSTANCE_ID",
	codeUnstableOffsetCommit: "UNSTABLE_OFFSET_COMMIT",
}

// name shortens a member id to "client#1", counted per head in the order of appearance.
func (s *story) name(id string) string {
	i := strings.LastIndexByte(id, '-')
	if i < 0 || len(id)-i != 33 {
		return id
	}
	if s.ids[id] == "" {
		s.perHead[id[:i]]++
		n := fmt.Sprintf("%s#%d", id[:i], s.perHead[id[:i]])
		s.ids[id], s.byName[n] = n, id
	}
	return s.ids[id]
}

func (s *story) id(name string) string {
	if id, ok := s.byName[name]; ok {
		return id
	}
	return name
}

func (s *story) render(r kmsg.Response) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	switch r := r.(type) {
	case *kmsg.JoinGroupResponse:
		say("join %s member=%s", codeNames[r.ErrorCode], s.name(r.MemberID))
		if r.ErrorCode == codeNone {
			say(" gen=%d protocol=%s leader=%s", r.Generation, *r.Protocol, s.name(r.LeaderID))
			for _, m := range r.Members {
				say(" %s:%s", s.name(m.MemberID), m.ProtocolMetadata)
			}
			if r.SkipAssignment {
				say(" skip-assignment")
			}
		}
	case *kmsg.SyncGroupResponse:
		say("sync %s", codeNames[r.ErrorCode])
		if r.ErrorCode == codeNone {
			say(" protocol=%s assigned=%s", *r.Protocol, strings.Trim(strconv.Quote(string(r.MemberAssignment)), `"`))
		}
	case *kmsg.HeartbeatResponse:
		say("heartbeat %s", codeNames[r.ErrorCode])
	case *kmsg.LeaveGroupResponse:
		say("leave %s", codeNames[r.ErrorCode])
		for _, m := range r.Members {
			say(" %s%s:%s", s.name(m.MemberID), optional(m.InstanceID), codeNames[m.ErrorCode])
		}
	case *kmsg.OffsetCommitResponse:
		say("commit")
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				say(" %s/%d:%s", t.Topic, p.Partition, codeNames[p.ErrorCode])
			}
		}
	case *kmsg.TxnOffsetCommitResponse:
		say("stage")
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				say(" %s/%d:%s", t.Topic, p.Partition, codeNames[p.ErrorCode])
			}
		}
	case *kmsg.OffsetFetchResponse:
		say("fetch %s", codeNames[r.ErrorCode])
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				say(" %s", fetched(t.Topic, p.Partition, p.Offset, p.LeaderEpoch, p.Metadata, p.ErrorCode))
			}
		}
		for _, g := range r.Groups {
			say(" [%s %s]", g.Group, codeNames[g.ErrorCode])
			for _, t := range g.Topics {
				for _, p := range t.Partitions {
					say(" %s", fetched(t.Topic, p.Partition, p.Offset, p.LeaderEpoch, p.Metadata, p.ErrorCode))
				}
			}
		}
	case *kmsg.ListGroupsResponse:
		say("list %s", codeNames[r.ErrorCode])
		for _, g := range r.Groups {
			say(" %s:%s:%s:%s", g.Group, g.ProtocolType, g.GroupState, g.GroupType)
		}
	case *kmsg.DescribeGroupsResponse:
		for _, g := range r.Groups {
			say("describe %s %s %s %s %s", g.Group, codeNames[g.ErrorCode], g.State, g.ProtocolType, g.Protocol)
			for _, m := range g.Members {
				say(" %s(%s)%s/%s:%s=%s", s.name(m.MemberID), optional(m.InstanceID), m.ClientID, m.ClientHost,
					m.ProtocolMetadata, strings.Trim(strconv.Quote(string(m.MemberAssignment)), `"`))
			}
		}
	case *kmsg.DeleteGroupsResponse:
		say("delete")
		for _, g := range r.Groups {
			say(" %s:%s", g.Group, codeNames[g.ErrorCode])
		}
	}
	return b.String()
}

func fetched(topic string, index int32, at int64, epoch int32, metadata *string, code int16) string {
	s := fmt.Sprintf("%s/%d=%d", topic, index, at)
	if optional(metadata) != "" {
		s += ":" + *metadata
	}
	if epoch != -1 {
		s += fmt.Sprintf("(epoch %d)", epoch)
	}
	if code != codeNone {
		s += ":" + codeNames[code]
	}
	return s
}
