package recordbatch

import (
	"encoding/binary"
	"math"
)

// Encoder builds one batch after another: Begin, Append for each record, End. Its zero value is ready. One goroutine;
// buffers are kept and used again, so encoding allocates nothing per record.
//
//	start <= len(buf); from start on buf holds room for the header and the records so far, not yet compressed
type Encoder struct {
	buf           []byte
	start         int
	count         int32
	baseTimestamp int64
	maxTimestamp  int64
	compression   Compression
	compressor    compressor
}

// Begin starts a batch at the end of dst, which the Encoder owns until End. It drops a batch begun before.
func (e *Encoder) Begin(dst []byte, c Compression) {
	e.start = len(dst)
	e.buf = append(dst, emptyHeader[:]...)
	e.count = 0
	e.baseTimestamp = 0
	e.maxTimestamp = math.MinInt64
	e.compression = c
}

var emptyHeader [HeaderBytes]byte

// Append adds a record and copies its bytes. timestamp is in ms, -1 for none. The offset delta is the record's place in
// the batch.
func (e *Encoder) Append(key, value []byte, headers []Header, timestamp int64) {
	if e.count == 0 {
		e.baseTimestamp = timestamp
	}
	e.maxTimestamp = max(e.maxTimestamp, timestamp)
	timeDelta, offsetDelta := timestamp-e.baseTimestamp, int64(e.count)
	e.count++

	size := 1 + varintBytes(timeDelta) + varintBytes(offsetDelta) + bytesBytes(key) + bytesBytes(value) +
		varintBytes(int64(len(headers)))
	for i := range headers {
		size += varintBytes(int64(len(headers[i].Key))) + len(headers[i].Key) + bytesBytes(headers[i].Value)
	}

	b := appendVarint(e.buf, int64(size))
	b = append(b, 0) // attributes: none are defined
	b = appendVarint(b, timeDelta)
	b = appendVarint(b, offsetDelta)
	b = appendBytes(b, key)
	b = appendBytes(b, value)
	b = appendVarint(b, int64(len(headers)))
	for i := range headers {
		b = appendVarint(b, int64(len(headers[i].Key)))
		b = append(b, headers[i].Key...)
		b = appendBytes(b, headers[i].Value)
	}
	e.buf = b
}

// Count is the number of records since Begin.
func (e *Encoder) Count() int { return int(e.count) }

// Len is the size of the batch so far, header included, before compression.
func (e *Encoder) Len() int { return len(e.buf) - e.start }

// MaxRecordBytes is the most a record can add to a batch, cheap to know before it is appended.
func MaxRecordBytes(key, value []byte, headers []Header) int {
	const fixed = 5 + 1 + 10 + 5 + 5 + 5 + 5 // length, attributes, two deltas, two lengths, header count
	n := fixed + len(key) + len(value)
	for i := range headers {
		n += 5 + len(headers[i].Key) + 5 + len(headers[i].Value)
	}
	return n
}

// End compresses the records if that makes them smaller, writes the header and gives dst back with the batch appended.
// The base offset is 0 and the leader epoch -1. A batch without records is ErrInvalid.
func (e *Encoder) End(p Producer) ([]byte, error) {
	if e.count == 0 {
		return e.Abandon(), invalid("record count", atCount, 0, "at least 1")
	}
	if size := e.Len(); size > math.MaxInt32 {
		return e.Abandon(), &Fault{Kind: ErrTooLarge, What: "size", Got: int64(size), Want: "at most 2147483647"}
	}
	if e.compression != None {
		if err := e.compress(); err != nil {
			return e.Abandon(), err
		}
	}
	return e.finish(p), nil
}

// Abandon drops the batch and gives dst back as Begin got it.
func (e *Encoder) Abandon() []byte {
	buf := e.buf[:e.start]
	e.buf, e.start, e.count = nil, 0, 0
	return buf
}

// compress replaces the records by their compressed form, unless that is no gain.
func (e *Encoder) compress() error {
	records := e.buf[e.start+HeaderBytes:]
	packed, err := e.compressor.compress(e.compression, records)
	if err != nil {
		return err
	}
	if len(packed) >= len(records) {
		e.compression = None
		return nil
	}
	e.buf = append(e.buf[:e.start+HeaderBytes], packed...)
	return nil
}

// finish writes the header.
func (e *Encoder) finish(p Producer) []byte {
	b := Batch(e.buf[e.start:])
	b.SetBaseOffset(0)
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-PrefixBytes))
	b.SetLeaderEpoch(-1)
	b[atMagic] = Magic
	binary.BigEndian.PutUint16(b[atAttributes:], uint16(e.compression))
	binary.BigEndian.PutUint32(b[atLastOffsetDelta:], uint32(e.count-1))
	binary.BigEndian.PutUint64(b[atBaseTimestamp:], uint64(e.baseTimestamp))
	binary.BigEndian.PutUint64(b[atMaxTimestamp:], uint64(e.maxTimestamp))
	binary.BigEndian.PutUint32(b[atCount:], uint32(e.count))
	b.putProducer(p)
	b.seal()
	buf := e.buf
	e.buf, e.start, e.count = nil, 0, 0
	return buf
}

// bytesBytes is the encoded size of a byte string with its length; nil has length -1.
func bytesBytes(b []byte) int {
	if b == nil {
		return 1
	}
	return varintBytes(int64(len(b))) + len(b)
}

func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 1) // zigzag of -1
	}
	return append(appendVarint(dst, int64(len(b))), b...)
}

// SingleBytes is the size of a batch that holds this record alone, not compressed. Whoever may not exceed a limit asks
// before the record goes into a batch with others.
func SingleBytes(key, value []byte, headers []Header) int {
	size := 1 + 1 + 1 + bytesBytes(key) + bytesBytes(value) + varintBytes(int64(len(headers)))
	for i := range headers {
		size += varintBytes(int64(len(headers[i].Key))) + len(headers[i].Key) + bytesBytes(headers[i].Value)
	}
	return HeaderBytes + varintBytes(int64(size)) + size
}
