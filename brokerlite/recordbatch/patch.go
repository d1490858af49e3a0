package recordbatch

import "encoding/binary"

// SetBaseOffset writes the offset of the first record. It lies outside the checksum: nothing else changes (S2).
func (b Batch) SetBaseOffset(offset int64) {
	binary.BigEndian.PutUint64(b[atBaseOffset:], uint64(offset))
}

// SetLeaderEpoch writes the epoch of the appending leader. It lies outside the checksum: nothing else changes (S2).
func (b Batch) SetLeaderEpoch(epoch int32) {
	binary.BigEndian.PutUint32(b[atLeaderEpoch:], uint32(epoch))
}

// SetProducer writes the producer's fields and the checksum anew, for a batch that is sent again under another
// producer id or with another sequence.
func (b Batch) SetProducer(p Producer) {
	b.putProducer(p)
	b.seal()
}

// SetLogAppendTime makes ms the timestamp of every record, as a topic with message.timestamp.type LogAppendTime wants
// it, and writes the checksum anew. Record bytes stay as they are (S6).
func (b Batch) SetLogAppendTime(ms int64) {
	b[atAttributes+1] |= bitLogAppendTime
	binary.BigEndian.PutUint64(b[atMaxTimestamp:], uint64(ms))
	b.seal()
}

// ClearLogAppendTime removes a client's claim that the broker gave the timestamps: on a topic with CreateTime the
// topic decides, not the bit (S6). The checksum is written anew.
func (b Batch) ClearLogAppendTime() {
	b[atAttributes+1] &^= bitLogAppendTime
	b.seal()
}

func (b Batch) putProducer(p Producer) {
	attributes := b[atAttributes+1] &^ bitTransactional
	if p.Transactional {
		attributes |= bitTransactional
	}
	b[atAttributes+1] = attributes
	binary.BigEndian.PutUint64(b[atProducerID:], uint64(p.ID))
	binary.BigEndian.PutUint16(b[atProducerEpoch:], uint16(p.Epoch))
	binary.BigEndian.PutUint32(b[atBaseSequence:], uint32(p.Sequence))
}

func (b Batch) seal() { binary.BigEndian.PutUint32(b[atCRC:], b.ComputeCRC()) }
