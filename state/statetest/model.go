package statetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/millrun/millrun/state"
)

// layers is what a cache and a store should hold, as three maps.
type layers struct{ stored, accepted, staged map[string]string }

func (l *layers) list(from, to string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(l.staged)) {
		if k >= from && k < to {
			all = append(all, k+"="+l.staged[k])
		}
	}
	return strings.Join(all, " ")
}

// C-01, second half: 10,000 random operations over 200 keys, each answer equal to that of a map.
func cacheAgreesWithAMap(t *testing.T, open Opener) {
	for i, size := range cacheSizes {
		seed := uint64(100 + i)
		h := start(t, open, size, "other", "t")
		if err := h.random(rand.New(rand.NewPCG(seed, 0)), 10_000); err != nil {
			t.Errorf("cache of %d bytes, seed %d: %v", size, seed, err)
		}
	}
}

func (h *harness) random(r *rand.Rand, ops int) error {
	const table = 1
	m := layers{map[string]string{}, map[string]string{}, map[string]string{}}
	var inFlight *state.Changes // frozen
	var frozen map[string]string
	applied := false
	key := func() string { return fmt.Sprintf("k%03d", r.IntN(200)) }
	for op := range ops {
		k := key()
		switch what := r.IntN(100); {
		case what < 30:
			v := strings.Repeat("v", r.IntN(40)) + fmt.Sprint(op)
			h.c.Put(table, []byte(k), []byte(v))
			m.staged[k] = v
		case what < 45:
			h.c.Delete(table, []byte(k))
			delete(m.staged, k)
		case what < 65:
			v, ok, err := h.c.Get(table, []byte(k))
			if want, wanted := m.staged[k]; err != nil || string(v) != want || ok != wanted {
				return fmt.Errorf("operation %d: get %s = %q, %v, %v; want %q, %v", op, k, v, ok, err, want, wanted)
			}
		case what < 75:
			from, to := key(), key()
			want := m.list(from, to)
			if got := h.list(h.c, table, []byte(from), []byte(to)); got != want {
				return fmt.Errorf("operation %d: [%s, %s) = %s; want %s", op, from, to, got, want)
			}
		case what < 88:
			h.c.Accept()
			m.accepted = maps.Clone(m.staged)
		case what < 92:
			h.c.Discard()
			m.staged = maps.Clone(m.accepted)
		case what < 95 && inFlight == nil:
			inFlight, frozen, applied = h.c.Freeze(), maps.Clone(m.accepted), false
		case what < 97 && inFlight != nil && !applied:
			h.n++
			if err := h.s.Apply(inFlight, state.Mark{Commit: h.n}); err != nil {
				return err
			}
			m.stored, applied = frozen, true
		case what < 99 && inFlight != nil && applied:
			h.c.Thaw()
			inFlight = nil
		case what == 99:
			h.c.Rollback()
			inFlight = nil
			m.accepted, m.staged = maps.Clone(m.stored), maps.Clone(m.stored)
		}
	}
	m.staged = m.stored
	if got, want := h.list(h.s, table, nil, nil), m.list("", "z"); got != want {
		return fmt.Errorf("at the end the store has %s; want %s", got, want)
	}
	return nil
}

// S-67: the same records give the same bytes under any cache and any commit boundaries.
func cacheSizeChangesNothing(t *testing.T, open Opener) {
	var want state.Digest
	for i, size := range cacheSizes {
		h := start(t, open, size, "counts")
		r := rand.New(rand.NewPCG(5, 0))
		for n := range 3_000 {
			k := fmt.Appendf(nil, "%03d", r.IntN(300))
			v, _, err := h.c.Get(0, k)
			h.must(err)
			if n%17 == 0 {
				h.c.Delete(0, k)
			} else {
				h.c.Put(0, k, append(v[:len(v):len(v)], byte('a'+n%26)))
			}
			h.c.Accept()
			if n%(50*(i+1)+i) == 0 {
				h.commit()
			}
		}
		h.commit()
		got, err := h.s.Digest(0)
		h.must(err)
		if i == 0 {
			want = got
		}
		if got != want {
			t.Errorf("cache of %d bytes: digest %v, want %v", size, got, want)
		}
	}
}
