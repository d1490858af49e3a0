package recordbatch

import (
	"encoding/binary"
	"strconv"
)

// MarkerBytes is the size of every marker, so that space can be reserved when a partition joins a transaction.
const MarkerBytes = HeaderBytes + 17

// Marker is the end of a transaction in one partition: a batch with the control bit and one record, which takes one
// offset (S12).
type Marker struct {
	Commit           bool // false: abort
	ProducerID       int64
	ProducerEpoch    int16
	CoordinatorEpoch int32
	Timestamp        int64 // ms
	BaseOffset       int64
	LeaderEpoch      int32
}

const (
	markerAbort  = 0
	markerCommit = 1
)

// AppendMarker appends the marker's batch, MarkerBytes long, to dst.
func AppendMarker(dst []byte, m Marker) []byte {
	key := [4]byte{} // version 0, type
	if m.Commit {
		key[3] = markerCommit
	}
	value := [6]byte{} // version 0, coordinator epoch
	binary.BigEndian.PutUint32(value[2:], uint32(m.CoordinatorEpoch))

	start := len(dst)
	e := Encoder{}
	e.Begin(dst, None)
	e.Append(key[:], value[:], nil, m.Timestamp)
	dst = e.finish(Producer{ID: m.ProducerID, Epoch: m.ProducerEpoch, Sequence: -1, Transactional: true})
	b := Batch(dst[start:])
	b[atAttributes+1] |= bitControl
	b.SetBaseOffset(m.BaseOffset)
	b.SetLeaderEpoch(m.LeaderEpoch)
	b.seal()
	return dst
}

// ParseMarker reads a marker. A control batch of another type than commit and abort is ErrInvalid: readers pass over
// it.
func ParseMarker(b Batch) (Marker, error) {
	if !b.Control() {
		return Marker{}, invalid("attributes", atAttributes, int64(b.Attributes()), "the control bit")
	}
	if b.Compression() != None {
		return Marker{}, invalid("compression", atAttributes, int64(b.Compression()), "0 in a marker")
	}
	c := openCursor(b, b.RecordBytes())
	if !c.Next() {
		if err := c.Err(); err != nil {
			return Marker{}, err
		}
		return Marker{}, invalid("record count", atCount, int64(b.Count()), "1 in a marker")
	}
	if len(c.Key) < 4 {
		return Marker{}, corrupt("size of the marker's key", HeaderBytes, int64(len(c.Key)), "at least 4")
	}
	if len(c.Value) < 6 {
		return Marker{}, corrupt("size of the marker's value", HeaderBytes, int64(len(c.Value)), "at least 6")
	}
	kind := int16(binary.BigEndian.Uint16(c.Key[2:]))
	if kind != markerAbort && kind != markerCommit {
		return Marker{}, invalid("type of the marker", HeaderBytes, int64(kind),
			strconv.Itoa(markerAbort)+" or "+strconv.Itoa(markerCommit))
	}
	return Marker{
		Commit:           kind == markerCommit,
		ProducerID:       b.ProducerID(),
		ProducerEpoch:    b.ProducerEpoch(),
		CoordinatorEpoch: int32(binary.BigEndian.Uint32(c.Value[2:])),
		Timestamp:        c.Timestamp,
		BaseOffset:       b.BaseOffset(),
		LeaderEpoch:      b.LeaderEpoch(),
	}, nil
}
