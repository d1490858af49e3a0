package member

import (
	"cmp"
	"slices"

	"github.com/millrun/millrun/commitlog"
)

// candidate is a member as the leader sees it.
type candidate struct {
	id         string
	order      string // breaks ties: the same worker comes at the same place each time
	generation int32
	owned      []int32
	warm       map[int32]bool
	load       []int32
}

// divide is the leader's plan: which member gets which of the partitions 0..n-1, the same numbers of all topics.
//
// The plain way, dealing partitions out in turn, moves nearly everything whenever a member comes or goes. Here each
// member keeps what it owns as far as its share allows; what is left over goes to one that holds its state warm, if
// that one has room, else to the emptiest. Shares differ by one at most. The same members saying the same give the same
// plan, in whatever order they are listed.
//
// Two members may both claim a partition: one was away while it moved. The claim of the later generation counts.
func divide(candidates []*candidate, n int32) {
	slices.SortFunc(candidates, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.id, b.id))
	})
	share, extra := int(n)/len(candidates), int(n)%len(candidates)
	room := func(c *candidate) bool { return len(c.load) < share || len(c.load) == share && extra > 0 }
	give := func(c *candidate, p int32) {
		if len(c.load) == share {
			extra--
		}
		c.load = append(c.load, p)
	}

	owner := owners(candidates, n)
	free := make([]int32, 0, n)
	kept := make(map[*candidate][]int32)
	for p := range n {
		if c := owner[p]; c != nil {
			kept[c] = append(kept[c], p)
		} else {
			free = append(free, p)
		}
	}
	// Those who own most get the larger shares: the fewest partitions move.
	byOwned := slices.Clone(candidates)
	slices.SortStableFunc(byOwned, func(a, b *candidate) int { return len(kept[b]) - len(kept[a]) })
	for _, c := range byOwned {
		slices.SortStableFunc(kept[c], func(a, b int32) int { return cost(candidates, c, a) - cost(candidates, c, b) })
		for _, p := range kept[c] {
			if room(c) {
				give(c, p)
			} else {
				free = append(free, p)
			}
		}
	}
	slices.Sort(free)
	cold := free[:0]
	for _, p := range free {
		if c := emptiest(candidates, func(c *candidate) bool { return c.warm[p] && room(c) }); c != nil {
			give(c, p)
		} else {
			cold = append(cold, p)
		}
	}
	for _, p := range cold {
		give(emptiest(candidates, room), p)
	}
	for _, c := range candidates {
		slices.Sort(c.load)
	}
}

// cost orders what an owner keeps when it must give some away: last what it does not hold warm itself and another does.
func cost(candidates []*candidate, owner *candidate, p int32) int {
	n := 0
	if !owner.warm[p] {
		n += 2
	}
	if slices.ContainsFunc(candidates, func(c *candidate) bool { return c != owner && c.warm[p] }) {
		n++
	}
	return n
}

// owners settles who owns what, of those partitions that exist.
func owners(candidates []*candidate, n int32) map[int32]*candidate {
	owner := make(map[int32]*candidate)
	for _, c := range candidates {
		for _, p := range c.owned {
			if was := owner[p]; p >= 0 && p < n && (was == nil || was.generation < c.generation) {
				owner[p] = c
			}
		}
	}
	return owner
}

// emptiest is the member with the least load among those that fit, the first of equals; nil if none fits.
func emptiest(candidates []*candidate, fits func(*candidate) bool) *candidate {
	var best *candidate
	for _, c := range candidates {
		if fits(c) && (best == nil || len(c.load) < len(best.load)) {
			best = c
		}
	}
	return best
}

// plan turns what members said into assignments, one for each member. Those that cannot be understood, or read other
// topics than the leader (another version of the program), get nothing and are named in odd.
func plan(members []commitlog.GroupMember, topics []string, n int32) (assignments map[string][]byte, odd []string) {
	var candidates []*candidate
	assignments = make(map[string][]byte, len(members))
	want := slices.Sorted(slices.Values(topics))
	for _, m := range members {
		assignments[m.ID] = appendAssignment(nil, nil, nil)
		s, err := readSubscription(m.Metadata)
		if err != nil || !slices.Equal(slices.Sorted(slices.Values(s.topics)), want) {
			odd = append(odd, m.ID)
			continue
		}
		u, err := readUserData(s.userData)
		if err != nil {
			odd = append(odd, m.ID)
			continue
		}
		c := &candidate{id: m.ID, order: u.WorkerID, generation: s.generation, owned: s.owned, warm: make(map[int32]bool)}
		for _, p := range u.Warm {
			c.warm[p] = true
		}
		candidates = append(candidates, c)
	}
	if len(candidates) == 0 {
		return assignments, odd
	}
	divide(candidates, n)
	for _, c := range candidates {
		assignments[c.id] = appendAssignment(nil, topics, c.load)
	}
	return assignments, odd
}
