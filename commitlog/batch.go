package commitlog

// Batch is what one answer held for one partition. Its bytes belong to the driver: valid, and not to be written to,
// until Release. Who keeps a key or a value copies it.
type Batch struct {
	Partition Partition
	Records   []Record // offsets rise, with gaps; empty when only Next moved
	Epoch     int32    // leader epoch of the last batch in it; a lower one than before means another history (S-12)
	Next      int64    // where to read on: past markers, aborted records, compacted holes
	Stable    int64    // last stable offset when fetched: the end for ReadCommitted
	High      int64    // high watermark when fetched
	Headers   []Header // one backing array for all Records[i].Headers
	// Owner takes the batch back on Release. The driver sets it; nil in a batch that nobody owns, as tests make them.
	Owner interface{ Recycle(*Batch) }
}

// Release gives the batch back to its reader and must be the last use of it. Unreleased batches count against
// ReaderConfig.BufferBytes: that is all back-pressure. One goroutine at a time; it need not be the reader's, and it may
// come after the reader was closed. A second Release of the same batch before Poll gave it out again does nothing.
func (b *Batch) Release() {
	if o := b.Owner; o != nil {
		b.Owner = nil
		o.Recycle(b)
	}
}
