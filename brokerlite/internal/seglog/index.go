package seglog

import (
	"slices"

	"github.com/millrun/millrun/brokerlite/recordbatch"
)

// index finds batches of one segment by offset and by time, and knows the transactions whose abort marker lies in it.
//
// from <= positions of blocks < bytes; blocks ascend and are every bytes apart, or one batch if that is larger. Below from
// nothing is known yet, which happens to the segment that was growing when the broker stopped: it costs a scan, so it
// waits for the first reader (see Log.complete). maxTimestamp is that of the whole segment all the same.
type index struct {
	every        int64
	from         int64
	next         int64 // offset behind the last batch
	bytes        int64 // position behind the last batch
	maxTimestamp int64 // -1 for none
	blocks       []block
	aborted      []Aborted // by marker
}

// block stands for the batches from its first to the next block. maxTimestamp may be too high after TakeBack.
type block struct {
	offset       int64
	at           int64
	maxTimestamp int64
}

// add notes the batch of size bytes that begins at bytes; b may be its header alone.
func (x *index) add(b recordbatch.Batch, size int64) {
	ts := b.MaxTimestamp()
	if n := len(x.blocks); n == 0 || x.bytes-x.blocks[n-1].at >= x.every {
		x.blocks = append(x.blocks, block{offset: b.BaseOffset(), at: x.bytes, maxTimestamp: ts})
	} else {
		x.blocks[n-1].maxTimestamp = max(x.blocks[n-1].maxTimestamp, ts)
	}
	x.maxTimestamp = max(x.maxTimestamp, ts)
	x.bytes += size
	x.next = b.NextOffset()
}

// floor gives the block from which a scan finds the batch with the offset; base is the offset of the segment's first. ok is
// false if that batch may lie below from.
func (x *index) floor(base, offset int64) (at block, ok bool) {
	i, exact := slices.BinarySearchFunc(x.blocks, offset, func(k block, offset int64) int {
		switch {
		case k.offset < offset:
			return -1
		case k.offset > offset:
			return 1
		}
		return 0
	})
	if exact {
		return x.blocks[i], true
	}
	if i > 0 {
		return x.blocks[i-1], true
	}
	return block{offset: base, at: 0}, x.from == 0
}

// end gives the position behind block i.
func (x *index) end(i int) int64 {
	if i+1 < len(x.blocks) {
		return x.blocks[i+1].at
	}
	return x.bytes
}

// cut forgets what lies at or behind a position, where the next offset is next.
func (x *index) cut(at, next int64) {
	n := len(x.blocks)
	for n > 0 && x.blocks[n-1].at >= at {
		n--
	}
	x.blocks = x.blocks[:n]
	x.aborted = slices.DeleteFunc(x.aborted, func(a Aborted) bool { return a.Last >= next })
	x.from = min(x.from, at)
	x.bytes, x.next = at, next
}

// prepend puts the index of the bytes below from in front.
func (x *index) prepend(head *index) {
	x.blocks = append(slices.Clone(head.blocks), x.blocks...)
	x.aborted = append(slices.Clone(head.aborted), x.aborted...)
	x.from = 0
}

// clone gives a copy that readers may keep while the original grows.
func (x *index) clone() *index {
	c := *x
	c.blocks = slices.Clone(x.blocks)
	c.aborted = slices.Clone(x.aborted)
	return &c
}
