package recordbatch

// A batch is a header of HeaderBytes and then its records, compressed together or not. All numbers are big endian.
//
//	at  bytes
//	 0  8  base offset            outside the checksum
//	 8  4  length of what follows outside the checksum
//	12  4  leader epoch           outside the checksum
//	16  1  magic, 2               outside the checksum
//	17  4  CRC-32C of everything from the attributes to the end
//	21  2  attributes
//	23  4  last offset delta
//	27  8  base timestamp
//	35  8  max timestamp
//	43  8  producer id
//	51  2  producer epoch
//	53  4  base sequence
//	57  4  record count
//	61     records
const (
	// HeaderBytes is the size of a batch without its records.
	HeaderBytes = 61
	// PrefixBytes is what must be read to know the size of a batch: base offset and length.
	PrefixBytes = 12
	// Magic is the only version this package reads and writes.
	Magic = 2

	atBaseOffset      = 0
	atLength          = 8
	atLeaderEpoch     = 12
	atMagic           = 16
	atCRC             = 17
	atAttributes      = 21
	atLastOffsetDelta = 23
	atBaseTimestamp   = 27
	atMaxTimestamp    = 35
	atProducerID      = 43
	atProducerEpoch   = 51
	atBaseSequence    = 53
	atCount           = 57
)

// The bits of the attributes. Bits above 6 are not assigned.
const (
	compressionMask  = 0x07
	bitLogAppendTime = 1 << 3
	bitTransactional = 1 << 4
	bitControl       = 1 << 5
	bitDeleteHorizon = 1 << 6
	knownAttributes  = 0x7f
)

// minRecordBytes is the smallest record: its length, attributes, two deltas, two lengths and a header count, one byte
// each. It bounds how many records a number of bytes can hold.
const minRecordBytes = 7
