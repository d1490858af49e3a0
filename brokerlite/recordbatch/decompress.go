package recordbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// decompressor unpacks record bytes and appends them to a buffer of the caller. Its readers are made at first use and
// kept.
type decompressor struct {
	in   bytes.Reader
	gzip *gzip.Reader
	lz4  *lz4.Reader
	zstd *zstd.Decoder
	// zstdLimit is the limit the zstd decoder was made with.
	zstdLimit int
}

// errOverLimit ends a decompression that would pass the limit.
var errOverLimit = errors.New("more bytes than the limit")

// decompress appends the unpacked form of packed to dst: at most limit bytes.
func (d *decompressor) decompress(kind Compression, packed, dst []byte, limit int) ([]byte, error) {
	out, err := d.unpack(kind, packed, dst, limit)
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, errOverLimit):
		return dst, &Fault{Kind: ErrTooLarge, What: "decompressed size", At: HeaderBytes, Got: int64(limit) + 1,
			Want: "at most " + strconv.Itoa(limit)}
	case errors.Is(err, ErrUnsupported):
		return dst, err
	}
	return dst, &Fault{Kind: ErrCorrupt, What: "size of the " + kind.String() + " data", At: HeaderBytes,
		Got: int64(len(packed)), Want: "readable bytes", Err: err}
}

func (d *decompressor) unpack(kind Compression, packed, dst []byte, limit int) ([]byte, error) {
	d.in.Reset(packed)
	switch kind {
	case Gzip:
		if d.gzip == nil {
			d.gzip = new(gzip.Reader)
		}
		if err := d.gzip.Reset(&d.in); err != nil {
			return nil, err
		}
		return readAll(d.gzip, dst, limit)
	case Snappy:
		return unpackSnappy(packed, dst, limit)
	case LZ4:
		if d.lz4 == nil {
			d.lz4 = lz4.NewReader(nil)
		}
		d.lz4.Reset(&d.in)
		return readAll(d.lz4, dst, limit)
	case Zstd:
		return d.unpackZstd(packed, dst, limit)
	}
	return nil, &Fault{Kind: ErrUnsupported, What: "compression", At: atAttributes, Got: int64(kind), Want: "0 to 4"}
}

// readAll appends all of r to dst and stops one byte past the limit.
func readAll(r io.Reader, dst []byte, limit int) ([]byte, error) {
	start := len(dst)
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		room := dst[len(dst):min(cap(dst), start+limit+1)]
		n, err := r.Read(room)
		dst = dst[:len(dst)+n]
		if len(dst)-start > limit {
			return nil, errOverLimit
		}
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// xerialMagic starts the framing of the Java clients: blocks of a length and a raw snappy block each, behind this and
// two version numbers.
const (
	xerialMagic       = "\x82SNAPPY\x00"
	xerialHeaderBytes = 16
)

func unpackSnappy(packed, dst []byte, limit int) ([]byte, error) {
	if len(packed) < xerialHeaderBytes || string(packed[:len(xerialMagic)]) != xerialMagic {
		return appendSnappyBlock(packed, dst, limit)
	}
	start := len(dst)
	for packed = packed[xerialHeaderBytes:]; len(packed) > 0; {
		if len(packed) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		size := int64(binary.BigEndian.Uint32(packed))
		packed = packed[4:]
		if size > int64(len(packed)) {
			return nil, io.ErrUnexpectedEOF
		}
		var err error
		if dst, err = appendSnappyBlock(packed[:size], dst, limit-(len(dst)-start)); err != nil {
			return nil, err
		}
		packed = packed[size:]
	}
	return dst, nil
}

func appendSnappyBlock(block, dst []byte, limit int) ([]byte, error) {
	n, err := s2.DecodedLen(block)
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, errOverLimit
	}
	start := len(dst)
	if cap(dst)-start < n {
		dst = append(dst, make([]byte, n)...)[:start]
	}
	out, err := s2.Decode(dst[start:start+n:start+n], block)
	if err != nil {
		return nil, err
	}
	return dst[:start+len(out)], nil
}

func (d *decompressor) unpackZstd(packed, dst []byte, limit int) ([]byte, error) {
	if d.zstd == nil || d.zstdLimit != limit {
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limit)))
		if err != nil {
			return nil, err
		}
		d.zstd, d.zstdLimit = z, limit
	}
	// The decoder counts what dst holds already against its memory, so it gets an empty slice of the free room.
	start := len(dst)
	out, err := d.zstd.DecodeAll(packed, dst[start:start:cap(dst)])
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return nil, errOverLimit
	}
	if err != nil {
		return nil, err
	}
	if len(out) > limit {
		return nil, errOverLimit
	}
	if len(out) <= cap(dst)-start { // decoded in place
		return dst[:start+len(out)], nil
	}
	return append(dst, out...), nil
}
