package group

import (
	"slices"
	"time"
)

// expire does what is due in this group now.
func (t *turn) expire(g *group) {
	for id, until := range g.pending {
		if !t.now.Before(until) {
			delete(g.pending, id)
		}
	}
	for _, m := range slices.Clone(g.order) {
		if !m.waits() && !t.now.Before(m.expires) {
			t.drop(g, m)
		}
	}
	if g.touched {
		t.prepare(g)
	}
	if g.state == statePreparingRebalance {
		if !t.now.Before(g.delayUntil) {
			g.delayUntil = time.Time{}
		}
		t.completeIfAllJoined(g)
	}
	if g.state == statePreparingRebalance && !t.now.Before(g.joinBy) {
		t.completeJoin(g)
	}
	if g.state != statePreparingRebalance && !g.syncBy.IsZero() && !t.now.Before(g.syncBy) {
		t.expireSync(g)
	}
	t.prune(g)
}

// cancel forgets a held call.
func (t *turn) cancel(w *waiter) {
	delete(t.waiting, w.token)
	g, m := w.group, w.member
	m.join, m.sync = nil, nil
	m.synced = false
	t.touchSession(g, m)
	if !m.told && m.instance == "" {
		t.depart(g, m)
		t.prune(g)
	}
}
