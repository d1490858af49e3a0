package wal

import "fmt"

// Report says what Open or Walk found.
type Report struct {
	// Records were given to replay; Bytes is their payload.
	Records int
	Bytes   int64
	// Last is the newest LSN found, or the one the caller said it has, if that is newer.
	Last LSN
	// Files were read.
	Files int
	// Cut is the torn end, nil if the log ended on a whole round.
	Cut *Cut
}

// Cut says where a log was ended before the bytes ran out.
type Cut struct {
	// File and At name the first byte that does not count.
	File string
	At   int64
	// Want says what was expected there and not found.
	Want string
}

// String is one line for a log message.
func (c *Cut) String() string {
	return fmt.Sprintf("%s: byte %d: torn end cut: %s", c.File, c.At, c.Want)
}

// Damage is the error for bytes that were durable once and cannot be read any more. Nothing was changed on disk.
type Damage struct {
	// File and At name the first bad byte; Want says what should be there.
	File string
	At   int64
	Want string
	// Claim names who says that it was durable.
	Claim string
}

// Error names the place, the expectation and the claim.
func (d *Damage) Error() string {
	return fmt.Sprintf("wal: %s: damaged at byte %d: want %s (%s)", d.File, d.At, d.Want, d.Claim)
}
