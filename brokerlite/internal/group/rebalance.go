package group

import (
	"time"

	"github.com/millrun/millrun/internal/invariant"
)

// prepare starts a rebalance, or goes on with the one under way, and completes it if nobody is missing.
func (t *turn) prepare(g *group) {
	if g.state != statePreparingRebalance {
		t.beginRebalance(g)
	}
	t.completeIfAllJoined(g)
}

func (t *turn) beginRebalance(g *group) {
	if g.state == stateCompletingRebalance {
		for _, m := range g.order { // the plan they wait for is not coming
			if w := m.sync; w != nil {
				m.sync = nil
				t.touchSession(g, m)
				t.refuseSync(w, codeRebalanceInProgress)
			}
			m.assignment = nil
		}
	}
	fromEmpty := g.state == stateEmpty
	g.state = statePreparingRebalance
	g.syncBy = time.Time{}
	g.joinBy = t.now.Add(g.rebalanceTimeout())
	g.delayUntil = time.Time{}
	if fromEmpty && t.config.InitialRebalanceDelay > 0 {
		g.delayUntil = t.now.Add(t.config.InitialRebalanceDelay)
		t.arm(g, g.delayUntil)
	}
	t.arm(g, g.joinBy)
}

// completeIfAllJoined ends the rebalance when every member has joined, every id given out was used, and the initial
// delay is over. A group without members has nobody to wait for.
func (t *turn) completeIfAllJoined(g *group) {
	if g.state != statePreparingRebalance {
		return
	}
	if len(g.order) == 0 {
		t.completeJoin(g)
		return
	}
	if t.now.Before(g.delayUntil) && t.now.Before(g.joinBy) || len(g.pending) > 0 {
		return
	}
	for _, m := range g.order {
		if m.join == nil {
			return
		}
	}
	t.completeJoin(g)
}

// completeJoin makes the next generation of the members that joined. Dynamic ones that did not are out; static ones
// keep their place until their session ends.
func (t *turn) completeJoin(g *group) {
	var joined *member
	for _, m := range append([]*member(nil), g.order...) {
		switch {
		case m.join == nil && m.instance == "":
			t.drop(g, m)
		case m.join != nil && (joined == nil || m.id == g.leader):
			joined = m
		}
	}
	if joined == nil && len(g.order) > 0 { // static members only, none of them back
		g.joinBy = t.now.Add(g.rebalanceTimeout())
		t.arm(g, g.joinBy)
		return
	}
	g.generation++
	g.joinBy, g.delayUntil, g.syncBy = time.Time{}, time.Time{}, time.Time{}
	t.touch(g)
	if joined == nil {
		g.state, g.protocol, g.leader = stateEmpty, "", ""
		return
	}
	g.state = stateCompletingRebalance
	g.leader = joined.id
	g.protocol = g.vote()
	invariant.Check(g.protocol != "", "group %q has no protocol that all members know", g.name)
	g.syncBy = t.now.Add(g.rebalanceTimeout())
	t.arm(g, g.syncBy)
	for _, m := range g.order {
		m.assignment = nil
		m.synced = m.join == nil
		if w := m.join; w != nil {
			m.join = nil
			m.told = true
			t.touchSession(g, m)
			t.reply(w, g.joined(w.join, m))
		}
	}
}

// drop takes a member out; its open calls are answered. The caller goes on with the rebalance.
func (t *turn) drop(g *group, m *member) {
	t.dismiss(m, codeUnknownMemberID)
	g.remove(m)
	t.touch(g)
}

// depart is drop and its consequence: those who stay share anew.
func (t *turn) depart(g *group, m *member) {
	t.drop(g, m)
	t.prepare(g)
}
