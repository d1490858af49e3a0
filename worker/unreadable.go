package worker

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/millrun/millrun/internal/decl"
)

// unreadable remembers the entries in tables of others that a program's codecs do not read (C-36).
//
// The rule: such an entry counts as absent. The copy keeps its bytes, and each look decides anew, so the answer follows from
// the log and the program alone: the same while it runs, after a restart, after the copy was lost, and on another worker. What
// is reported depends on who looks: each entry once per worker, when it is first met.
type unreadable struct {
	entries atomic.Int64 // that were reported
	mu      struct {
		sync.Mutex
		seen map[*decl.Table]map[string]bool
	}
}

// reportEntries is for how many entries of a table a worker remembers that it has told; others are not told.
const reportEntries = 1000

// report tells of an entry, unless it was told before. A nil key is a record without one, which is told each time it is read.
func (u *unreadable) report(log *slog.Logger, d *decl.Table, key []byte, err error) {
	if key != nil && !u.first(d, key) {
		return
	}
	u.entries.Add(1)
	log.Warn("an entry of a table that others write cannot be read: it counts as absent", "table", d.Name, "error", err)
}

func (u *unreadable) first(d *decl.Table, key []byte) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen := u.mu.seen[d]
	if seen == nil {
		seen = map[string]bool{}
		if u.mu.seen == nil {
			u.mu.seen = map[*decl.Table]map[string]bool{}
		}
		u.mu.seen[d] = seen
	}
	if seen[string(key)] || len(seen) >= reportEntries {
		return false
	}
	seen[string(key)] = true
	return true
}
