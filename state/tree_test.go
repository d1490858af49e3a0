package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// contents walks a tree and gives its keys and values as one list.
func contents(t *tree[int], from, to string) []string {
	var f, e []byte
	if from != "" {
		f = []byte(from)
	}
	if to != "" {
		e = []byte(to)
	}
	var list []string
	for c := t.seek(f, e); c.next(); {
		k, v := c.entry()
		list = append(list, fmt.Sprintf("%s=%d", k, v))
	}
	return list
}

func wanted(m map[string]int, from, to string) []string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k >= from && (to == "" || k < to) {
			list = append(list, fmt.Sprintf("%s=%d", k, m[k]))
		}
	}
	return list
}

func TestTreeAgreesWithAMapAndItsClonesStandStill(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 0))
		tr, model := newTree[int](), map[string]int{}
		type still struct {
			tr    *tree[int]
			model map[string]int
		}
		var clones []still
		keys := 50 << (3 * seed) // from one leaf to three levels
		for op := range 20_000 {
			k := fmt.Sprintf("%05d", r.IntN(keys))
			switch r.IntN(5) {
			case 0, 1:
				tr.remove([]byte(k))
				delete(model, k)
			case 2, 3:
				tr.put([]byte(k), op)
				model[k] = op
			default:
				if v, ok := tr.get([]byte(k)); v != model[k] || ok != has(model, k) {
					t.Fatalf("seed %d, op %d: get %s = %d, %v; want %d", seed, op, k, v, ok, model[k])
				}
			}
			if op%4_000 == 0 {
				clones = append(clones, still{tr.clone(), maps.Clone(model)})
			}
			if op%500 == 0 {
				from, to := fmt.Sprintf("%05d", r.IntN(keys)), fmt.Sprintf("%05d", r.IntN(keys))
				if got, want := contents(tr, from, to), wanted(model, from, to); !slices.Equal(got, want) {
					t.Fatalf("seed %d, op %d: [%s, %s) = %v, want %v", seed, op, from, to, got, want)
				}
			}
		}
		for i, c := range clones {
			if got, want := contents(c.tr, "", ""), wanted(c.model, "", ""); !slices.Equal(got, want) {
				t.Errorf("seed %d: clone %d moved: %d entries, want %d", seed, i, len(got), len(want))
			}
		}
		for k := range model {
			tr.remove([]byte(k))
		}
		if got := contents(tr, "", ""); len(got) != 0 || tr.count != 0 || tr.root != nil {
			t.Errorf("seed %d: %d entries are left after all were removed, count %d", seed, len(got), tr.count)
		}
	}
}

func has(m map[string]int, k string) bool { _, ok := m[k]; return ok }
