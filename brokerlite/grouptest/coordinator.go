// Package grouptest hosts brokerlite's group coordinator without a broker around it, for tests of what speaks to it.
//
//	c, err := grouptest.New(clock.System, 1)
//	response, err := c.Handle(ctx, "client", joinGroup)
//
// Records are kept in memory and count as durable at once. In a testing/synctest bubble with clock.System, sessions and
// rebalances pass without waiting.
package grouptest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/brokerlite/internal/group"
	"github.com/millrun/millrun/internal/clock"
)

// ErrRestarted ends the calls that waited when the coordinator was restarted, and all calls after Close.
var ErrRestarted = errors.New("grouptest: the coordinator went away")

// Coordinator is a group coordinator with its own loop and log. Safe for concurrent use.
type Coordinator struct {
	clock clock.Clock
	mu    struct {
		sync.Mutex
		machine *group.Machine // nil: closed
		random  *rand.Rand
		alarm   clock.Timer
		token   uint64
		waiting map[uint64]chan kmsg.Response // closed without a value: restarted
		log     [][]byte
	}
}

// New makes a coordinator without groups. Every topic exists, with partitions 0 to 1023. Member ids come from seed.
func New(c clock.Clock, seed uint64) (*Coordinator, error) {
	h := &Coordinator{clock: c}
	h.mu.random = rand.New(rand.NewPCG(seed, 0))
	h.mu.waiting = make(map[uint64]chan kmsg.Response)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h, h.boot()
}

// boot makes a machine of what the log holds. The caller holds mu.
func (h *Coordinator) boot() error {
	m, err := group.New(group.Config{
		MinSessionTimeout: time.Millisecond,
		Random:            h.mu.random.Uint64,
		Exists:            func(_ string, p int32) bool { return p >= 0 && p < 1024 },
	})
	if err != nil {
		return err
	}
	for _, r := range h.mu.log {
		if err := m.Apply(r); err != nil {
			return fmt.Errorf("grouptest: replay: %w", err)
		}
	}
	h.mu.machine = m
	h.take(m.Recovered(h.clock.Now()))
	return nil
}

// Handle answers one request of a client over the network. When ctx ends first the call is withdrawn; what it did
// stays. Requests are those of group.Handles.
func (h *Coordinator) Handle(ctx context.Context, clientID string, request kmsg.Request) (kmsg.Response, error) {
	h.mu.Lock()
	if h.mu.machine == nil {
		h.mu.Unlock()
		return nil, ErrRestarted
	}
	h.mu.token++
	token := h.mu.token
	answer := make(chan kmsg.Response, 1)
	h.mu.waiting[token] = answer
	h.take(h.mu.machine.Step(group.Call{Token: token, ClientID: clientID, Host: "test", Request: request}, h.clock.Now()))
	h.mu.Unlock()
	select {
	case response, ok := <-answer:
		if !ok {
			return nil, ErrRestarted
		}
		return response, nil
	case <-ctx.Done():
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.mu.waiting[token] == answer {
			delete(h.mu.waiting, token)
			h.take(h.mu.machine.Cancelled(token, h.clock.Now()))
		}
		return nil, ctx.Err()
	}
}

// take performs effects. The caller holds mu.
func (h *Coordinator) take(e group.Effects) {
	h.mu.log = append(h.mu.log, e.Records...)
	for _, r := range e.Replies {
		h.mu.waiting[r.Token] <- r.Response // room for one, and there is one
		delete(h.mu.waiting, r.Token)
	}
	if h.mu.alarm != nil {
		h.mu.alarm.Stop()
		h.mu.alarm = nil
	}
	if !e.Wake.IsZero() {
		h.mu.alarm = h.clock.AfterFunc(e.Wake.Sub(h.clock.Now()), h.tick) // one goroutine each; gone when tick returns
	}
}

func (h *Coordinator) tick() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.machine != nil {
		h.take(h.mu.machine.Tick(h.clock.Now()))
	}
}

// Restart loses everything but the log, as a crash does: calls that wait get ErrRestarted, groups come back as they
// were recorded.
func (h *Coordinator) Restart() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stop()
	return h.boot()
}

// Close ends all calls; later ones get ErrRestarted.
func (h *Coordinator) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stop()
}

// stop takes the machine away. The caller holds mu.
func (h *Coordinator) stop() {
	if h.mu.alarm != nil {
		h.mu.alarm.Stop()
		h.mu.alarm = nil
	}
	h.mu.machine = nil
	for token, answer := range h.mu.waiting {
		close(answer)
		delete(h.mu.waiting, token)
	}
}
