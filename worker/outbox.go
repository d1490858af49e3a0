package worker

import "github.com/millrun/millrun/commitlog"

// outbox holds emitted records until their commit. Staged ones belong to the record now in its handler. It belongs to its
// task; taken ones belong to the commit until recycled.
//
// Bytes live in chunks that are filled in order and used again after the commit, so that an emit costs two copies and no
// allocation once the chunks are there.
type outbox struct {
	open   emits
	staged []staged
	size   int64 // of the staged records
	spare  []emits
}

type staged struct {
	part   commitlog.Partition
	record commitlog.Record
}

// emits is the accepted part of an outbox: records by partition, and the chunks that hold their bytes.
type emits struct {
	lists  []list
	index  map[commitlog.Partition]int
	chunks arena
	bytes  int64
	count  int
}

type list struct {
	part    commitlog.Partition
	records []commitlog.Record
}

const recordOverhead = 32 // counted per record beside its bytes

// stage copies a record for the handler that runs.
func (o *outbox) stage(p commitlog.Partition, key, value []byte, timestamp int64, headers []commitlog.Header) {
	r := commitlog.Record{Key: o.open.chunks.copy(key), Value: o.open.chunks.copy(value), Timestamp: timestamp}
	o.size += int64(len(key)+len(value)) + recordOverhead
	if len(headers) > 0 {
		r.Headers = make([]commitlog.Header, len(headers))
		for i, h := range headers {
			r.Headers[i] = commitlog.Header{Key: h.Key, Value: o.open.chunks.copy(h.Value)}
			o.size += int64(len(h.Key) + len(h.Value))
		}
	}
	o.staged = append(o.staged, staged{p, r})
}

// accept lets the staged records join those that wait for the commit.
func (o *outbox) accept() {
	for i := range o.staged {
		o.open.add(o.staged[i].part, o.staged[i].record)
	}
	o.open.bytes += o.size
	o.discard()
}

// discard drops the staged records. Their bytes stay in the chunk until the commit.
func (o *outbox) discard() {
	clear(o.staged)
	o.staged, o.size = o.staged[:0], 0
}

// take hands over what was accepted and goes on empty.
func (o *outbox) take() emits {
	e := o.open
	o.open = emits{}
	if n := len(o.spare); n > 0 {
		o.open, o.spare = o.spare[n-1], o.spare[:n-1]
	}
	// What is staged now has its bytes in the chunks that leave: they are read-only, and the commit outlives the handler or
	// the next accept copies them again.
	for i := range o.staged {
		r := &o.staged[i].record
		r.Key, r.Value = o.open.chunks.copy(r.Key), o.open.chunks.copy(r.Value)
		for j := range r.Headers {
			r.Headers[j].Value = o.open.chunks.copy(r.Headers[j].Value)
		}
	}
	return e
}

// recycle takes back what a finished commit does not need any more.
func (o *outbox) recycle(e emits) {
	if len(o.spare) >= 2 {
		return
	}
	e.reset()
	o.spare = append(o.spare, e)
}

// clear drops everything, accepted or staged.
func (o *outbox) clear() {
	o.discard()
	o.open.reset()
}

func (e *emits) add(p commitlog.Partition, r commitlog.Record) {
	if e.index == nil {
		e.index = map[commitlog.Partition]int{}
	}
	i, ok := e.index[p]
	if !ok {
		i = len(e.lists)
		e.index[p] = i
		if i < cap(e.lists) {
			e.lists = e.lists[:i+1]
			e.lists[i].part = p
			e.lists[i].records = e.lists[i].records[:0]
		} else {
			e.lists = append(e.lists, list{part: p})
		}
	}
	e.lists[i].records = append(e.lists[i].records, r)
	e.count++
}

func (e *emits) reset() {
	for i := range e.lists {
		clear(e.lists[i].records)
		e.lists[i].records = e.lists[i].records[:0]
	}
	e.lists = e.lists[:0]
	clear(e.index)
	e.chunks.reset()
	e.bytes, e.count = 0, 0
}

// arena copies small byte strings into large chunks.
type arena struct {
	chunks [][]byte
	at     int // the chunk that is being filled
}

const chunkBytes = 64 << 10

// copy keeps nil and empty apart.
func (a *arena) copy(b []byte) []byte {
	switch {
	case b == nil:
		return nil
	case len(b) > chunkBytes/4:
		return append([]byte(nil), b...)
	}
	for {
		if a.at == len(a.chunks) {
			a.chunks = append(a.chunks, make([]byte, 0, chunkBytes))
		}
		c := a.chunks[a.at]
		if cap(c)-len(c) >= len(b) {
			n := len(c)
			c = append(c, b...)
			a.chunks[a.at] = c
			return c[n:len(c):len(c)]
		}
		a.at++
	}
}

func (a *arena) reset() {
	for i := range a.chunks {
		a.chunks[i] = a.chunks[i][:0]
	}
	a.at = 0
}
