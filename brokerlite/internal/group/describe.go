package group

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// describe shows groups with their members. What members say and own is shown only when the group is stable, as Kafka
// does. An unknown group is one in the state Dead; from version 6 on that is also an error. AuthorizedOperations is left
// at "not asked"; an owner that knows rights fills it in.
func (t *turn) describe(req *kmsg.DescribeGroupsRequest) *kmsg.DescribeGroupsResponse {
	r := req.ResponseKind().(*kmsg.DescribeGroupsResponse)
	for _, name := range req.Groups {
		k := kmsg.NewDescribeGroupsResponseGroup()
		k.Group = name
		g := t.lookup(name)
		if g == nil {
			k.State = string(stateDead)
			if req.Version >= 6 {
				k.ErrorCode = codeGroupIDNotFound
				message := "Group " + name + " not found."
				k.ErrorMessage = &message
			}
			r.Groups = append(r.Groups, k)
			continue
		}
		k.State, k.ProtocolType = string(g.state), g.protocolType
		if g.state == stateStable {
			k.Protocol = g.protocol
		}
		for _, m := range g.order {
			k.Members = append(k.Members, g.described(m))
		}
		r.Groups = append(r.Groups, k)
	}
	return r
}

func (g *group) described(m *member) kmsg.DescribeGroupsResponseGroupMember {
	k := kmsg.NewDescribeGroupsResponseGroupMember()
	k.MemberID, k.InstanceID = m.id, nullable(m.instance)
	k.ClientID, k.ClientHost = m.clientID, m.host
	k.ProtocolMetadata, k.MemberAssignment = []byte{}, []byte{}
	if g.state == stateStable {
		k.ProtocolMetadata, k.MemberAssignment = slices.Clone(m.metadata(g.protocol)), slices.Clone(m.assignment)
	}
	return k
}
