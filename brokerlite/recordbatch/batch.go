package recordbatch

import (
	"encoding/binary"
	"hash/crc32"
)

// Batch is the bytes of exactly one batch. Next and Check make one; the accessors below read single header fields and
// need at least HeaderBytes bytes, but trust nothing else. A Batch is a view: it borrows the bytes it was made from.
type Batch []byte

// BaseOffset is the offset of the first record the batch was made with, 0 as a producer sends it.
func (b Batch) BaseOffset() int64 { return int64(binary.BigEndian.Uint64(b[atBaseOffset:])) }

// DeclaredBytes is the size of the whole batch as its length field says it. For the Batch that Next or Check gave it
// equals len(b).
func (b Batch) DeclaredBytes() int64 {
	return PrefixBytes + int64(int32(binary.BigEndian.Uint32(b[atLength:])))
}

// LeaderEpoch is the epoch of the leader that appended the batch. What a producer puts there means nothing (S1).
func (b Batch) LeaderEpoch() int32 { return int32(binary.BigEndian.Uint32(b[atLeaderEpoch:])) }

// Magic is the version of the format: 2 for a batch this package can read.
func (b Batch) Magic() int8 { return int8(b[atMagic]) }

// CRC is the checksum written in the header.
func (b Batch) CRC() uint32 { return binary.BigEndian.Uint32(b[atCRC:]) }

// ComputeCRC is the checksum the bytes have: CRC-32C from the attributes to the end.
func (b Batch) ComputeCRC() uint32 { return crc32.Checksum(b[atAttributes:], castagnoli) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Attributes are the raw flag bits; the methods below name each.
func (b Batch) Attributes() int16 { return int16(binary.BigEndian.Uint16(b[atAttributes:])) }

// Compression says how the records are compressed.
func (b Batch) Compression() Compression { return Compression(b[atAttributes+1] & compressionMask) }

// LogAppendTime says that every record has the timestamp MaxTimestamp, given by the broker (S6).
func (b Batch) LogAppendTime() bool { return b[atAttributes+1]&bitLogAppendTime != 0 }

// Transactional says that the records count only if their transaction commits.
func (b Batch) Transactional() bool { return b[atAttributes+1]&bitTransactional != 0 }

// Control says that the batch is a marker and no user's data (S12).
func (b Batch) Control() bool { return b[atAttributes+1]&bitControl != 0 }

// DeleteHorizon says that the base timestamp is the time after which compaction may drop the batch's tombstones
// (KIP-534). Record timestamps stay relative to that field.
func (b Batch) DeleteHorizon() bool { return b[atAttributes+1]&bitDeleteHorizon != 0 }

// LastOffsetDelta is the distance from BaseOffset to LastOffset. Compaction keeps it, whatever it removes.
func (b Batch) LastOffsetDelta() int32 {
	return int32(binary.BigEndian.Uint32(b[atLastOffsetDelta:]))
}

// LastOffset is the last offset the batch occupies, if no longer by a record then by its range.
func (b Batch) LastOffset() int64 { return b.BaseOffset() + int64(b.LastOffsetDelta()) }

// NextOffset is the offset after the batch: where to read on.
func (b Batch) NextOffset() int64 { return b.LastOffset() + 1 }

// BaseTimestamp is what record timestamps are relative to, in ms.
func (b Batch) BaseTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[atBaseTimestamp:])) }

// MaxTimestamp is the highest timestamp of the records in ms, -1 if none has one; with LogAppendTime it is the time of
// the append.
func (b Batch) MaxTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[atMaxTimestamp:])) }

// ProducerID is -1 for a producer that is neither idempotent nor transactional.
func (b Batch) ProducerID() int64 { return int64(binary.BigEndian.Uint64(b[atProducerID:])) }

// ProducerEpoch is -1 without a producer id.
func (b Batch) ProducerEpoch() int16 { return int16(binary.BigEndian.Uint16(b[atProducerEpoch:])) }

// BaseSequence is the sequence number of the first record, -1 without a producer id and in markers.
func (b Batch) BaseSequence() int32 { return int32(binary.BigEndian.Uint32(b[atBaseSequence:])) }

// LastSequence is the sequence number of the last record; numbers wrap from 2147483647 to 0 (S7). -1 without a base
// sequence.
func (b Batch) LastSequence() int32 {
	base := b.BaseSequence()
	if base < 0 {
		return -1
	}
	return AddSequence(base, b.LastOffsetDelta())
}

// AddSequence is the sequence number n records after sequence; the space has 2^31 values.
func AddSequence(sequence, n int32) int32 {
	return int32((int64(sequence) + int64(n)) & 0x7fffffff)
}

// Count is the number of records in the batch: less than the offsets it spans where compaction has removed some.
func (b Batch) Count() int32 { return int32(binary.BigEndian.Uint32(b[atCount:])) }

// RecordBytes are the bytes after the header: records as they are, or compressed together.
func (b Batch) RecordBytes() []byte { return b[HeaderBytes:] }
