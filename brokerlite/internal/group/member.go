package group

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// protocol is one way of dividing partitions that a member knows, with what it says to the leader.
type protocol struct {
	name     string
	metadata []byte
}

// member is one member of a group.
type member struct {
	id               string
	instance         string // static instance id; "": dynamic
	clientID, host   string
	embedded         bool // joined from the broker's own process
	told             bool // the client has seen its id: by MEMBER_ID_REQUIRED or by an answered join
	sessionTimeout   time.Duration
	rebalanceTimeout time.Duration
	protocols        []protocol
	assignment       []byte

	synced  bool      // in this generation: has asked for its assignment, or need not
	join    *waiter   // held JoinGroup
	sync    *waiter   // held SyncGroup
	expires time.Time // end of the session, unless a call of the member is held
}

// waits says whether a call of this member is held: then it is alive, whatever its session says.
func (m *member) waits() bool { return m.join != nil || m.sync != nil }

func (m *member) protocolIndex(name string) int {
	return slices.IndexFunc(m.protocols, func(p protocol) bool { return p.name == name })
}

// metadata is what the member says under this protocol; empty if it does not know it.
func (m *member) metadata(name string) []byte {
	if i := m.protocolIndex(name); i >= 0 {
		return m.protocols[i].metadata
	}
	return nil
}

func sameProtocols(a, b []protocol) bool {
	return slices.EqualFunc(a, b, func(x, y protocol) bool { return x.name == y.name && bytes.Equal(x.metadata, y.metadata) })
}

// protocolsOf copies what a join says: the bytes outlive the request.
func protocolsOf(req *kmsg.JoinGroupRequest) []protocol {
	ps := make([]protocol, 0, len(req.Protocols))
	for _, p := range req.Protocols {
		ps = append(ps, protocol{name: p.Name, metadata: slices.Clone(p.Metadata)})
	}
	return ps
}

// newID makes a member id as Kafka does: who it is, then something nobody guesses.
func (t *turn) newID(call Call, instance string) string {
	head := call.ClientID
	if instance != "" {
		head = instance
	}
	return fmt.Sprintf("%s-%016x%016x", head, t.config.Random(), t.config.Random())
}

// touchSession gives the member one more session timeout from now.
func (t *turn) touchSession(g *group, m *member) {
	m.expires = t.now.Add(m.sessionTimeout)
	t.arm(g, m.expires)
}

// optional turns an instance id of the wire into ours: nil and empty both mean a dynamic member.
func optional(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// find checks that a request speaks for a member of the group: 0 and the member, or why not.
func (g *group) find(id, instance string) (*member, int16) {
	if instance != "" {
		m := g.instances[instance]
		switch {
		case m == nil:
			return nil, codeUnknownMemberID
		case m.id != id:
			return nil, codeFencedInstanceID
		}
		return m, codeNone
	}
	m := g.byID[id]
	if m == nil {
		return nil, codeUnknownMemberID
	}
	return m, codeNone
}
