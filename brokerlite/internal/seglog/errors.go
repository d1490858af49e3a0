package seglog

import "fmt"

// Damage is the error for bytes below the known end that are not what they should be. The file is left alone.
type Damage struct {
	// File and At name the first byte of the bad piece; Want says what should be there.
	File string
	At   int64
	Want string
}

// Error names the place and the expectation.
func (d *Damage) Error() string {
	return fmt.Sprintf("seglog: %s: damaged at byte %d: want %s", d.File, d.At, d.Want)
}

// OutOfRange is the error for an offset that the log does not hold.
type OutOfRange struct {
	// Offset was asked for; the log holds Start to End, End excluded.
	Offset, Start, End int64
}

// Error names the three offsets.
func (e *OutOfRange) Error() string {
	return fmt.Sprintf("seglog: offset %d is out of range: the log holds %d up to %d", e.Offset, e.Start, e.End)
}
