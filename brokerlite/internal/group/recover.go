package group

import (
	"time"

	"github.com/millrun/millrun/internal/invariant"
)

// Recovered ends recovery: groups come alive with the members that the log knows, each with one full session timeout
// (S-58). Members of the broker's own process died with it; where that changes a group, the others rebalance.
func (m *Machine) Recovered(now time.Time) Effects {
	invariant.Check(!m.started, "group: Recovered comes once, before Step")
	m.started = true
	t := &turn{Machine: m, now: now}
	for name, e := range m.ledger.groups {
		g := newGroup(name)
		m.groups[name] = g
		t.revive(g, e.image)
	}
	return t.finish()
}

func (t *turn) revive(g *group, i image) {
	g.generation, g.protocolType, g.protocol = i.generation, i.protocolType, i.protocol
	for _, saved := range i.members {
		if saved.embedded {
			continue
		}
		m := &member{
			id: saved.id, instance: saved.instance, clientID: saved.clientID, host: saved.host, told: true,
			sessionTimeout: saved.sessionTimeout, rebalanceTimeout: saved.rebalanceTimeout,
			protocols: saved.protocols, assignment: saved.assignment,
			synced: i.phase == phaseStable,
		}
		g.add(m)
		t.touchSession(g, m)
	}
	if g.byID[i.leader] != nil {
		g.leader = i.leader
	}
	switch {
	case len(g.order) == 0:
		g.state, g.protocol = stateEmpty, ""
	case i.phase == phasePreparing || len(g.order) < len(i.members):
		g.state = statePreparingRebalance
		g.joinBy = t.now.Add(g.rebalanceTimeout())
		t.arm(g, g.joinBy)
	case i.phase == phaseCompleting:
		g.state = stateCompletingRebalance
		g.syncBy = t.now.Add(g.rebalanceTimeout())
		t.arm(g, g.syncBy)
	default:
		g.state = stateStable
	}
}

// image is what the ledger must know of the group. A member whose client never learned its id is left out: it could
// not come back.
func (g *group) image() image {
	i := image{generation: g.generation, protocolType: g.protocolType, protocol: g.protocol, leader: g.leader}
	switch g.state {
	case statePreparingRebalance:
		i.phase = phasePreparing
	case stateCompletingRebalance:
		i.phase = phaseCompleting
	case stateStable:
		i.phase = phaseStable
	}
	for _, m := range g.order {
		if !m.told && m.instance == "" {
			continue
		}
		i.members = append(i.members, memberImage{
			id: m.id, instance: m.instance, clientID: m.clientID, host: m.host, embedded: m.embedded,
			sessionTimeout: m.sessionTimeout, rebalanceTimeout: m.rebalanceTimeout,
			protocols: m.protocols, assignment: m.assignment,
		})
	}
	return i
}
