package group

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// appendSnapshot writes the ledger as the records that fold to it, each with its length in front, in one fixed order.
func (l *ledger) appendSnapshot(b []byte) []byte {
	b = append(b, snapshotMagic...)
	b = append(b, formatVersion)
	b = binary.AppendUvarint(b, l.order)
	for _, name := range slices.Sorted(maps.Keys(l.groups)) {
		e := l.groups[name]
		b = appendBytes(b, appendGeneration(nil, name, e.image))
		if len(e.offsets) > 0 {
			b = appendBytes(b, appendOffsets(nil, name, sortedOffsets(e.offsets)))
		}
		for _, pid := range slices.Sorted(maps.Keys(e.staged)) {
			s := e.staged[pid]
			b = appendBytes(b, appendStaged(nil, name, pid, s.epoch, sortedOffsets(s.offsets)))
		}
	}
	return b
}

// readSnapshot folds a snapshot to the ledger it was made of.
func readSnapshot(b []byte) (*ledger, error) {
	r := &reader{b: b}
	for i := range len(snapshotMagic) {
		if r.byte("the magic "+snapshotMagic) != snapshotMagic[i] {
			r.fail("the magic " + snapshotMagic)
		}
	}
	if v := r.byte("the version"); r.err == nil && v != formatVersion {
		return nil, fmt.Errorf("group: snapshot has version %d, this program reads version %d: use a newer one", v, formatVersion)
	}
	l := newLedger()
	l.order = r.uvarint("the commit order")
	for r.err == nil && r.at < len(b) {
		at := r.at
		if record := r.span("a record"); r.err == nil {
			if err := l.apply(record); err != nil {
				return nil, fmt.Errorf("group: snapshot: record at byte %d: %w", at, err)
			}
		}
	}
	if r.err != nil {
		return nil, fmt.Errorf("group: snapshot: %w", r.err)
	}
	return l, nil
}

func sortedOffsets(offsets map[partition]offset) []namedOffset {
	list := make([]namedOffset, 0, len(offsets))
	for p, o := range offsets {
		list = append(list, namedOffset{partition: p, offset: o})
	}
	slices.SortFunc(list, func(a, b namedOffset) int {
		return cmp.Or(cmp.Compare(a.partition.topic, b.partition.topic), cmp.Compare(a.partition.index, b.partition.index))
	})
	return list
}
