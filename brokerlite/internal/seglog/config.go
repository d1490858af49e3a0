package seglog

import (
	"time"

	"github.com/millrun/millrun/internal/vfs"
)

// Config says how a partition is stored. The zero value of each field but FS is its default.
type Config struct {
	// FS holds the directory. Required.
	FS vfs.FS
	// Limits say when a segment ends; SetLimits changes them later.
	Limits Limits
	// IndexBytes is the distance of index entries; default 32 KiB.
	IndexBytes int
	// Files bounds the open files of sealed segments, usually of all partitions together; nil gives the log its own with
	// room for 16.
	Files *Files
}

// Limits say when the next append begins a new segment.
type Limits struct {
	// SegmentBytes is the size a segment does not pass, unless one batch alone does; default 1 GiB, at most 2 GiB - 1.
	SegmentBytes int64
	// SegmentAge is how long after its first append a segment may still grow; default 7 days, negative means for ever.
	SegmentAge time.Duration
}
