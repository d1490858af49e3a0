package recordbatch

import (
	"bytes"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// compressor packs record bytes. Its writers are made at first use and kept; the answer of compress is valid until the
// next call.
type compressor struct {
	out  bytes.Buffer
	flat []byte
	gzip *gzip.Writer
	lz4  *lz4.Writer
	zstd *zstd.Encoder
}

func (c *compressor) compress(kind Compression, records []byte) ([]byte, error) {
	c.out.Reset()
	switch kind {
	case Gzip:
		if c.gzip == nil {
			c.gzip = gzip.NewWriter(nil)
		}
		c.gzip.Reset(&c.out)
		return c.drain(c.gzip, records)
	case Snappy:
		// One raw block: every reader takes it. The xerial framing of the Java clients exists to stream, and only
		// adds bytes here.
		c.flat = s2.EncodeSnappy(c.flat[:cap(c.flat)], records)
		return c.flat, nil
	case LZ4:
		if c.lz4 == nil {
			c.lz4 = lz4.NewWriter(nil)
			// 64 KiB independent blocks, which is what Kafka's own reader is written for.
			if err := c.lz4.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ConcurrencyOption(1)); err != nil {
				return nil, err
			}
		}
		c.lz4.Reset(&c.out)
		return c.drain(c.lz4, records)
	case Zstd:
		if c.zstd == nil {
			w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
			if err != nil {
				return nil, err
			}
			c.zstd = w
		}
		c.flat = c.zstd.EncodeAll(records, c.flat[:0])
		return c.flat, nil
	}
	return nil, &Fault{Kind: ErrUnsupported, What: "compression", At: atAttributes, Got: int64(kind), Want: "0 to 4"}
}

// drain writes everything through w, which ends in c.out.
func (c *compressor) drain(w interface {
	Write([]byte) (int, error)
	Close() error
}, records []byte) ([]byte, error) {
	if _, err := w.Write(records); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return c.out.Bytes(), nil
}
