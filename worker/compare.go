package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/state"
)

// differences kept per task; more are counted.
const keepDifferences = 10

// compare scans both editions of one partition (S-31) and answers with what the task is to say.
func (u *unit) compare(b *build, e control.Event, tables []ownTable, old, next *task) {
	next.shared.Lock()
	e.Records, e.Fenced = next.shared.records, next.shared.fenced
	store := next.shared.store
	next.shared.Unlock()
	var err error
	if old != nil {
		old.shared.Lock()
		before := old.shared.store
		old.shared.Unlock()
		for i, t := range tables {
			var n int64
			if n, err = compareTable(before, store, i, t.decl.Name, &e); err != nil {
				break
			}
			e.Entries += n
		}
	}
	u.tell(compared{b, []control.Event{e}, err})
}

func compareTable(a, b *state.Store, table int, name string, e *control.Event) (int64, error) {
	d, err := b.Digest(table)
	if err != nil {
		return 0, err
	}
	err = state.Diff(a, b, table, func(key, va, vb []byte) bool {
		e.DifferN++
		if len(e.Differ) < keepDifferences {
			e.Differ = append(e.Differ, control.Difference{Table: name, Key: append([]byte(nil), key...), Old: clone(va), New: clone(vb)})
		}
		return true
	})
	return d.Entries, err
}

// clone keeps at most 1 KiB of a value, and nil apart from empty.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b[:min(len(b), 1024)]...)
}

func (u *unit) compared(_ context.Context, m compared) error {
	b := u.build
	if b == nil || b != m.build {
		return nil
	}
	for _, e := range m.events {
		t := b.tasks[e.Partition]
		switch {
		case errors.Is(m.err, state.ErrClosed) || t == nil:
			delete(b.comparing, t) // a task went away under the comparison: again when it is back
		case m.err != nil:
			return fmt.Errorf("processor %s, partition %d: compare editions: %w", u.decl.Name, e.Partition, m.err)
		default:
			t.box.post(msgDrained{e})
		}
	}
	return nil
}

// differences says that n keys differ, and names the first.
func differences(b *control.Build, n int64) string {
	s := fmt.Sprintf("%d keys differ from edition %d", n, b.From)
	if n == 1 {
		s = fmt.Sprintf("1 key differs from edition %d", b.From)
	}
	if first, ok := b.FirstDifference(); ok {
		s += fmt.Sprintf(", the first %v", first)
	}
	return s
}
