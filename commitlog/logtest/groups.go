package logtest

import (
	"slices"
	"time"

	"github.com/millrun/millrun/commitlog"
)

var groups = []testCase{
	{name: "AMemberAloneLeads", run: memberAloneLeads},
	{name: "TwoMembersShareAGeneration", run: twoMembers},
	{name: "LeaveMovesTheGroupOn", run: leaveMovesTheGroupOn},
	{name: "ASilentMemberIsLost", needs: canAdvance, run: silentMemberIsLost},
	{name: "AStaticMemberComesBackAndFencesItself", run: staticMember},
	{name: "JoinRefusesWhatCannotBe", run: joinRefuses},
	{name: "GroupsAreListedDescribedDeleted", run: groupsAreDescribed},
}

// request is how a member of the suite joins.
func (k *kit) request(m commitlog.Member) commitlog.JoinRequest {
	return commitlog.JoinRequest{Member: m, SessionTimeout: k.MinSession, RebalanceTimeout: k.MinSession,
		Protocols: []commitlog.Protocol{{Name: "range", Metadata: []byte("metadata of " + m.InstanceID)}}}
}

func newMember(group string) commitlog.Member { return commitlog.Member{Group: group, Generation: -1} }

// joinAlone makes the only member of a group, stable.
func (k *kit) joinAlone(group string) commitlog.Member {
	k.Helper()
	j, err := k.Log.Join(k.ctx, k.request(newMember(group)))
	k.ok(err)
	_, err = k.Log.Sync(k.ctx, j.Member, j.Protocol, map[string][]byte{j.Member.ID: []byte("all")})
	k.ok(err)
	return j.Member
}

// syncTogether hands each member its own ID as assignment.
func (k *kit) syncTogether(joined []commitlog.Joined) {
	k.Helper()
	errs := make(chan error, len(joined))
	for _, j := range joined {
		go func() { // ends with the sync; all are received below
			var plan map[string][]byte
			if j.Leader {
				plan = make(map[string][]byte)
				for _, m := range j.Members {
					plan[m.ID] = []byte("for " + m.ID)
				}
			}
			got, err := k.Log.Sync(k.ctx, j.Member, j.Protocol, plan)
			if err == nil && string(got) != "for "+j.Member.ID {
				k.Errorf("member %s is assigned %q", j.Member.ID, got)
			}
			errs <- err
		}()
	}
	for range joined {
		k.ok(<-errs)
	}
}

func memberAloneLeads(k *kit) {
	group := k.name("group")
	j, err := k.Log.Join(k.ctx, k.request(newMember(group)))
	k.ok(err)
	if !j.Leader || j.Member.ID == "" || j.Member.Generation < 0 || j.Protocol != "range" || len(j.Members) != 1 ||
		j.Members[0].ID != j.Member.ID || string(j.Members[0].Metadata) != "metadata of " {
		k.Fatalf("joined as %+v", j)
	}
	got, err := k.Log.Sync(k.ctx, j.Member, j.Protocol, map[string][]byte{j.Member.ID: []byte("plan")})
	k.ok(err)
	k.equal("assignment", string(got), "plan")
	k.ok(k.Log.Heartbeat(k.ctx, j.Member))
	p := k.partition()
	k.ok(k.Log.CommitOffsets(k.ctx, j.Member, []commitlog.Position{{Partition: p, Offset: 5, Metadata: "m"}}))
	t := k.transactor(k.name("id"))
	_, err = t.Commit(k.ctx, commitlog.GroupOffsets{Member: j.Member, Offsets: []commitlog.Position{at(p, 6)}})
	k.ok(err)
	k.equal("offset", k.offsetOf(group, p), 6)
	k.is(k.Log.CommitOffsets(k.ctx, alone(group), []commitlog.Position{at(p, 1)}), commitlog.ErrNotMember)
	k.ok(k.Log.Leave(k.ctx, j.Member))
	k.is(k.Log.Heartbeat(k.ctx, j.Member), commitlog.ErrNotMember)
	k.is(k.Log.Leave(k.ctx, j.Member), commitlog.ErrNotMember)
	k.ok(k.Log.CommitOffsets(k.ctx, alone(group), []commitlog.Position{at(p, 7)}))
	k.equal("offset", k.offsetOf(group, p), 7)
}

func twoMembers(k *kit) {
	group, p := k.name("group"), k.partition()
	first := k.joinAlone(group)
	// The second waits until the first, told by its heartbeat, comes again.
	second := make(chan commitlog.Joined, 1)
	go func() { // ends with the join; received below
		j, err := k.Log.Join(k.ctx, k.request(newMember(group)))
		if err != nil {
			k.Error(err)
		}
		second <- j
	}()
	for k.Log.Heartbeat(k.ctx, first) == nil && k.ctx.Err() == nil {
		continue // until the second has arrived
	}
	k.is(k.Log.Heartbeat(k.ctx, first), commitlog.ErrRebalance)
	again, err := k.Log.Join(k.ctx, k.request(first))
	k.ok(err)
	joined := []commitlog.Joined{again, <-second}
	if joined[1].Leader {
		joined[0], joined[1] = joined[1], joined[0]
	}
	if joined[0].Member.Generation != joined[1].Member.Generation || joined[0].Member.Generation <= first.Generation {
		k.Fatalf("generations are %d and %d after %d", joined[0].Member.Generation, joined[1].Member.Generation, first.Generation)
	}
	if !joined[0].Leader || joined[1].Leader || len(joined[0].Members) != 2 || len(joined[1].Members) != 0 {
		k.Fatalf("leader and members are %+v", joined)
	}
	k.syncTogether(joined)
	for _, j := range joined {
		k.ok(k.Log.Heartbeat(k.ctx, j.Member))
		k.ok(k.Log.CommitOffsets(k.ctx, j.Member, []commitlog.Position{at(p, 1)}))
	}
	k.is(k.Log.Heartbeat(k.ctx, first), commitlog.ErrNotMember)
	k.is(k.Log.CommitOffsets(k.ctx, first, []commitlog.Position{at(p, 0)}), commitlog.ErrNotMember)
	_, err = k.Log.Sync(k.ctx, first, "range", nil)
	k.is(err, commitlog.ErrNotMember)
	k.equal("offset", k.offsetOf(group, p), 1)
}

func leaveMovesTheGroupOn(k *kit) {
	group := k.name("group")
	a := k.joinAlone(group)
	joinedB := make(chan commitlog.Joined, 1)
	go func() { // ends with the join; received below
		j, err := k.Log.Join(k.ctx, k.request(newMember(group)))
		if err != nil {
			k.Error(err)
		}
		joinedB <- j
	}()
	for k.Log.Heartbeat(k.ctx, a) == nil && k.ctx.Err() == nil {
		continue // until the second has arrived
	}
	k.ok(k.Log.Leave(k.ctx, a)) // the one everybody waits for
	b := <-joinedB
	k.equal("leader alone", b.Leader, true)
	k.equal("members", len(b.Members), 1)
	k.syncTogether([]commitlog.Joined{b})
	k.ok(k.Log.Heartbeat(k.ctx, b.Member))
}

func silentMemberIsLost(k *kit) {
	group, p := k.name("group"), k.partition()
	m := k.joinAlone(group)
	k.Advance(k.MinSession / 2)
	k.ok(k.Log.Heartbeat(k.ctx, m))
	k.Advance(k.MinSession * 2 / 3)
	k.ok(k.Log.Heartbeat(k.ctx, m)) // the one before has counted
	k.Advance(k.MinSession + time.Second)
	for k.ctx.Err() == nil { // the log may take a moment to notice, and a heartbeat before that counts
		if g, err := k.Log.DescribeGroup(k.ctx, group); err == nil && g.State == "Empty" {
			break
		}
	}
	k.is(k.Log.Heartbeat(k.ctx, m), commitlog.ErrNotMember)
	k.is(k.Log.CommitOffsets(k.ctx, m, []commitlog.Position{at(p, 1)}), commitlog.ErrNotMember)
	t := k.transactor(k.name("id"))
	_, err := t.Commit(k.ctx, commitlog.GroupOffsets{Member: m, Offsets: []commitlog.Position{at(p, 1)}})
	k.is(err, commitlog.ErrNotMember)
	k.ok(t.Abort(k.ctx))
	_, err = k.Log.Join(k.ctx, k.request(m))
	k.is(err, commitlog.ErrNotMember)
	again := k.joinAlone(group)
	if again.Generation <= m.Generation {
		k.Errorf("generation %d follows %d", again.Generation, m.Generation)
	}
}

func staticMember(k *kit) {
	group, p := k.name("group"), k.partition()
	m := newMember(group)
	m.InstanceID = "worker-1"
	first, err := k.Log.Join(k.ctx, k.request(m))
	k.ok(err)
	k.syncTogether([]commitlog.Joined{first})
	again, err := k.Log.Join(k.ctx, k.request(m)) // the process has started anew
	k.ok(err)
	k.equal("generation", again.Member.Generation, first.Member.Generation) // no rebalance
	if again.Member.ID == first.Member.ID {
		k.Errorf("the new process has the old one's member id %s", again.Member.ID)
	}
	_, err = k.Log.Sync(k.ctx, again.Member, again.Protocol, nil)
	k.ok(err)
	k.ok(k.Log.Heartbeat(k.ctx, again.Member))
	k.is(k.Log.Heartbeat(k.ctx, first.Member), commitlog.ErrFenced)
	t := k.transactor(k.name("id"))
	_, err = t.Commit(k.ctx, commitlog.GroupOffsets{Member: first.Member, Offsets: []commitlog.Position{at(p, 1)}})
	k.is(err, commitlog.ErrFenced)
	k.ok(t.Abort(k.ctx))
	_, err = t.Commit(k.ctx, commitlog.GroupOffsets{Member: again.Member, Offsets: []commitlog.Position{at(p, 2)}})
	k.ok(err)
	k.ok(k.Log.Leave(k.ctx, again.Member))
	g, err := k.Log.DescribeGroup(k.ctx, group)
	k.ok(err)
	k.equal("members", len(g.Members), 0)
}

func joinRefuses(k *kit) {
	group := k.name("group")
	short := k.request(newMember(group))
	short.SessionTimeout = k.MinSession / 2
	_, err := k.Log.Join(k.ctx, short)
	k.is(err, commitlog.ErrInvalidConfig)
	k.joinAlone(group)
	other := k.request(newMember(group))
	other.Protocols[0].Name = "another"
	_, err = k.Log.Join(k.ctx, other)
	k.is(err, commitlog.ErrInvalidConfig)
	stranger := newMember(group)
	stranger.ID = "stranger"
	_, err = k.Log.Join(k.ctx, k.request(stranger))
	k.is(err, commitlog.ErrNotMember)
}

func groupsAreDescribed(k *kit) {
	group, p := k.name("group"), k.partition()
	_, err := k.Log.DescribeGroup(k.ctx, group)
	k.is(err, commitlog.ErrUnknownGroup)
	k.is(k.Log.DeleteGroup(k.ctx, group), commitlog.ErrUnknownGroup)
	m := k.joinAlone(group)
	k.ok(k.Log.CommitOffsets(k.ctx, m, []commitlog.Position{at(p, 3)}))
	g, err := k.Log.DescribeGroup(k.ctx, group)
	k.ok(err)
	if g.State != "Stable" || g.Protocol != "range" || len(g.Members) != 1 || g.Members[0].ID != m.ID ||
		string(g.Members[0].Assignment) != "all" || string(g.Members[0].Metadata) != "metadata of " {
		k.Errorf("group is %+v", g)
	}
	names, err := k.Log.ListGroups(k.ctx)
	k.ok(err)
	if !slices.Contains(names, group) || !slices.IsSorted(names) {
		k.Errorf("groups are %v", names)
	}
	k.is(k.Log.DeleteGroup(k.ctx, group), commitlog.ErrGroupNotEmpty)
	k.ok(k.Log.Leave(k.ctx, m))
	if g, err = k.Log.DescribeGroup(k.ctx, group); err != nil || g.State != "Empty" {
		k.Errorf("group without members is %+v, %v", g, err)
	}
	k.ok(k.Log.DeleteGroup(k.ctx, group))
	k.equal("offset of a deleted group", k.offsetOf(group, p), -1)
	names, err = k.Log.ListGroups(k.ctx)
	k.ok(err)
	if slices.Contains(names, group) {
		k.Errorf("deleted group is listed: %v", names)
	}
}
