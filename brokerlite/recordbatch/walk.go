package recordbatch

import (
	"errors"
	"strconv"
)

// ErrShort says that the bytes end inside a batch. It is no damage where a size limit may cut, as in a fetch answer.
var ErrShort = errors.New("recordbatch: bytes end inside a batch")

// Next takes the first batch off bytes that hold several. It checks the length and the magic and nothing else: see
// VerifyCRC. No bytes left: (nil, nil, nil). Bytes that end inside a batch: ErrShort, with rest unchanged.
func Next(b []byte) (batch Batch, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, nil
	}
	if len(b) < PrefixBytes {
		return nil, b, ErrShort
	}
	size := Batch(b).DeclaredBytes()
	if size < HeaderBytes {
		return nil, b, corrupt("length", atLength, size-PrefixBytes, "at least "+strconv.Itoa(HeaderBytes-PrefixBytes))
	}
	if len(b) > atMagic && b[atMagic] != Magic {
		return nil, b, invalid("magic", atMagic, int64(int8(b[atMagic])), "2")
	}
	if int64(len(b)) < size {
		return nil, b, ErrShort
	}
	return Batch(b[:size:size]), b[size:], nil
}

// VerifyCRC compares the checksum with the bytes.
func (b Batch) VerifyCRC() error {
	if got, want := b.CRC(), b.ComputeCRC(); got != want {
		return corrupt("CRC", atCRC, int64(got), strconv.FormatUint(uint64(want), 10))
	}
	return nil
}
