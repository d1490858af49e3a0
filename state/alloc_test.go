package state

import (
	"testing"

	"github.com/millrun/millrun/internal/invariant"
)

// One record that counts costs no allocation once its key is known, also over commits.
func TestAHotKeyCostsNoAllocation(t *testing.T) {
	if invariant.Enabled {
		t.Log("with invariants on, their messages allocate: the figures below are those of a build without")
	}
	s := benchStore(t, false)
	defer s.Close(false)
	c := NewCache(s, 0)
	keys := keys16(1_000)
	value := make([]byte, 8)
	n := 0
	record := func() {
		if err := count(c, keys[(n*7919)%len(keys)], value); err != nil {
			t.Fatal(err)
		}
		n++
	}
	round := func() {
		for range 5_000 {
			record()
		}
		c.Freeze()
		c.Thaw()
	}
	round()
	round()
	limit := 0.0
	if invariant.Enabled {
		limit = 20_000
	}
	if got := testing.AllocsPerRun(5, round); got > limit {
		t.Errorf("5,000 records and a commit cost %.0f allocations, want %.0f at most", got, limit)
	}
}
