package group

import "fmt"

// ledger is the state that the log holds: the fold of all records. Nothing else changes it.
//
// Invariants: order is at least every offset's order; stagers[pid] holds exactly the groups whose staged has pid.
type ledger struct {
	order   uint64
	groups  map[string]*entry
	stagers map[int64]map[string]struct{}
}

// entry is one group of the ledger.
type entry struct {
	image   image // zero: it never had a generation
	offsets map[partition]offset
	staged  map[int64]*stage // by producer id
}

// stage is what one open transaction will commit.
type stage struct {
	epoch   int16
	offsets map[partition]offset
}

func newLedger() *ledger {
	return &ledger{groups: make(map[string]*entry), stagers: make(map[int64]map[string]struct{})}
}

func (l *ledger) entry(group string) *entry {
	e := l.groups[group]
	if e == nil {
		e = &entry{offsets: make(map[partition]offset), staged: make(map[int64]*stage)}
		l.groups[group] = e
	}
	return e
}

// apply folds one record. A record it cannot read changes nothing.
func (l *ledger) apply(record []byte) error {
	r := &reader{b: record}
	kind, version := r.byte("the kind of record"), r.byte("the version")
	if r.err == nil && (kind < kindGeneration || kind > kindDeleted || version != formatVersion) {
		return fmt.Errorf("group: record has kind %d, version %d; this program reads kinds 1 to 4, version %d: use a newer one",
			kind, version, formatVersion)
	}
	group := r.text("the group")
	fold := l.read(kind, group, r)
	if r.err == nil && r.at != len(r.b) {
		r.fail("the end of the record")
	}
	if r.err != nil {
		return fmt.Errorf("group: record kind %d of group %q: %w", kind, group, r.err)
	}
	fold()
	return nil
}

// read takes the rest of a record apart and gives what it does.
func (l *ledger) read(kind byte, group string, r *reader) func() {
	switch kind {
	case kindGeneration:
		g := r.generation()
		return func() { l.entry(group).image = g }
	case kindOffsets:
		offsets := r.offsets()
		return func() { l.commit(group, offsets) }
	case kindStaged:
		pid, epoch := r.varint(64, "a producer id"), int16(r.varint(16, "a producer epoch"))
		offsets := r.offsets()
		return func() { l.stage(group, pid, epoch, offsets) }
	}
	return func() { l.delete(group) } // kindDeleted, the last that apply lets through
}

func (l *ledger) commit(group string, offsets []namedOffset) {
	e := l.entry(group)
	for _, o := range offsets {
		l.order = max(l.order, o.order)
		e.offsets[o.partition] = o.offset
	}
}

// stage adds to what pid's transaction will commit. What an older epoch staged belongs to a transaction that is over.
func (l *ledger) stage(group string, pid int64, epoch int16, offsets []namedOffset) {
	e := l.entry(group)
	s := e.staged[pid]
	if s == nil || s.epoch != epoch {
		s = &stage{epoch: epoch, offsets: make(map[partition]offset)}
		e.staged[pid] = s
	}
	for _, o := range offsets {
		l.order = max(l.order, o.order)
		s.offsets[o.partition] = o.offset
	}
	if l.stagers[pid] == nil {
		l.stagers[pid] = make(map[string]struct{})
	}
	l.stagers[pid][group] = struct{}{}
}

func (l *ledger) endTransaction(pid int64, epoch int16, commit bool) {
	for group := range l.stagers[pid] {
		e := l.groups[group]
		if s := e.staged[pid]; commit && s.epoch == epoch {
			e.take(s)
		}
		delete(e.staged, pid)
	}
	delete(l.stagers, pid)
}

// take makes staged offsets the committed ones, except where something newer was written meanwhile: as in Kafka the
// order of writing counts, not the order in which transactions end.
func (e *entry) take(s *stage) {
	for p, o := range s.offsets {
		if old, ok := e.offsets[p]; !ok || old.order < o.order {
			e.offsets[p] = o
		}
	}
}

func (l *ledger) delete(group string) {
	e := l.groups[group]
	if e == nil {
		return
	}
	for pid := range e.staged {
		if delete(l.stagers[pid], group); len(l.stagers[pid]) == 0 {
			delete(l.stagers, pid)
		}
	}
	delete(l.groups, group)
}

func (l *ledger) dropTopic(topic string) {
	for _, e := range l.groups {
		dropOffsets(e.offsets, topic)
		for _, s := range e.staged {
			dropOffsets(s.offsets, topic)
		}
	}
}

func dropOffsets(offsets map[partition]offset, topic string) {
	for p := range offsets {
		if p.topic == topic {
			delete(offsets, p)
		}
	}
}

// unstable says whether an open transaction holds an offset of p.
func (e *entry) unstable(p partition) bool {
	for _, s := range e.staged {
		if _, ok := s.offsets[p]; ok {
			return true
		}
	}
	return false
}
