package seglog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path"
	"strconv"
	"strings"
)

// A partition is a directory of segments. NNNNNNNNNNNNNNNNNNNN.log, named by the offset of the segment's first record,
// holds Kafka v2 batches and nothing else (docs/format/segment.md; the batch itself: package recordbatch). Beside a sealed
// one stands NNNNNNNNNNNNNNNNNNNN.index, derived from it (docs/format/index.md), in big endian numbers:
//
//	at  bytes
//	 0  8  "millidx\n"
//	 8  4  version, 1
//	12  4  CRC-32C of everything from 16 on
//	16  8  base offset
//	24  8  next offset: that of the record after the segment
//	32  8  bytes of the .log file
//	40  8  largest timestamp, -1 for none
//	48  4  number of blocks
//	52  4  number of aborted transactions
//	56     blocks of 24 bytes: offset of the first batch, its position, largest timestamp in the block
//	       aborted transactions of 24 bytes: producer id, first offset, offset of the marker
const (
	indexVersion     = 1
	indexHeaderBytes = 56
	indexEntryBytes  = 24
)

var (
	indexMagic = [8]byte{'m', 'i', 'l', 'l', 'i', 'd', 'x', '\n'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

const (
	logSuffix   = ".log"
	indexSuffix = ".index"
	// tempSuffix ends the names of files that are not finished; what a crash leaves of them goes at the next start.
	tempSuffix = ".tmp"
)

func logName(dir string, base int64) string {
	return path.Join(dir, fmt.Sprintf("%020d%s", base, logSuffix))
}

func indexName(dir string, base int64) string {
	return path.Join(dir, fmt.Sprintf("%020d%s", base, indexSuffix))
}

// parseName gives the base offset in the name of a file with this suffix.
func parseName(name, suffix string) (int64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	base, err := strconv.ParseInt(digits, 10, 64)
	return base, err == nil && base >= 0
}

// encodeIndex gives the sidecar of a segment.
func encodeIndex(base int64, x *index) []byte {
	b := make([]byte, 0, indexHeaderBytes+indexEntryBytes*(len(x.blocks)+len(x.aborted)))
	b = append(b, indexMagic[:]...)
	b = binary.BigEndian.AppendUint32(b, indexVersion)
	b = binary.BigEndian.AppendUint32(b, 0) // the checksum, below
	for _, n := range []int64{base, x.next, x.bytes, x.maxTimestamp} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(x.blocks)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(x.aborted)))
	for _, k := range x.blocks {
		for _, n := range []int64{k.offset, k.at, k.maxTimestamp} {
			b = binary.BigEndian.AppendUint64(b, uint64(n))
		}
	}
	for _, a := range x.aborted {
		for _, n := range []int64{a.ProducerID, a.First, a.Last} {
			b = binary.BigEndian.AppendUint64(b, uint64(n))
		}
	}
	binary.BigEndian.PutUint32(b[12:], crc32.Checksum(b[16:], castagnoli))
	return b
}

// decodeIndex reads a sidecar; why is "" if it can be trusted as that of the segment base, next, bytes.
func decodeIndex(b []byte, base, next, bytes int64) (x *index, why string) {
	switch {
	case len(b) < indexHeaderBytes || [8]byte(b[:8]) != indexMagic:
		return nil, "no index header"
	case binary.BigEndian.Uint32(b[8:]) != indexVersion:
		return nil, fmt.Sprintf("version %d, want %d", binary.BigEndian.Uint32(b[8:]), indexVersion)
	case binary.BigEndian.Uint32(b[12:]) != crc32.Checksum(b[16:], castagnoli):
		return nil, "wrong checksum"
	}
	number := func(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }
	if number(16) != base || number(24) != next || number(32) != bytes {
		return nil, fmt.Sprintf("it is of offsets %d to %d in %d bytes, want %d to %d in %d", number(16), number(24), number(32),
			base, next, bytes)
	}
	blocks, aborted := int64(binary.BigEndian.Uint32(b[48:])), int64(binary.BigEndian.Uint32(b[52:]))
	if int64(len(b)) != indexHeaderBytes+indexEntryBytes*(blocks+aborted) {
		return nil, fmt.Sprintf("%d bytes, want %d entries", len(b), blocks+aborted)
	}
	x = &index{next: next, bytes: bytes, maxTimestamp: number(40)}
	at := indexHeaderBytes
	for range blocks {
		x.blocks = append(x.blocks, block{offset: number(at), at: number(at + 8), maxTimestamp: number(at + 16)})
		at += indexEntryBytes
	}
	for range aborted {
		x.aborted = append(x.aborted, Aborted{ProducerID: number(at), First: number(at + 8), Last: number(at + 16)})
		at += indexEntryBytes
	}
	return x, ""
}
