package group

import (
	"slices"
	"time"
)

// state is where a group stands. Its text is what Kafka's tools show.
type state string

const (
	stateEmpty               state = "Empty"               // no members; offsets may be there
	statePreparingRebalance  state = "PreparingRebalance"  // waits for members to join
	stateCompletingRebalance state = "CompletingRebalance" // waits for the leader's plan
	stateStable              state = "Stable"              // the plan is known
	stateDead                state = "Dead"                // not there
)

// group is the live half of one group.
//
// Invariants: order holds exactly the members of byID, in the order they came; instances points at the static ones;
// supported counts, for each protocol name, the members that know it; a group without members is Empty, or waits for
// pending ones; leader is a member unless the group has none.
type group struct {
	name         string
	state        state
	generation   int32
	protocolType string
	protocol     string // chosen for this generation; "" before the first and when empty
	leader       string

	byID      map[string]*member
	order     []*member
	instances map[string]*member
	supported map[string]int
	pending   map[string]time.Time // ids given out with MEMBER_ID_REQUIRED, and when each is forgotten

	joinBy     time.Time // PreparingRebalance: ends then
	delayUntil time.Time // PreparingRebalance out of Empty: not before; zero: no initial delay
	syncBy     time.Time // after a join: members that have not asked for their assignment by then are out; zero: none due

	next    time.Time // place in deadlines; zero: not there
	index   int
	touched bool
}

func newGroup(name string) *group {
	return &group{
		name:      name,
		state:     stateEmpty,
		byID:      make(map[string]*member),
		instances: make(map[string]*member),
		supported: make(map[string]int),
		pending:   make(map[string]time.Time),
	}
}

// lookup gives the live group, or nil.
func (t *turn) lookup(name string) *group { return t.groups[name] }

// open gives the live group, made if need be; nil when there are too many.
func (t *turn) open(name string) *group {
	if g := t.groups[name]; g != nil {
		return g
	}
	if len(t.groups) >= t.config.MaxGroups {
		return nil
	}
	g := newGroup(name)
	t.groups[name] = g
	return g
}

// prune forgets a group that never had a member or an offset: one that only gave out ids nobody used.
func (t *turn) prune(g *group) {
	if len(g.order) == 0 && len(g.pending) == 0 && t.ledger.groups[g.name] == nil && t.groups[g.name] == g {
		t.due.set(g, time.Time{})
		delete(t.groups, g.name)
	}
}

func (g *group) add(m *member) {
	if len(g.order) == 0 {
		g.leader = m.id
	}
	g.byID[m.id] = m
	g.order = append(g.order, m)
	if m.instance != "" {
		g.instances[m.instance] = m
	}
	g.count(m, 1)
}

func (g *group) remove(m *member) {
	delete(g.byID, m.id)
	g.order = slices.DeleteFunc(g.order, func(o *member) bool { return o == m })
	if m.instance != "" && g.instances[m.instance] == m {
		delete(g.instances, m.instance)
	}
	g.count(m, -1)
	if g.leader == m.id {
		g.leader = ""
		if len(g.order) > 0 {
			g.leader = g.order[0].id
		}
	}
}

// update takes over what a member's new join says.
func (g *group) update(m *member, protocols []protocol) {
	g.count(m, -1)
	m.protocols = protocols
	g.count(m, 1)
}

func (g *group) count(m *member, by int) {
	for i, p := range m.protocols {
		if m.protocolIndex(p.name) != i {
			continue // named twice
		}
		if g.supported[p.name] += by; g.supported[p.name] == 0 {
			delete(g.supported, p.name)
		}
	}
}

// accepts says whether a member with these protocols can share a generation with the others. except, when set, is
// replaced by that member.
func (g *group) accepts(protocolType string, protocols []protocol, except *member) bool {
	if protocolType == "" || len(protocols) == 0 {
		return false
	}
	others := len(g.order)
	if except != nil {
		others--
	}
	if others == 0 {
		return true
	}
	if protocolType != g.protocolType {
		return false
	}
	return slices.ContainsFunc(protocols, func(p protocol) bool {
		n := g.supported[p.name]
		if except != nil && except.protocolIndex(p.name) >= 0 {
			n--
		}
		return n == others
	})
}

// vote chooses the protocol of the next generation: of those that all members know, the one that most prefer. Of
// equally many votes, the one voted for first.
func (g *group) vote() string {
	votes := make(map[string]int)
	best := ""
	for _, m := range g.order {
		for _, p := range m.protocols {
			if g.supported[p.name] == len(g.order) {
				votes[p.name]++
				break
			}
		}
	}
	for _, m := range g.order {
		for _, p := range m.protocols {
			if votes[p.name] > votes[best] {
				best = p.name
			}
		}
	}
	return best
}

// rebalanceTimeout is the longest any member asked for.
func (g *group) rebalanceTimeout() time.Duration {
	var d time.Duration
	for _, m := range g.order {
		d = max(d, m.rebalanceTimeout)
	}
	return d
}

// earliest is when something of this group is due; zero: never.
func (g *group) earliest() time.Time {
	var first time.Time
	take := func(at time.Time) {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	for _, m := range g.order {
		if !m.waits() {
			take(m.expires)
		}
	}
	for _, at := range g.pending {
		take(at)
	}
	if g.state == statePreparingRebalance {
		take(g.delayUntil)
		take(g.joinBy)
	} else {
		take(g.syncBy)
	}
	return first
}
