package commitlog

import (
	"context"
	"time"
)

// Groups are the coordinator's calls; they keep no state here: the membership machine is the caller's. Metadata and
// assignments are ConsumerProtocol bytes (protocol type "consumer"), so that Kafka's tools can read them; what is ours
// goes into UserData.
type Groups interface {
	// Join enters the group, or enters it again, and waits for all members, at most RebalanceTimeout. A new member gets
	// its ID here. ErrNotMember: the ID in the request is no longer known, join with "". ErrFenced: another process has
	// the InstanceID. ErrInvalidConfig: no protocol all members support, or a session timeout out of bounds.
	//
	// A Join that was cancelled may leave a member behind, which its session timeout removes.
	Join(ctx context.Context, r JoinRequest) (Joined, error)
	// Sync takes assignments, by member ID, from the leader and nil from others; it returns this member's. Others wait
	// for the leader. ErrRebalance: join again.
	Sync(ctx context.Context, m Member, protocol string, assignments map[string][]byte) ([]byte, error)
	// Heartbeat keeps the session. ErrRebalance: still a member, commit and Join; ErrNotMember: all lost, join as new;
	// ErrFenced: another process has the InstanceID, stop.
	Heartbeat(ctx context.Context, m Member) error
	// Leave ends the membership at once, of static members too. ErrNotMember: it had ended before.
	Leave(ctx context.Context, m Member) error
	// CommitOffsets commits outside a transaction, durably. ErrNotMember: an older generation, or members exist and m is
	// none.
	CommitOffsets(ctx context.Context, m Member, offsets []Position) error
	// FetchOffsets waits until no transaction holds undecided offsets for p and answers in the order asked. Offset -1:
	// none committed; a group nobody knows has none.
	FetchOffsets(ctx context.Context, group string, p []Partition) ([]Position, error)
	// ListGroups gives the names of all groups, sorted.
	ListGroups(ctx context.Context) ([]string, error)
	// DescribeGroup gives state and members. ErrUnknownGroup.
	DescribeGroup(ctx context.Context, group string) (Group, error)
	// DeleteGroup removes an empty group with its offsets. ErrGroupNotEmpty, ErrUnknownGroup.
	DeleteGroup(ctx context.Context, group string) error
}

// Member is a member in one generation; commits of an older one get ErrNotMember. ID "" and Generation -1: no member,
// allowed only while the group is empty.
type Member struct {
	Group, ID  string
	InstanceID string // "": dynamic
	Generation int32
}

// JoinRequest is how a member enters a group.
type JoinRequest struct {
	Member           Member        // ID "" and Generation -1 at first, then what Joined said
	Protocols        []Protocol    // preferred first; at least one
	SessionTimeout   time.Duration // silence that ends membership; Kafka: 6 s to 30 min. Must be set
	RebalanceTimeout time.Duration // time for all to rejoin; 0: SessionTimeout
	Reason           string        // for the log's own log; may be ""
}

// Protocol is one way to assign that a member supports, with what the leader needs to know about the member.
type Protocol struct {
	Name     string
	Metadata []byte
}

// Joined is a member's place in the new generation.
type Joined struct {
	Member   Member
	Protocol string        // the one chosen for all
	Leader   bool          // this member assigns: it calls Sync with assignments
	Members  []GroupMember // for the leader, with their Metadata; nil for others
}

// Group is what the coordinator knows about a group.
type Group struct {
	Name, State, Protocol string // State in Kafka's words: Empty, PreparingRebalance, CompletingRebalance, Stable, Dead
	Members               []GroupMember
}

// GroupMember is one member as others see it. InstanceID "" is a dynamic member. In Joined only ID, InstanceID and
// Metadata are set.
type GroupMember struct {
	ID, InstanceID, ClientID, Host string
	Metadata, Assignment           []byte
}
