package seglog

import (
	"cmp"
	"errors"
	"slices"

	"github.com/millrun/millrun/brokerlite/recordbatch"
)

// Stamp is a record found by time.
type Stamp struct {
	// Offset and Timestamp, in milliseconds, of the record; LeaderEpoch of its batch.
	Offset      int64
	Timestamp   int64
	LeaderEpoch int32
}

// OffsetForTime finds the first record at or above the start and below limit whose timestamp is at least ts. Markers are
// not records.
func (l *Log) OffsetForTime(ts, limit int64) (s Stamp, found bool, err error) {
	err = l.settled(func(t *set) error {
		s, found, err = l.firstAtLeast(t, ts, limit)
		return err
	})
	return s, found, err
}

// LatestTime finds the first record below limit with the largest timestamp.
func (l *Log) LatestTime(limit int64) (s Stamp, found bool, err error) {
	err = l.settled(func(t *set) error {
		s, found, err = l.latest(t, limit)
		return err
	})
	return s, found, err
}

// settled runs do on a set that does not change under it, again if need be.
func (l *Log) settled(do func(*set) error) error {
	for {
		if err := l.usable(); err != nil {
			return err
		}
		t := l.set.Load()
		if err := do(t); err == nil || !l.stale(t, err) {
			return err
		}
	}
}

func (l *Log) firstAtLeast(t *set, ts, limit int64) (Stamp, bool, error) {
	for _, p := range t.parts() {
		if p.maxTimestamp() < ts || p.end() <= t.start {
			continue
		}
		if p.base() >= limit {
			break
		}
		x, err := l.indexOf(p)
		if err != nil {
			return Stamp{}, false, err
		}
		for i, k := range x.blocks {
			if k.maxTimestamp < ts {
				continue
			}
			s, found, err := l.search(p, k, x.end(i), func(b recordbatch.Batch) bool { return b.MaxTimestamp() >= ts }, limit, t.start,
				func(c *recordbatch.Cursor) bool { return c.Timestamp >= ts })
			if err != nil || found {
				return s, found, err
			}
		}
	}
	return Stamp{}, false, nil
}

// latest looks at segments and blocks in the order of their largest timestamps, so that it decodes little more than the
// batch it is after.
func (l *Log) latest(t *set, limit int64) (best Stamp, found bool, err error) {
	parts := t.parts()
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.maxTimestamp(), a.maxTimestamp()) })
	for _, p := range parts {
		if found && p.maxTimestamp() < best.Timestamp || p.base() >= limit || p.end() <= t.start {
			continue
		}
		x, err := l.indexOf(p)
		if err != nil {
			return best, found, err
		}
		order := make([]int, len(x.blocks))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x.blocks[b].maxTimestamp, x.blocks[a].maxTimestamp) })
		for _, i := range order {
			if found && x.blocks[i].maxTimestamp < best.Timestamp {
				break
			}
			_, _, err := l.search(p, x.blocks[i], x.end(i),
				func(b recordbatch.Batch) bool { return !found || b.MaxTimestamp() >= best.Timestamp }, limit, t.start,
				func(c *recordbatch.Cursor) bool {
					if !found || c.Timestamp > best.Timestamp || c.Timestamp == best.Timestamp && c.Offset < best.Offset {
						best, found = Stamp{Offset: c.Offset, Timestamp: c.Timestamp}, true
					}
					return false
				})
			if err != nil {
				return best, found, err
			}
		}
	}
	if !found {
		return best, false, nil
	}
	best.LeaderEpoch, err = l.leaderEpoch(best.Offset)
	return best, true, err
}

func (l *Log) leaderEpoch(offset int64) (int32, error) {
	b, err := l.Read(offset, 0, l.next.Load(), nil)
	if err != nil || len(b) == 0 {
		return -1, err
	}
	return recordbatch.Batch(b).LeaderEpoch(), nil
}

// search decodes the batches from a block up to a position that pass, and gives the first record from start up to limit for which
// match is true.
func (l *Log) search(p part, from block, to int64, pass func(recordbatch.Batch) bool, limit, start int64,
	match func(*recordbatch.Cursor) bool) (s Stamp, found bool, err error) {
	var d recordbatch.Decoder
	err = l.within(p.a, p.s, func(r *reader) error {
		return r.headers(from.at, from.offset, func(b recordbatch.Batch, at int64) (bool, error) {
			if at >= to || b.BaseOffset() >= limit {
				return false, nil
			}
			if b.Control() || b.LastOffset() < start || !pass(b) {
				return true, nil
			}
			b, err := r.batch(at, b.DeclaredBytes())
			if err != nil {
				return false, err
			}
			c, _, err := d.Open(b, nil)
			if err != nil {
				return false, r.damage(at, "records that can be read: "+err.Error())
			}
			for c.Next() {
				if c.Offset >= start && c.Offset < limit && match(&c) {
					s, found = Stamp{Offset: c.Offset, Timestamp: c.Timestamp, LeaderEpoch: b.LeaderEpoch()}, true
					return false, nil
				}
			}
			if err := c.Err(); err != nil {
				return false, r.damage(at, "records that can be read: "+err.Error())
			}
			return true, nil
		})
	})
	return s, found, err
}

// part is one segment of a set, of either kind.
type part struct {
	s *sealed
	a *active
}

func (t *set) parts() []part {
	var parts []part
	for _, s := range t.sealed {
		parts = append(parts, part{s: s})
	}
	if t.active != nil {
		parts = append(parts, part{a: t.active})
	}
	return parts
}

func (p part) base() int64 {
	if p.s != nil {
		return p.s.base
	}
	return p.a.base
}

// end is the offset behind the segment.
func (p part) end() int64 {
	if p.s != nil {
		return p.s.next
	}
	return p.a.next()
}

func (p part) maxTimestamp() int64 {
	if p.s != nil {
		return p.s.maxTimestamp
	}
	return p.a.known().MaxTimestamp
}

// indexOf gives the whole index of a segment as it is now.
func (l *Log) indexOf(p part) (*index, error) {
	if p.s == nil {
		if err := l.complete(p.a); err != nil {
			return nil, err
		}
		p.a.mu.RLock()
		defer p.a.mu.RUnlock()
		return p.a.mu.index.clone(), nil
	}
	o, err := l.files.acquire(l.c.FS, p.s)
	if err != nil {
		return nil, err
	}
	x, err := l.sealedIndex(o)
	return x, errors.Join(err, o.h.done())
}
