package member

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/millrun/millrun/commitlog"
)

type said struct {
	worker     string
	owned      []int32
	generation int32
	warm       []int32
}

func divided(n int32, members ...said) map[string][]int32 {
	var cs []*candidate
	for _, m := range members {
		c := &candidate{id: m.worker + "-id", order: m.worker, owned: m.owned, generation: m.generation, warm: map[int32]bool{}}
		for _, p := range m.warm {
			c.warm[p] = true
		}
		cs = append(cs, c)
	}
	divide(cs, n)
	got := make(map[string][]int32)
	for _, c := range cs {
		got[c.order] = c.load
	}
	return got
}

func TestPlanMovesAsLittleAsItCan(t *testing.T) {
	for _, c := range []struct {
		name    string
		n       int32
		members []said
		want    map[string][]int32
	}{
		{"alone", 3, []said{{worker: "a"}}, map[string][]int32{"a": {0, 1, 2}}},
		{"both new", 5, []said{{worker: "a"}, {worker: "b"}}, map[string][]int32{"a": {0, 2, 4}, "b": {1, 3}}},
		{"more members than partitions", 1, []said{{worker: "b"}, {worker: "a"}}, map[string][]int32{"a": {0}, "b": nil}},
		{"a newcomer takes from the full", 4, []said{{worker: "b"}, {worker: "a", owned: []int32{0, 1, 2, 3}}},
			map[string][]int32{"a": {0, 1}, "b": {2, 3}}},
		{"nobody moves without need", 5, []said{{worker: "a", owned: []int32{1, 4}}, {worker: "b", owned: []int32{0, 2, 3}}},
			map[string][]int32{"a": {1, 4}, "b": {0, 2, 3}}},
		{"what a dead member had goes to the warm", 4,
			[]said{{worker: "a", owned: []int32{0}}, {worker: "b", owned: []int32{1}, warm: []int32{2}}},
			map[string][]int32{"a": {0, 3}, "b": {1, 2}}},
		{"a full member keeps what it has warm", 4,
			[]said{{worker: "a", owned: []int32{0, 1, 2, 3}, warm: []int32{1, 3}}, {worker: "b"}},
			map[string][]int32{"a": {1, 3}, "b": {0, 2}}},
		{"a restarted worker gets back what it holds warm", 4,
			[]said{{worker: "a", owned: []int32{0, 1, 2, 3}, generation: 5}, {worker: "b", warm: []int32{0, 1}, generation: -1}},
			map[string][]int32{"a": {2, 3}, "b": {0, 1}}},
		{"the later claim counts", 2,
			[]said{{worker: "a", owned: []int32{0, 1}, generation: 4}, {worker: "b", owned: []int32{0, 1}, generation: 6}},
			map[string][]int32{"a": {1}, "b": {0}}},
		{"claims beyond the topic are nothing", 2, []said{{worker: "a", owned: []int32{-1, 7}}, {worker: "b"}},
			map[string][]int32{"a": {0}, "b": {1}}},
	} {
		if diff := cmp.Diff(c.want, divided(c.n, c.members...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// For any claims: each partition once, shares differ by one at most, the order of the list does not matter, and what was
// just assigned is assigned again.
func TestPlanIsCompleteEvenAndStable(t *testing.T) {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	r := rand.New(rand.NewPCG(s, 5))
	for range 2000 {
		n := int32(r.IntN(20))
		members := make([]said, 1+r.IntN(6))
		for i := range members {
			m := &members[i]
			m.worker, m.generation = fmt.Sprintf("w%d", i), int32(r.IntN(3))
			for p := range n {
				if r.IntN(3) == 0 {
					m.owned = append(m.owned, p)
				}
				if r.IntN(3) == 0 {
					m.warm = append(m.warm, p)
				}
			}
		}
		got := divided(n, members...)
		var all []int32
		for w, ps := range got {
			all = append(all, ps...)
			if share := int(n) / len(members); len(ps) < share || len(ps) > share+1 {
				t.Fatalf("seed %d: %s gets %v of %d partitions for %d members", s, w, ps, n, len(members))
			}
		}
		slices.Sort(all)
		if len(all) != int(n) || len(slices.Compact(all)) != int(n) {
			t.Fatalf("seed %d: %d partitions are divided as %v", s, n, got)
		}
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		if diff := cmp.Diff(got, divided(n, members...)); diff != "" {
			t.Fatalf("seed %d: another order, another plan:\n%s", s, diff)
		}
		for i := range members {
			members[i].owned, members[i].generation = got[members[i].worker], 9
		}
		if diff := cmp.Diff(got, divided(n, members...)); diff != "" {
			t.Fatalf("seed %d: partitions move without need:\n%s", s, diff)
		}
	}
}

// Members of another version of the program, or of another program, are left without partitions, not without an answer.
func TestPlanGivesNothingToWhomItDoesNotUnderstand(t *testing.T) {
	topics := []string{"t", "u"}
	meta := func(topics []string, user []byte) []byte {
		return appendSubscription(nil, subscription{topics: topics, userData: user, generation: -1})
	}
	ours := appendUserData(nil, UserData{WorkerID: "w"})
	members := []commitlog.GroupMember{
		{ID: "us", Metadata: meta(topics, ours)},
		{ID: "reordered", Metadata: meta([]string{"u", "t"}, ours)},
		{ID: "other topics", Metadata: meta([]string{"t"}, ours)},
		{ID: "no user data", Metadata: meta(topics, nil)},
		{ID: "noise", Metadata: []byte{9}},
	}
	got, odd := plan(members, topics, 4)
	if diff := cmp.Diff([]string{"other topics", "no user data", "noise"}, odd); diff != "" {
		t.Errorf("odd ones:\n%s", diff)
	}
	for _, m := range members {
		ps, err := readAssignment(got[m.ID], topics)
		if err != nil || (len(ps) == 2) == slices.Contains(odd, m.ID) {
			t.Errorf("%s gets %v, %v", m.ID, ps, err)
		}
	}
	if got, odd := plan(members[4:], topics, 4); len(odd) != 1 || len(got) != 1 {
		t.Errorf("nobody to plan for: %v, %v", got, odd)
	}
}
