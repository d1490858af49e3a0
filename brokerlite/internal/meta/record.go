// Package meta says how the broker's state is written down: the typed records of the write-ahead log and the snapshot
// file. It knows bytes, not rules: what a record does to the state is said where that state lives.
//
// docs/format/meta.md describes both for a reader without this code.
package meta

import (
	"fmt"
)

// Handle names one incarnation of a partition. It is never used twice, so records of a topic that was deleted and made
// anew fall to the ground (S-55). Zero is no partition.
type Handle uint64

// Type says what a record of the write-ahead log means. The numbers are on disk.
type Type uint8

const (
	TypeBatch       Type = 1  // one record batch of one partition: Batch
	TypeTxnEnd      Type = 2  // the end of a transaction, whole: TxnEnd
	TypeTopic       Type = 3  // a topic made: Topic
	TypeTopicGone   Type = 4  // a topic deleted: TopicGone
	TypePartitions  Type = 5  // partitions added to a topic: Partitions
	TypeConfigs     Type = 6  // a topic's settings, all of them: Configs
	TypeLogStart    Type = 7  // records deleted at the front: LogStart
	TypeEpoch       Type = 8  // leader epoch raised after an unclean stop, all partitions: Epoch
	TypeProducerID  Type = 9  // a producer id given away: ProducerID
	TypeTxnInit     Type = 10 // a transactional id has a new producer id or epoch: TxnInit
	TypeTxnOffsets  Type = 11 // offsets staged in a transaction: TxnOffsets
	TypeGroup       Type = 12 // a record of the group coordinator, opaque here
	TypeTxnTimedOut Type = 13 // as TypeTxnEnd, by the broker because the time ran out
	TypeMarkers     Type = 14 // markers of an end that a partition out of service had to leave out: TxnEnd, no groups
)

var typeNames = map[Type]string{
	TypeBatch: "batch", TypeTxnEnd: "transaction end", TypeTopic: "topic", TypeTopicGone: "topic deleted",
	TypePartitions: "partitions", TypeConfigs: "configs", TypeLogStart: "log start", TypeEpoch: "leader epoch",
	TypeProducerID: "producer id", TypeTxnInit: "transactional id", TypeTxnOffsets: "transaction offsets",
	TypeGroup: "group", TypeTxnTimedOut: "transaction timed out", TypeMarkers: "markers",
}

// String gives the name the docs use.
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Place is where bytes of a partition are: the segment, named by its base offset, and the byte in it.
type Place struct {
	Handle  Handle
	Segment int64
	At      int64
}

func (p Place) write(w *Writer) {
	w.Uint(uint64(p.Handle))
	w.Int(p.Segment)
	w.Int(p.At)
}

func readPlace(r *Reader) Place {
	return Place{Handle: Handle(r.Uint()), Segment: r.Int(), At: r.Int()}
}

// AppendBatchHead appends what precedes the batch bytes in a TypeBatch record: the place.
func AppendBatchHead(dst []byte, p Place) []byte {
	w := Writer{B: dst}
	p.write(&w)
	return w.B
}

// ReadBatch takes a TypeBatch record apart. The batch aliases payload.
func ReadBatch(payload []byte) (Place, []byte, error) {
	r := NewReader(payload)
	p := readPlace(r)
	return p, r.Rest(), r.err
}

// Marker is the place of one transaction marker and what its bytes need.
type Marker struct {
	Place
	Offset      int64
	LeaderEpoch int32
}

// TxnEnd is the whole end of a transaction. The marker bytes follow from it (S-54).
type TxnEnd struct {
	ID        string // transactional id
	PID       int64  // of the transaction
	Epoch     int16  // of the transaction: what its batches carry
	Commit    bool
	Timestamp int64 // ms, stamped on the markers
	// MarkerEpoch is the producer epoch of the markers: Epoch+1, which fences late batches of the transaction.
	MarkerEpoch int16
	NextPID     int64 // what the producer uses from now on
	NextEpoch   int16
	Markers     []Marker
	Groups      []string // groups whose staged offsets take effect or are dropped, for readers of the log
}

// Append appends the payload to dst.
func (e *TxnEnd) Append(dst []byte) []byte {
	w := Writer{B: dst}
	w.String(e.ID)
	w.Int(e.PID)
	w.Int(int64(e.Epoch))
	w.Bool(e.Commit)
	w.Int(e.Timestamp)
	w.Int(int64(e.MarkerEpoch))
	w.Int(e.NextPID)
	w.Int(int64(e.NextEpoch))
	w.Uint(uint64(len(e.Markers)))
	for _, m := range e.Markers {
		m.write(&w)
		w.Int(m.Offset)
		w.Int(int64(m.LeaderEpoch))
	}
	w.Uint(uint64(len(e.Groups)))
	for _, g := range e.Groups {
		w.String(g)
	}
	return w.B
}

// ReadTxnEnd reads what TxnEnd.Append wrote.
func ReadTxnEnd(payload []byte) (*TxnEnd, error) {
	r := NewReader(payload)
	e := &TxnEnd{ID: r.String(), PID: r.Int(), Epoch: int16(r.Int()), Commit: r.Bool(), Timestamp: r.Int(),
		MarkerEpoch: int16(r.Int()), NextPID: r.Int(), NextEpoch: int16(r.Int())}
	for range r.Count() {
		e.Markers = append(e.Markers, Marker{Place: readPlace(r), Offset: r.Int(), LeaderEpoch: int32(r.Int())})
	}
	for range r.Count() {
		e.Groups = append(e.Groups, r.String())
	}
	return e, r.Done()
}
