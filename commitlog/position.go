package commitlog

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxOffsetMetadataBytes bounds Position.Metadata. A commit with more is refused with ErrInvalidConfig.
const MaxOffsetMetadataBytes = 4096

// Position is an offset in a partition: the next one to read. Metadata travels with group offsets only.
type Position struct {
	Partition Partition
	Offset    int64
	Metadata  string // at most MaxOffsetMetadataBytes
}

// String gives "topic/partition@offset", to travel in headers; ParsePosition reads it. Metadata is not part of it.
func (p Position) String() string { return fmt.Sprintf("%v@%d", p.Partition, p.Offset) }

// ParsePosition reads what Position.String wrote. The topic may hold any character: the last "/" and the last "@" count.
func ParsePosition(s string) (Position, error) {
	head, offset, ok := cutLast(s, "@")
	topic, index, ok2 := cutLast(head, "/")
	if !ok || !ok2 || topic == "" {
		return Position{}, fmt.Errorf("commitlog: position %q: want topic/partition@offset", s)
	}
	i, err := strconv.ParseInt(index, 10, 32)
	if err != nil || i < 0 {
		return Position{}, fmt.Errorf("commitlog: position %q: partition %q is not a number from 0 to 2147483647", s, index)
	}
	o, err := strconv.ParseInt(offset, 10, 64)
	if err != nil {
		return Position{}, fmt.Errorf("commitlog: position %q: offset %q is not a number", s, offset)
	}
	return Position{Partition: Partition{topic, int32(i)}, Offset: o}, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
