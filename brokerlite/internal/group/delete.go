package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// delete removes groups without members, and their offsets. A group with offsets staged by an open transaction is
// refused as not empty: Kafka drops them, and the transaction would then commit its outputs without its inputs.
func (t *turn) delete(req *kmsg.DeleteGroupsRequest) *kmsg.DeleteGroupsResponse {
	r := req.ResponseKind().(*kmsg.DeleteGroupsResponse)
	for _, name := range req.Groups {
		k := kmsg.NewDeleteGroupsResponseGroup()
		k.Group = name
		k.ErrorCode = t.deleteOne(name)
		r.Groups = append(r.Groups, k)
	}
	return r
}

func (t *turn) deleteOne(name string) int16 {
	g, e := t.lookup(name), t.ledger.groups[name]
	switch {
	case g == nil:
		return codeGroupIDNotFound
	case len(g.order) > 0 || len(g.pending) > 0 || e != nil && len(e.staged) > 0:
		return codeNonEmptyGroup
	}
	t.due.set(g, time.Time{})
	delete(t.groups, name)
	t.record(appendDeleted(nil, name))
	return codeNone
}
