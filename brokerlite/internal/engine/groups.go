package engine

import (
	"context"
	"sync"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/group"
	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groups hosts the machine of all consumer groups.
type groups struct {
	sync.Mutex
	m       *group.Machine
	token   uint64
	waiting map[uint64]chan<- groupReply
	lsn     wal.LSN // newest record of the machine
	wake    time.Time
}

type groupReply struct {
	response kmsg.Response
	lsn      wal.LSN // the reply leaves when this is durable
}

// GroupRequest lets the group machine answer one of its requests. It waits as long as the machine does: a JoinGroup may
// take the rebalance timeout.
func (e *Engine) GroupRequest(ctx context.Context, principal string, req kmsg.Request) (kmsg.Response, error) {
	answer := make(chan groupReply, 1)
	token := e.groupStep(principal, req, answer)
	select {
	case r := <-answer:
		return r.response, e.Wait(ctx, r.lsn)
	case <-ctx.Done():
		e.groupCancel(token)
		return nil, ctx.Err()
	case <-e.stop:
		e.groupCancel(token)
		return nil, ErrClosed
	case <-e.failed:
		return nil, e.Err()
	}
}

func (e *Engine) groupStep(principal string, req kmsg.Request, answer chan<- groupReply) uint64 {
	e.gate.RLock()
	defer e.gate.RUnlock()
	e.groups.Lock()
	defer e.groups.Unlock()
	e.groups.token++
	token := e.groups.token
	e.groups.waiting[token] = answer
	e.groupEffects(e.groups.m.Step(group.Call{Token: token, Principal: principal, ClientID: principal, Request: req}, e.Now()))
	return token
}

func (e *Engine) groupCancel(token uint64) {
	e.gate.RLock()
	defer e.gate.RUnlock()
	e.groups.Lock()
	defer e.groups.Unlock()
	if _, waits := e.groups.waiting[token]; waits {
		delete(e.groups.waiting, token)
		e.groupEffects(e.groups.m.Cancelled(token, e.Now()))
	}
}

// groupTick does what is due and gives the time of the next tick, zero for none.
func (e *Engine) groupTick(now time.Time) time.Time {
	e.gate.RLock()
	defer e.gate.RUnlock()
	e.groups.Lock()
	defer e.groups.Unlock()
	if !e.groups.wake.IsZero() && !now.Before(e.groups.wake) {
		e.groupEffects(e.groups.m.Tick(now))
	}
	return e.groups.wake
}

// groupEffects carries out what the machine wants. The lock of groups is held.
//
// Records are logged as reserved: the machine cannot take a step back, so a full disk must not refuse them. Requests that
// would write are refused while the disk is full, before they reach the machine.
func (e *Engine) groupEffects(x group.Effects) {
	for _, r := range x.Records {
		lsn, err := e.logReserved(meta.TypeGroup, r)
		if err != nil {
			e.fail(err) // the machine has folded it already: it and the log have parted
			return
		}
		e.groups.lsn = lsn
	}
	for _, r := range x.Replies {
		if answer, waits := e.groups.waiting[r.Token]; waits {
			delete(e.groups.waiting, r.Token)
			answer <- groupReply{r.Response, e.groups.lsn}
		}
	}
	if e.groups.wake = x.Wake; !x.Wake.IsZero() {
		e.remind(x.Wake)
	}
}
