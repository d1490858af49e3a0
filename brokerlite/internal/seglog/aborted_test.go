package seglog

import (
	"cmp"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/millrun/millrun/brokerlite/recordbatch"
)

// transactions appends batches and markers of a few producers, and remembers what was aborted.
type transactions struct {
	open     map[int64]int64
	sequence map[int64]int32
	aborted  []Aborted
}

func (x *transactions) step(t *testing.T, l *Log, r *rand.Rand) {
	t.Helper()
	id := int64(r.IntN(4))
	base := l.Next()
	var b recordbatch.Batch
	switch first, open := x.open[id]; {
	case r.IntN(3) > 0: // data; sequences run on over transactions, as with the first protocol
		b = newBatch(t, base, 2, base, recordbatch.Producer{ID: id, Epoch: 0, Sequence: x.sequence[id], Transactional: true})
		x.sequence[id] += 2
		if !open {
			x.open[id] = base
		}
	default:
		commit := r.IntN(2) == 0
		b = recordbatch.AppendMarker(nil, recordbatch.Marker{Commit: commit, ProducerID: id, Timestamp: base, BaseOffset: base})
		if open && !commit {
			x.aborted = append(x.aborted, Aborted{ProducerID: id, First: first, Last: base})
		}
		delete(x.open, id)
	}
	if _, err := l.Append(b, now); err != nil {
		t.Fatal(err)
	}
}

// takeBack appends more and takes it back.
func (x *transactions) takeBack(t *testing.T, l *Log, r *rand.Rand) {
	t.Helper()
	before := transactions{open: maps.Clone(x.open), sequence: maps.Clone(x.sequence), aborted: slices.Clone(x.aborted)}
	next := l.Next()
	p, err := l.Append(newBatch(t, next, 1, next, recordbatch.NoProducer), now)
	if err != nil {
		t.Fatal(err)
	}
	for range r.IntN(20) {
		x.step(t, l, r)
	}
	if err := l.TakeBack(p, next); err != nil {
		t.Fatal(err)
	}
	*x = before
	for range 5 {
		x.step(t, l, r)
	}
}

// S-54 and rule S14 of the protocol notes: the aborted ranges are right, also after restarts in the middle of transactions
// and without any sidecar.
func TestAbortedRangesAreFoundAgain(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 7))
		disk := newMem(t)
		c := Config{Limits: Limits{SegmentBytes: 1200}, IndexBytes: 300}
		l := fresh(t, disk, c)
		x := transactions{open: map[int64]int64{}, sequence: map[int64]int32{}}
		for life := range 5 {
			for range 40 {
				x.step(t, l, r)
			}
			x.takeBack(t, l, r)
			for range 60 {
				from := r.Int64N(l.Next())
				upTo := from + 1 + r.Int64N(l.Next()-from)
				var want []Aborted
				for _, a := range x.aborted {
					if a.First < upTo && a.Last >= from {
						want = append(want, a)
					}
				}
				slices.SortFunc(want, func(a, b Aborted) int { return cmp.Compare(a.First, b.First) })
				if got, err := l.Aborted(from, upTo); err != nil || !slices.Equal(got, want) {
					t.Fatalf("seed %d, life %d: aborted in %d to %d: %v, %v; want %v", seed, life, from, upTo, got, err, want)
				}
			}
			if err := l.Sync(); err != nil {
				t.Fatal(err)
			}
			if life%2 == 0 {
				for _, s := range l.Segments() {
					if err := l.removeSidecar(s.Base); err != nil {
						t.Fatal(err)
					}
				}
			}
			k := l.Known()
			if err := errors.Join(l.Close()); err != nil {
				t.Fatal(err)
			}
			l = reopen(t, disk, c, k)
		}
		if len(x.aborted) < 5 {
			t.Errorf("seed %d: only %d aborted transactions", seed, len(x.aborted))
		}
	}
}
