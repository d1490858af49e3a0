package seglog

// Known is what a checkpoint remembers of a partition: the part of it that needs no write-ahead log.
type Known struct {
	// Start is the first offset that may be read; Next the one the next record gets.
	Start, Next int64
	// Segments in ascending order; the last is the one that grows. Empty as long as nothing was appended.
	Segments []KnownSegment
}

// KnownSegment is one segment of Known.
type KnownSegment struct {
	// Base is the offset in the file's name; Bytes how much of the file counts.
	Base, Bytes int64
	// MaxTimestamp is the largest timestamp in milliseconds, -1 if there is none.
	MaxTimestamp int64
	// AbortedFrom is the smallest first offset of the aborted transactions whose marker is in this segment, -1 if there is
	// none.
	AbortedFrom int64
	// Compacted says that the segment was rewritten, so that offsets may be missing between and in its batches.
	Compacted bool
	// CreatedAt is when the segment got its first batch, in milliseconds of the broker's clock.
	CreatedAt int64
}

// Place says where a batch lies: the base offset in the name of its segment's file, and the position of its first byte.
type Place struct {
	Base int64
	At   int64
}
