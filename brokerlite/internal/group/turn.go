package group

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// turn is one call of the machine: what it was at, and what it has produced so far.
type turn struct {
	*Machine
	now     time.Time
	effects Effects
	touched []*group // changed in a way the ledger must know; saved once, at the end
}

// waiter is a call on its way to a reply.
type waiter struct {
	token  uint64
	group  *group
	member *member
	join   *kmsg.JoinGroupRequest // one of the two is set while the call is held
	sync   *kmsg.SyncGroupRequest
}

// hold keeps the call for a later reply.
func (t *turn) hold(w *waiter, g *group, m *member) {
	w.group, w.member = g, m
	t.waiting[w.token] = w
}

func (t *turn) reply(w *waiter, response kmsg.Response) {
	delete(t.waiting, w.token)
	t.effects.Replies = append(t.effects.Replies, Reply{Token: w.token, Response: response})
}

// record persists: the bytes go out, and the ledger folds them as recovery will.
func (t *turn) record(b []byte) {
	if err := t.ledger.apply(b); err != nil {
		panic(fmt.Sprintf("group: own record is refused: %v", err))
	}
	t.effects.Records = append(t.effects.Records, b)
}

// touch marks a group whose generation, members or assignments the ledger must know at the end of this turn.
func (t *turn) touch(g *group) {
	if !g.touched {
		g.touched = true
		t.touched = append(t.touched, g)
	}
}

// finish saves what was touched. One record for each group and turn: a tick that removes a thousand members of a group
// would else write a thousand images of it.
func (t *turn) finish() Effects {
	for _, g := range t.touched {
		g.touched = false
		t.record(appendGeneration(nil, g.name, g.image()))
	}
	if g := t.due.first(); g != nil {
		t.effects.Wake = g.next
	}
	return t.effects
}

// arm makes sure that the group is looked at no later than at.
func (t *turn) arm(g *group, at time.Time) {
	if g.next.IsZero() || at.Before(g.next) {
		t.due.set(g, at)
	}
}
