package group

import (
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// list names the groups, by name, as far as the filters of versions 4 (states) and 5 (types) let them through.
func (t *turn) list(req *kmsg.ListGroupsRequest) *kmsg.ListGroupsResponse {
	r := req.ResponseKind().(*kmsg.ListGroupsResponse)
	const groupType = "classic"
	if !passes(req.TypesFilter, groupType) {
		return r
	}
	for _, name := range slices.Sorted(maps.Keys(t.groups)) {
		g := t.groups[name]
		if !passes(req.StatesFilter, string(g.state)) {
			continue
		}
		k := kmsg.NewListGroupsResponseGroup()
		k.Group, k.ProtocolType, k.GroupState, k.GroupType = name, g.protocolType, string(g.state), groupType
		r.Groups = append(r.Groups, k)
	}
	return r
}

// passes says whether a filter lets the word through; an empty one lets everything. Case does not matter.
func passes(filter []string, word string) bool {
	return len(filter) == 0 || slices.ContainsFunc(filter, func(f string) bool { return strings.EqualFold(f, word) })
}
