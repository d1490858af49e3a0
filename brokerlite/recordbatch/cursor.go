package recordbatch

import "strconv"

// Cursor reads the records of one batch in order. Decoder.Open makes one; it is a plain value and starts before the
// first record. The exported fields are the record that Next has moved to: they borrow the batch's bytes.
type Cursor struct {
	Key, Value  []byte // nil and empty differ
	Timestamp   int64  // ms since 1970, -1 for none; of the append if the batch says LogAppendTime
	Offset      int64
	HeaderCount int

	rest          []byte // records not read yet
	headers       []byte // raw headers of the current record
	at            int    // position of rest, for errors
	left          int32  // records not read yet
	lastDelta     int32  // of the batch
	previous      int64  // offset delta of the current record, -1 before the first
	baseOffset    int64
	baseTimestamp int64
	appendTime    bool // Timestamp is fixed
	err           error
}

func openCursor(b Batch, records []byte) Cursor {
	c := Cursor{
		rest:          records,
		at:            HeaderBytes,
		left:          b.Count(),
		lastDelta:     b.LastOffsetDelta(),
		previous:      -1,
		baseOffset:    b.BaseOffset(),
		baseTimestamp: b.BaseTimestamp(),
		appendTime:    b.LogAppendTime(),
	}
	if c.appendTime {
		c.Timestamp = b.MaxTimestamp()
	}
	return c
}

// Left is the number of records that Next has yet to give, as far as the remaining bytes could hold them.
func (c *Cursor) Left() int { return min(int(max(c.left, 0)), len(c.rest)/minRecordBytes) }

// Err is the *Fault that ended the reading, nil after the last record.
func (c *Cursor) Err() error { return c.err }

// Next moves to the next record; false at the end and at a fault, which Err then gives.
func (c *Cursor) Next() bool {
	if c.left <= 0 {
		c.finish()
		return false
	}
	b := c.rest
	size, i := readVarint(b, 0)
	if i < 0 || size < minRecordBytes-1 || size > int64(len(b)-i) {
		return c.fail("size of the record", 0, size, "6 to the "+strconv.Itoa(len(b))+" bytes left")
	}
	end := i + int(size)
	b = b[:end]
	i++ // attributes: none are defined
	timeDelta, i := readVarint(b, i)
	if i < 0 {
		return c.fail("timestamp delta", end, size, "a number inside the record")
	}
	offsetDelta, i := readVarint(b, i)
	if i < 0 {
		return c.fail("offset delta", end, size, "a number inside the record")
	}
	if offsetDelta <= c.previous || offsetDelta > int64(c.lastDelta) {
		return c.fail("offset delta", i, offsetDelta, "rising, at most the batch's last")
	}
	key, i, ok := readBytes(b, i)
	if !ok {
		return c.fail("key", end, size, "a length inside the record")
	}
	value, i, ok := readBytes(b, i)
	if !ok {
		return c.fail("value", end, size, "a length inside the record")
	}
	if uint(i) < uint(len(b)) && b[i] == 0 && i+1 == end {
		c.HeaderCount, c.headers = 0, nil
	} else if !c.takeHeaders(b, i) {
		return false
	}
	c.Key, c.Value = key, value
	c.previous = offsetDelta
	c.Offset = c.baseOffset + offsetDelta
	if !c.appendTime {
		c.Timestamp = c.baseTimestamp + timeDelta
	}
	c.rest = c.rest[end:]
	c.at += end
	c.left--
	return true
}

// takeHeaders checks the headers at b[i:], which must fill the record, and keeps them for Headers.
func (c *Cursor) takeHeaders(b []byte, i int) bool {
	count, i := readVarint(b, i)
	if i < 0 || count < 0 || count > int64(len(b)-i)/2 {
		return c.fail("header count", len(b), count, "what the record can hold")
	}
	c.headers = b[i:]
	for range count {
		key, next, ok := readBytes(b, i)
		if !ok || key == nil {
			return c.fail("header key", i, count, "a length inside the record")
		}
		if _, i, ok = readBytes(b, next); !ok {
			return c.fail("header value", next, count, "a length inside the record")
		}
	}
	if i != len(b) {
		return c.fail("bytes behind the last header", i, int64(len(b)-i), "0")
	}
	c.HeaderCount = int(count)
	return true
}

// finish checks that the records filled their bytes. A batch that compaction emptied has neither.
func (c *Cursor) finish() {
	if c.err != nil {
		return
	}
	if c.left < 0 {
		c.fail("record count", atCount-c.at, int64(c.left), "at least 0")
	} else if len(c.rest) > 0 {
		c.fail("bytes behind the last record", 0, int64(len(c.rest)), "0")
	}
}

// fail ends the reading with a fault at offset bytes behind the current record's start.
func (c *Cursor) fail(what string, offset int, got int64, want string) bool {
	if c.err == nil {
		c.err = corrupt(what, c.at+offset, got, want)
	}
	c.Key, c.Value, c.headers, c.HeaderCount = nil, nil, nil, 0
	c.left = 0
	return false
}

// Headers starts reading the headers of the current record.
func (c *Cursor) Headers() HeaderCursor { return HeaderCursor{rest: c.headers, left: c.HeaderCount} }

// HeaderCursor reads the headers of one record in order. Cursor has checked them, so there are no faults. The fields
// borrow the batch's bytes.
type HeaderCursor struct {
	Key   []byte
	Value []byte // nil and empty differ

	rest []byte
	left int
}

// Next moves to the next header; false at the end.
func (h *HeaderCursor) Next() bool {
	if h.left == 0 {
		return false
	}
	h.left--
	var i int
	h.Key, i, _ = readBytes(h.rest, 0)
	h.Value, i, _ = readBytes(h.rest, i)
	h.rest = h.rest[i:]
	return true
}

// readBytes reads a length and so many bytes at b[i:]; length -1 is nil.
func readBytes(b []byte, i int) (value []byte, next int, ok bool) {
	n, i := readVarint(b, i)
	if i < 0 || n > int64(len(b)-i) || n < -1 {
		return nil, 0, false
	}
	if n < 0 {
		return nil, i, true
	}
	end := i + int(n)
	return b[i:end:end], end, true
}
