package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path"
	"strconv"
	"strings"
)

// The bytes of a log; docs/format/wal.md has them with an example. All numbers are big endian.
//
// A file is a header block and rounds; each begins at a multiple of blockBytes.
//
//	at  bytes   file header
//	 0  8  "millrun\n"
//	 8  4  version, 1
//	12  4  flags: bit 0, the log syncs each round
//	16  8  number, that of the file's name
//	24  8  salt
//	32  8  after: the last LSN in the files before
//	40  8  synced: the last LSN known to be durable when the file began
//	48  4  CRC-32C of the bytes before
//
//	at  bytes   round header
//	 0  4  "RND1"
//	 4  4  flags, as in the file header
//	 8  8  salt of the file
//	16  8  previous: the last LSN of the round before
//	24  8  first LSN
//	32  8  last LSN
//	40  8  synced: the last LSN known to be durable when the round was formed
//	48  4  number of records
//	52  4  bytes of records
//	56  4  CRC-32C of the salt and the records
//	60  4  CRC-32C of the salt and the header up to here
//
//	at  bytes   record, one behind the other
//	 0  4  bytes of payload
//	 4  4  LSN minus the round's first
//	 8  1  kind
//	 9     payload
const (
	version          = 1
	blockBytes       = 4096
	fileHeaderBytes  = 52
	roundHeaderBytes = 64
	recordBytes      = 9

	flagSyncs = 1
)

var (
	fileMagic  = [8]byte{'m', 'i', 'l', 'l', 'r', 'u', 'n', '\n'}
	roundMagic = [4]byte{'R', 'N', 'D', '1'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

const (
	fileSuffix = ".wal"
	freeSuffix = ".free"
	spareName  = "spare"
)

func fileName(dir string, number uint64) string {
	return path.Join(dir, fmt.Sprintf("%020d%s", number, fileSuffix))
}

func freeName(dir string, number uint64) string {
	return path.Join(dir, fmt.Sprintf("%020d%s", number, freeSuffix))
}

// parseName gives the number in a name such as 00000000000000000007.wal.
func parseName(name, suffix string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, err == nil
}

// fileHeader is the first block of a file.
type fileHeader struct {
	flags  uint32
	number uint64
	salt   uint64
	after  LSN
	synced LSN
}

func (h fileHeader) encode() []byte {
	b := make([]byte, blockBytes)
	copy(b, fileMagic[:])
	binary.BigEndian.PutUint32(b[8:], version)
	binary.BigEndian.PutUint32(b[12:], h.flags)
	binary.BigEndian.PutUint64(b[16:], h.number)
	binary.BigEndian.PutUint64(b[24:], h.salt)
	binary.BigEndian.PutUint64(b[32:], uint64(h.after))
	binary.BigEndian.PutUint64(b[40:], uint64(h.synced))
	binary.BigEndian.PutUint32(b[48:], crc32.Checksum(b[:48], castagnoli))
	return b
}

// VersionError is the error for a file of a format this program does not know. Nothing was changed.
type VersionError struct {
	File    string
	Version uint32
}

// Error names the file, its version and what this program can read.
func (e *VersionError) Error() string {
	return fmt.Sprintf("wal: %s: format version %d; this program reads version %d: use the Millrun that wrote it, or a newer one",
		e.File, e.Version, version)
}

// parseFileHeader reads a header block. ok is false for anything but an intact header; an intact header of another
// version is a *VersionError.
func parseFileHeader(name string, b []byte) (h fileHeader, ok bool, err error) {
	if len(b) < fileHeaderBytes || [8]byte(b[:8]) != fileMagic ||
		binary.BigEndian.Uint32(b[48:]) != crc32.Checksum(b[:48], castagnoli) {
		return fileHeader{}, false, nil
	}
	if v := binary.BigEndian.Uint32(b[8:]); v != version {
		return fileHeader{}, false, &VersionError{File: name, Version: v}
	}
	return fileHeader{
		flags:  binary.BigEndian.Uint32(b[12:]),
		number: binary.BigEndian.Uint64(b[16:]),
		salt:   binary.BigEndian.Uint64(b[24:]),
		after:  LSN(binary.BigEndian.Uint64(b[32:])),
		synced: LSN(binary.BigEndian.Uint64(b[40:])),
	}, true, nil
}

// roundHeader stands before the records of a round.
type roundHeader struct {
	flags                         uint32
	salt                          uint64
	previous, first, last, synced LSN
	count, length                 uint32
	recordsCRC                    uint32
}

// seal writes the header before the records in b, whose first roundHeaderBytes are free for it.
func (h roundHeader) seal(b []byte) {
	copy(b, roundMagic[:])
	binary.BigEndian.PutUint32(b[4:], h.flags)
	binary.BigEndian.PutUint64(b[8:], h.salt)
	binary.BigEndian.PutUint64(b[16:], uint64(h.previous))
	binary.BigEndian.PutUint64(b[24:], uint64(h.first))
	binary.BigEndian.PutUint64(b[32:], uint64(h.last))
	binary.BigEndian.PutUint64(b[40:], uint64(h.synced))
	binary.BigEndian.PutUint32(b[48:], h.count)
	binary.BigEndian.PutUint32(b[52:], h.length)
	binary.BigEndian.PutUint32(b[56:], checksum(b[8:16], b[roundHeaderBytes:roundHeaderBytes+int(h.length)]))
	binary.BigEndian.PutUint32(b[60:], checksum(b[8:16], b[:60]))
}

// parseRoundHeader reads a header that is intact under its own salt and consistent in itself; the caller compares the
// salt with that of the file.
func parseRoundHeader(b []byte) (h roundHeader, ok bool) {
	if len(b) < roundHeaderBytes || [4]byte(b[:4]) != roundMagic ||
		binary.BigEndian.Uint32(b[60:]) != checksum(b[8:16], b[:60]) {
		return roundHeader{}, false
	}
	h = roundHeader{
		flags:      binary.BigEndian.Uint32(b[4:]),
		salt:       binary.BigEndian.Uint64(b[8:]),
		previous:   LSN(binary.BigEndian.Uint64(b[16:])),
		first:      LSN(binary.BigEndian.Uint64(b[24:])),
		last:       LSN(binary.BigEndian.Uint64(b[32:])),
		synced:     LSN(binary.BigEndian.Uint64(b[40:])),
		count:      binary.BigEndian.Uint32(b[48:]),
		length:     binary.BigEndian.Uint32(b[52:]),
		recordsCRC: binary.BigEndian.Uint32(b[56:]),
	}
	return h, h.previous < h.first && h.first <= h.last && h.synced <= h.previous && h.count > 0
}

// size is what the round takes in the file.
func (h roundHeader) size() int64 { return roundUp(roundHeaderBytes + int64(h.length)) }

// checksum is CRC-32C seeded with the salt, so that no stale round of a recycled file passes.
func checksum(salt, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(salt, castagnoli), castagnoli, b)
}

func roundUp(n int64) int64 { return (n + blockBytes - 1) / blockBytes * blockBytes }

// appendRecord adds a record to the records of a round that begins at first.
func appendRecord(b []byte, first, lsn LSN, kind byte, payload ...[]byte) []byte {
	n := 0
	for _, p := range payload {
		n += len(p)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = binary.BigEndian.AppendUint32(b, uint32(lsn-first))
	b = append(b, kind)
	for _, p := range payload {
		b = append(b, p...)
	}
	return b
}

// takeRecord reads the first record of b; ok is false if b is not one.
func takeRecord(b []byte, first LSN) (lsn LSN, kind byte, payload, rest []byte, ok bool) {
	if len(b) < recordBytes {
		return 0, 0, nil, nil, false
	}
	n := int64(binary.BigEndian.Uint32(b))
	if n > int64(len(b)-recordBytes) {
		return 0, 0, nil, nil, false
	}
	end := recordBytes + int(n)
	return first + LSN(binary.BigEndian.Uint32(b[4:])), b[8], b[recordBytes:end:end], b[end:], true
}
