package recordbatch

import "fmt"

// Compression is how the records of a batch are compressed together. The zero value is None.
type Compression int8

// The compressions of the protocol; the numbers are those of the attributes.
const (
	None   Compression = 0
	Gzip   Compression = 1
	Snappy Compression = 2
	LZ4    Compression = 3
	Zstd   Compression = 4
)

// String is the name as configurations spell it.
func (c Compression) String() string {
	switch c {
	case None:
		return "none"
	case Gzip:
		return "gzip"
	case Snappy:
		return "snappy"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return fmt.Sprintf("compression %d", int8(c))
}

// ParseCompression reads a name; "" is None.
func ParseCompression(name string) (Compression, error) {
	if name == "" {
		return None, nil
	}
	for c := None; c <= Zstd; c++ {
		if c.String() == name {
			return c, nil
		}
	}
	return None, fmt.Errorf("recordbatch: compression %q: want none, gzip, snappy, lz4 or zstd", name)
}
