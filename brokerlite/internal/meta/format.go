package meta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A snapshot file is a head of 24 bytes, all numbers big-endian, and the body:
//
//	 0  8  "MILLMETA"
//	 8  4  version of the format
//	12  4  CRC-32C of the body
//	16  8  bytes of the body
//	24     the body: see Snapshot
const (
	magic     = "MILLMETA"
	Version   = 1 // of the snapshot format and of the records
	headBytes = 24
)

// ErrDamaged says that bytes on the disk are not what was written.
var ErrDamaged = errors.New("meta: damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode gives the bytes of a snapshot file.
func (s *Snapshot) Encode() []byte {
	body := s.body()
	b := make([]byte, headBytes, headBytes+len(body))
	copy(b, magic)
	binary.BigEndian.PutUint32(b[8:], Version)
	binary.BigEndian.PutUint32(b[12:], crc32.Checksum(body, castagnoli))
	binary.BigEndian.PutUint64(b[16:], uint64(len(body)))
	return append(b, body...)
}

// Decode reads the bytes of a snapshot file. Bytes that are not what Encode gave wrap ErrDamaged and name the byte; a
// version that this program does not know is another error.
func Decode(b []byte) (*Snapshot, error) {
	if len(b) < headBytes {
		return nil, fmt.Errorf("%w: %d bytes, want a head of %d", ErrDamaged, len(b), headBytes)
	}
	if string(b[:8]) != magic {
		return nil, fmt.Errorf("%w: at byte 0: %q, want %q", ErrDamaged, b[:8], magic)
	}
	if v := binary.BigEndian.Uint32(b[8:]); v != Version {
		return nil, fmt.Errorf("meta: format version %d, this program reads %d: use the program that wrote it", v, Version)
	}
	body := b[headBytes:]
	if n := binary.BigEndian.Uint64(b[16:]); n != uint64(len(body)) {
		return nil, fmt.Errorf("%w: at byte 16: body of %d bytes, want the %d that follow", ErrDamaged, n, len(body))
	}
	if want, got := binary.BigEndian.Uint32(b[12:]), crc32.Checksum(body, castagnoli); got != want {
		return nil, fmt.Errorf("%w: at byte 12: CRC is %08x, the body has %08x", ErrDamaged, want, got)
	}
	s, err := readSnapshotBody(body)
	if err != nil {
		return nil, fmt.Errorf("%w: body %w", ErrDamaged, err)
	}
	return s, nil
}
