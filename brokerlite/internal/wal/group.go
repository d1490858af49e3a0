package wal

// group is the records that go to disk in one round, already in the round's bytes.
//
// first <= last, both LSNs of records in it; buf is roundHeaderBytes free bytes and the records.
type group struct {
	buf         []byte
	first, last LSN
	count       int
	reserved    []reservedRecord // in LSN order
	taken       chan struct{}    // closed when the committer has taken it: the queue has room again
	done        chan struct{}    // closed when the fate of its records is known
}

// reservedRecord finds a record of AppendReserved in its group.
type reservedRecord struct {
	lsn      LSN
	from, to int
}

// newGroup uses buf for its bytes.
func newGroup(buf []byte) *group {
	if cap(buf) < roundHeaderBytes {
		buf = make([]byte, blockBytes)
	}
	return &group{buf: buf[:roundHeaderBytes], taken: make(chan struct{}), done: make(chan struct{})}
}

// add copies a record in.
func (g *group) add(lsn LSN, reserved bool, kind byte, payload ...[]byte) {
	if g.count == 0 {
		g.first = lsn
	}
	from := len(g.buf)
	g.buf = appendRecord(g.buf, g.first, lsn, kind, payload...)
	g.last = lsn
	g.count++
	if reserved {
		g.reserved = append(g.reserved, reservedRecord{lsn: lsn, from: from, to: len(g.buf)})
	}
}

// takeReserved adds the reserved records of a group that failed.
func (g *group) takeReserved(from *group) {
	for _, r := range from.reserved {
		_, kind, payload, _, _ := takeRecord(from.buf[r.from:r.to], from.first)
		g.add(r.lsn, true, kind, payload)
	}
}
