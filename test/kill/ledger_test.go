package kill

import (
	"fmt"
	"testing"
)

// ledger notes what was emitted for each key, and finds duplicates and gaps.
type ledger struct {
	last   map[int64]int64
	broken []string
}

// add notes the next output of a key in the order of the log.
func (l *ledger) add(key, n int64) {
	if l.last == nil {
		l.last = map[int64]int64{}
	}
	switch want := l.last[key] + 1; {
	case n < want:
		l.broken = append(l.broken, fmt.Sprintf("key %d: %d was emitted again, want %d", key, n, want))
	case n > want:
		l.broken = append(l.broken, fmt.Sprintf("key %d: %d was emitted, want %d: a gap", key, n, want))
	}
	l.last[key] = n
}

// faults tells what is wrong once everything was added.
func (l *ledger) faults() []string {
	faults := l.broken
	for key := range int64(countKeys) {
		if l.last[key] != countRows/countKeys {
			faults = append(faults, fmt.Sprintf("key %d: the last output is %d, want %d", key, l.last[key], countRows/countKeys))
		}
	}
	return firstFew(faults)
}

// firstFew keeps a failure readable.
func firstFew(faults []string) []string {
	if len(faults) > 10 {
		return append(faults[:10:10], fmt.Sprintf("and %d more", len(faults)-10))
	}
	return faults
}

func TestTheLedgerSeesDuplicatesGapsAndLosses(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(key, n int64) []int64 // what is emitted instead of n
		faults int
	}{
		{"nothing", func(_, n int64) []int64 { return []int64{n} }, 0},
		{"one twice", func(key, n int64) []int64 {
			if key == 7 && n == 3 {
				return []int64{n, n}
			}
			return []int64{n}
		}, 1},
		{"one lost", func(key, n int64) []int64 {
			if key == 7 && n == 3 {
				return nil
			}
			return []int64{n}
		}, 1},
		{"the last lost", func(key, n int64) []int64 {
			if key == 7 && n == countRows/countKeys {
				return nil
			}
			return []int64{n}
		}, 1},
	} {
		var l ledger
		for n := int64(1); n <= countRows/countKeys; n++ {
			for key := range int64(countKeys) {
				for _, emitted := range c.change(key, n) {
					l.add(key, emitted)
				}
			}
		}
		if got := l.faults(); len(got) != c.faults {
			t.Errorf("%s: %d faults, want %d: %v", c.what, len(got), c.faults, got)
		}
	}
}
