package group

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var seed = flag.Uint64("seed", 0, "repeat the random run with this seed; 0: new ones")

// TestManyMembersAtRandom lets members join, sync, beat, leave, die and return while the broker restarts now and then.
// Whatever happens: every call gets exactly one reply unless its caller went away, one generation has one leader and one
// plan, generations never go back, and the state on disk is the state in memory.
func TestManyMembersAtRandom(t *testing.T) {
	for range 30 {
		s := *seed
		if s == 0 {
			s = rand.Uint64()
		}
		t.Run(fmt.Sprintf("seed=%d", s), func(t *testing.T) { newCrowd(t, s).run(1500) })
		if *seed != 0 {
			return
		}
	}
}

// client is one process of the crowd: what it knows of its membership.
type client struct {
	name     string
	group    string
	static   bool
	version  int16
	embedded bool
	id       string
	gen      int32
	leads    bool
	members  []string
	token    uint64 // of the call it waits for; 0: none
}

type crowd struct {
	t       *testing.T
	rand    *rand.Rand
	m       *Machine
	now     time.Time
	wake    time.Time
	token   uint64
	records [][]byte
	open    map[uint64]*client
	clients []*client
	gen     map[string]int32             // group -> highest generation seen
	leader  map[string]string            // group/generation -> client that leads
	plan    map[string]map[string]string // group/generation -> member -> assignment
	replies int
}

func newCrowd(t *testing.T, seed uint64) *crowd {
	c := &crowd{
		t: t, rand: rand.New(rand.NewPCG(seed, 1)), now: epoch, open: make(map[uint64]*client),
		gen: make(map[string]int32), leader: make(map[string]string), plan: make(map[string]map[string]string),
	}
	c.m = c.machine()
	for i := range 12 {
		c.clients = append(c.clients, &client{
			name: fmt.Sprintf("c%d", i), group: fmt.Sprintf("g%d", i%2), static: i%3 == 0,
			version: []int16{3, 5, 9}[i%3], embedded: i == 4,
		})
	}
	for _, c := range c.clients {
		if c.static {
			c.version = 9
		}
	}
	return c
}

func (c *crowd) machine() *Machine {
	m, err := New(Config{
		MinSessionTimeout: time.Second, Random: c.rand.Uint64, Exists: func(string, int32) bool { return true },
		InitialRebalanceDelay: time.Duration(c.rand.IntN(2)) * time.Second,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

func (c *crowd) run(steps int) {
	for range steps {
		c.pass(time.Duration(c.rand.IntN(400)) * time.Millisecond)
		switch p := c.rand.IntN(1000); {
		case p < 5:
			c.restart()
		case p < 30:
			c.die(c.clients[c.rand.IntN(len(c.clients))])
		default:
			c.act(c.clients[c.rand.IntN(len(c.clients))])
		}
		checkInvariants(c.t, c.m)
	}
	for range 60 { // everyone falls silent: whoever waits must hear something, and the groups end up empty
		c.pass(5 * time.Second)
	}
	if len(c.open) > 0 {
		c.t.Fatalf("%d calls never got a reply", len(c.open))
	}
	for name, g := range c.m.groups {
		if g.state != stateEmpty {
			c.t.Errorf("group %s is %s after all have been silent", name, g.state)
		}
	}
	if c.replies < steps/4 {
		c.t.Errorf("only %d replies in %d steps: the run tested little", c.replies, steps)
	}
}

// pass lets time go by, with a tick at each wake.
func (c *crowd) pass(d time.Duration) {
	until := c.now.Add(d)
	for !c.wake.IsZero() && !c.wake.After(until) {
		if c.wake.After(c.now) {
			c.now = c.wake
		}
		c.take(c.m.Tick(c.now))
	}
	c.now = until
}

func (c *crowd) call(k *client, req kmsg.Request) {
	c.token++
	k.token = c.token
	c.open[c.token] = k
	call := Call{Token: c.token, ClientID: k.name, Request: req}
	if k.embedded {
		call.Principal = PrincipalEmbedded
	}
	c.take(c.m.Step(call, c.now))
}

// act lets a client do what it would do next, or something else that is allowed.
func (c *crowd) act(k *client) {
	if k.token != 0 {
		return
	}
	switch p := c.rand.IntN(10); {
	case k.gen < 0 || k.id == "" || p == 0:
		c.join(k)
	case p == 1:
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Version, req.Group = 5, k.group
		req.Members = []kmsg.LeaveGroupRequestMember{{MemberID: k.id, InstanceID: k.instance()}}
		c.call(k, req)
	case p < 6:
		c.sync(k)
	case p == 6:
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 9, k.group, k.id, k.instance(), k.gen
		req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: 1}}}}
		c.call(k, req)
	default:
		req := kmsg.NewPtrHeartbeatRequest()
		req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 4, k.group, k.id, k.instance(), k.gen
		c.call(k, req)
	}
}

func (k *client) instance() *string {
	if k.static {
		return &k.name
	}
	return nil
}

func (c *crowd) join(k *client) {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.ProtocolType = k.version, k.group, k.id, k.instance(), "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 3000, 5000
	meta := []byte{byte(c.rand.IntN(3))}
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: meta}, {Name: "sticky", Metadata: meta}}
	if c.rand.IntN(2) == 0 {
		req.Protocols = req.Protocols[1:]
	}
	c.call(k, req)
}

func (c *crowd) sync(k *client) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 5, k.group, k.id, k.instance(), k.gen
	if k.leads {
		for _, m := range k.members {
			a := fmt.Sprintf("%d:%s", k.gen, m)
			req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: m, MemberAssignment: []byte(a)})
		}
	}
	c.call(k, req)
}

// die takes a process down: its call is cut off, and what it knew is forgotten.
func (c *crowd) die(k *client) {
	if k.token != 0 {
		token := k.token
		delete(c.open, token)
		c.take(c.m.Cancelled(token, c.now))
	}
	k.id, k.gen, k.leads, k.token = "", -1, false, 0
}

// restart takes the broker down. Clients keep what they know and ask again.
func (c *crowd) restart() {
	want := c.m.AppendSnapshot(nil)
	c.m = c.machine()
	for _, r := range c.records {
		if err := c.m.Apply(r); err != nil {
			c.t.Fatal(err)
		}
	}
	if !bytes.Equal(want, c.m.AppendSnapshot(nil)) {
		c.t.Fatal("replay gives another state")
	}
	clear(c.open)
	for _, k := range c.clients {
		k.token = 0
		if k.embedded {
			k.id, k.gen, k.leads = "", -1, false
		}
	}
	c.take(c.m.Recovered(c.now))
}

func (c *crowd) take(e Effects) {
	c.wake = e.Wake
	c.records = append(c.records, e.Records...)
	for _, r := range e.Replies {
		k := c.open[r.Token]
		if k == nil {
			c.t.Fatalf("call %d got a reply it did not wait for: %T", r.Token, r.Response)
		}
		delete(c.open, r.Token)
		k.token = 0
		c.replies++
		c.hear(k, r.Response)
	}
}

func (c *crowd) hear(k *client, response kmsg.Response) {
	var code int16
	switch r := response.(type) {
	case *kmsg.JoinGroupResponse:
		if code = r.ErrorCode; code == codeMemberIDRequired {
			k.id, k.gen = r.MemberID, -1
		} else if code == codeNone {
			c.joined(k, r)
		}
	case *kmsg.SyncGroupResponse:
		if code = r.ErrorCode; code == codeNone {
			c.synced(k, string(r.MemberAssignment))
		}
	case *kmsg.HeartbeatResponse:
		code = r.ErrorCode
	case *kmsg.LeaveGroupResponse:
		code = codeUnknownMemberID // whatever it says: gone
	case *kmsg.OffsetCommitResponse:
		code = r.Topics[0].Partitions[0].ErrorCode
	}
	switch code {
	case codeUnknownMemberID, codeFencedInstanceID:
		k.id, k.gen, k.leads = "", -1, false
	case codeIllegalGeneration:
		k.gen = -1
	}
}

func (c *crowd) joined(k *client, r *kmsg.JoinGroupResponse) {
	if r.Generation < c.gen[k.group] {
		c.t.Fatalf("group %s goes back from generation %d to %d", k.group, c.gen[k.group], r.Generation)
	}
	c.gen[k.group] = r.Generation
	k.id, k.gen, k.leads, k.members = r.MemberID, r.Generation, r.LeaderID == r.MemberID && !r.SkipAssignment, nil
	head := r.LeaderID[:strings.LastIndexByte(r.LeaderID, '-')]
	at := fmt.Sprintf("%s/%d", k.group, r.Generation)
	if was := c.leader[at]; was != "" && was != head {
		c.t.Fatalf("group %s has two leaders, %s and %s", at, was, head)
	}
	c.leader[at] = head
	for _, m := range r.Members {
		k.members = append(k.members, m.MemberID)
	}
	if (len(r.Members) > 0) != (r.LeaderID == r.MemberID) {
		c.t.Fatalf("group %s: member %s sees %d members, leader is %s", at, r.MemberID, len(r.Members), r.LeaderID)
	}
}

func (c *crowd) synced(k *client, assigned string) {
	at := fmt.Sprintf("%s/%d", k.group, k.gen)
	if c.plan[at] == nil {
		c.plan[at] = make(map[string]string)
	}
	if was, ok := c.plan[at][k.name]; ok && was != assigned {
		c.t.Fatalf("group %s: %s got %q, then %q", at, k.name, was, assigned)
	}
	c.plan[at][k.name] = assigned
	if !strings.HasPrefix(assigned, fmt.Sprintf("%d:%s-", k.gen, k.name)) {
		c.t.Fatalf("group %s: %s got the assignment %q", at, k.name, assigned)
	}
}
