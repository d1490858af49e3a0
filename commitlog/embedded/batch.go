package embedded

import (
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/invariant"
)

// batch is a commitlog.Batch with what it needs to go back to its reader.
type batch struct {
	commitlog.Batch
	reader *reader
	source *source // that it was taken from
	bytes  int     // of the answer, counted in the reader's held and the source's given
	raw    []byte  // the part of the answer that the records borrow from
	spill  []byte  // what was decompressed
	moved  bool    // Next is past where the reader stood
}

// maxFree bounds the batches a reader keeps for reuse: what a caller usually has in hand, and one in the making.
const maxFree = 4

// spare gives a batch from the free list, or a new one.
func (r *reader) spare() *batch {
	b := &batch{reader: r}
	if n := len(r.mu.free); n > 0 {
		b = r.mu.free[n-1]
		r.mu.free = r.mu.free[:n-1]
	}
	b.Owner = b
	return b
}

// Recycle implements the Owner of commitlog.Batch. Any goroutine.
func (b *batch) Recycle(*commitlog.Batch) {
	if invariant.Enabled {
		b.poison()
	}
	// Records keep whole answers in memory as long as they point into them.
	clear(b.Records)
	clear(b.Headers)
	r, s, bytes := b.reader, b.source, b.bytes
	*b = batch{reader: r, spill: b.spill[:0],
		Batch: commitlog.Batch{Records: b.Records[:0], Headers: b.Headers[:0]}}
	r.mu.Lock()
	r.mu.held -= bytes
	if s != nil {
		s.given -= bytes
		r.widen(s)
	}
	if len(r.mu.free) < maxFree && !r.mu.closed {
		r.mu.free = append(r.mu.free, b)
	}
	r.mu.Unlock()
	signal(r.kick)
}

// poison spoils the bytes that callers may no longer use, so that a test sees who does.
func (b *batch) poison() {
	for _, bytes := range [][]byte{b.raw, b.spill} {
		for i := range bytes {
			bytes[i] = 0xDB
		}
	}
}

// regroup points all records at the array their headers have moved to.
func (b *batch) regroup() {
	at := 0
	for i := range b.Records {
		if n := len(b.Records[i].Headers); n > 0 {
			b.Records[i].Headers = b.Headers[at : at+n : at+n]
			at += n
		}
	}
}
