package member

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/brokerlite/grouptest"
	"github.com/millrun/millrun/commitlog"
)

// line is one worker's connection to the coordinator: commitlog.Groups over the real machine, with faults.
type line struct {
	commitlog.Groups // the calls a member does not make
	coordinator      *grouptest.Coordinator
	client           string

	mu struct {
		sync.Mutex
		cut    bool          // calls fail as not available
		frozen chan struct{} // calls wait until it is closed: the process is stopped
		next   error         // the next call gives this instead
		beats  int
		said   []byte // metadata of the last join
		lose   bool   // the answer to the next commit is lost
	}
}

var errAnswerLost = fmt.Errorf("%w: the answer is lost", commitlog.ErrUnknownOutcome)

func (l *line) stopped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.frozen != nil
}

// loseAnswer lets the next commit happen and its answer vanish.
func (l *line) loseAnswer() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.lose = true
}

// keepAnswers takes loseAnswer back if no commit came through.
func (l *line) keepAnswers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.lose = false
}

// fail lets the next call end with this error.
func (l *line) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.next = err
}

func (l *line) cut(yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.cut = yes
}

func (l *line) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.frozen = make(chan struct{})
}

func (l *line) thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.frozen != nil {
		close(l.mu.frozen)
		l.mu.frozen = nil
	}
}

// wait holds a caller while the process is stopped.
func (l *line) wait(ctx context.Context) error {
	l.mu.Lock()
	frozen := l.mu.frozen
	l.mu.Unlock()
	if frozen != nil {
		<-frozen // nothing of a stopped process runs, not even the end of a context
	}
	return ctx.Err()
}

func (l *line) ask(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	if err := l.wait(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	cut, next := l.mu.cut, l.mu.next
	l.mu.next = nil
	l.mu.Unlock()
	if next != nil {
		return nil, next
	}
	if cut {
		return nil, commitlog.ErrUnavailable
	}
	response, err := l.coordinator.Handle(ctx, l.client, request)
	if err == nil {
		err = l.wait(ctx) // the answer came while the process was stopped
	}
	if errors.Is(err, grouptest.ErrRestarted) {
		return nil, fmt.Errorf("%w: %w", commitlog.ErrUnavailable, err)
	}
	return response, err
}

func codeError(code int16) error {
	switch code {
	case 0:
		return nil
	case 22, 25:
		return commitlog.ErrNotMember
	case 27:
		return commitlog.ErrRebalance
	case 82:
		return commitlog.ErrFenced
	}
	return fmt.Errorf("code %d", code)
}

func instance(m commitlog.Member) *string {
	if m.InstanceID == "" {
		return nil
	}
	return &m.InstanceID
}

func (l *line) Join(ctx context.Context, r commitlog.JoinRequest) (commitlog.Joined, error) {
	l.mu.Lock()
	l.mu.said = r.Protocols[0].Metadata
	l.mu.Unlock()
	for {
		q := kmsg.NewPtrJoinGroupRequest()
		q.Version, q.Group, q.MemberID, q.InstanceID, q.ProtocolType = 8, r.Member.Group, r.Member.ID, instance(r.Member), "consumer"
		q.SessionTimeoutMillis, q.RebalanceTimeoutMillis = int32(r.SessionTimeout.Milliseconds()), int32(r.RebalanceTimeout.Milliseconds())
		for _, p := range r.Protocols {
			q.Protocols = append(q.Protocols, kmsg.JoinGroupRequestProtocol{Name: p.Name, Metadata: p.Metadata})
		}
		response, err := l.ask(ctx, q)
		if err != nil {
			return commitlog.Joined{}, err
		}
		a := response.(*kmsg.JoinGroupResponse)
		if a.ErrorCode == 79 {
			r.Member.ID = a.MemberID
			continue
		}
		if err := codeError(a.ErrorCode); err != nil {
			return commitlog.Joined{}, err
		}
		m := r.Member
		m.ID, m.Generation = a.MemberID, a.Generation
		j := commitlog.Joined{Member: m, Protocol: *a.Protocol, Leader: a.LeaderID == a.MemberID}
		for _, k := range a.Members {
			j.Members = append(j.Members, commitlog.GroupMember{ID: k.MemberID, Metadata: k.ProtocolMetadata})
		}
		return j, nil
	}
}

func (l *line) Sync(ctx context.Context, m commitlog.Member, protocol string, assignments map[string][]byte) ([]byte, error) {
	q := kmsg.NewPtrSyncGroupRequest()
	q.Version, q.Group, q.MemberID, q.InstanceID, q.Generation, q.Protocol = 5, m.Group, m.ID, instance(m), m.Generation, &protocol
	for _, id := range slices.Sorted(maps.Keys(assignments)) {
		q.GroupAssignment = append(q.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: id, MemberAssignment: assignments[id]})
	}
	response, err := l.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	a := response.(*kmsg.SyncGroupResponse)
	return a.MemberAssignment, codeError(a.ErrorCode)
}

func (l *line) Heartbeat(ctx context.Context, m commitlog.Member) error {
	q := kmsg.NewPtrHeartbeatRequest()
	q.Version, q.Group, q.MemberID, q.InstanceID, q.Generation = 4, m.Group, m.ID, instance(m), m.Generation
	response, err := l.ask(ctx, q)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.mu.beats++
	l.mu.Unlock()
	return codeError(response.(*kmsg.HeartbeatResponse).ErrorCode)
}

func (l *line) Leave(ctx context.Context, m commitlog.Member) error {
	q := kmsg.NewPtrLeaveGroupRequest()
	q.Version, q.Group = 5, m.Group
	q.Members = []kmsg.LeaveGroupRequestMember{{MemberID: m.ID, InstanceID: instance(m)}}
	response, err := l.ask(ctx, q)
	if err != nil {
		return err
	}
	return codeError(response.(*kmsg.LeaveGroupResponse).Members[0].ErrorCode)
}

func (l *line) CommitOffsets(ctx context.Context, m commitlog.Member, offsets []commitlog.Position) error {
	q := kmsg.NewPtrOffsetCommitRequest()
	q.Version, q.Group, q.MemberID, q.InstanceID, q.Generation = 9, m.Group, m.ID, instance(m), m.Generation
	for _, o := range offsets {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset = o.Partition.Index, o.Offset
		q.Topics = append(q.Topics, kmsg.OffsetCommitRequestTopic{Topic: o.Partition.Topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}})
	}
	response, err := l.ask(ctx, q)
	if err != nil {
		return err
	}
	for _, t := range response.(*kmsg.OffsetCommitResponse).Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return codeError(p.ErrorCode)
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.lose {
		l.mu.lose = false
		return errAnswerLost
	}
	return nil
}

func (l *line) FetchOffsets(ctx context.Context, group string, ps []commitlog.Partition) ([]commitlog.Position, error) {
	q := kmsg.NewPtrOffsetFetchRequest()
	q.Version, q.Group = 7, group
	for _, p := range ps {
		q.Topics = append(q.Topics, kmsg.OffsetFetchRequestTopic{Topic: p.Topic, Partitions: []int32{p.Index}})
	}
	response, err := l.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	var list []commitlog.Position
	for _, t := range response.(*kmsg.OffsetFetchResponse).Topics {
		for _, p := range t.Partitions {
			list = append(list, commitlog.Position{Partition: commitlog.Partition{Topic: t.Topic, Index: p.Partition}, Offset: p.Offset})
		}
	}
	return list, nil
}

const tick = 20 * time.Millisecond
