package processor

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"github.com/millrun/millrun/internal/decl"
)

// ID gives a new identifier, another one at each call, and the same ones at retry, restart and rebuild: it is made of
// application, processor, stream, partition, offset and a counter. It has the form of a UUID (version 8).
//
// A record of an internal stream stands at another offset after a rebuild if several tasks write that stream: what must
// outlast a rebuild takes its ID where the record came in, and carries it along.
func (c Context) ID() string {
	r := c.live()
	if r == nil {
		return ""
	}
	r.IDs++
	sum := origin(r, "id", r.IDs)
	sum[6] = sum[6]&0x0f | 0x80 // version 8: made by a rule of our own
	sum[8] = sum[8]&0x3f | 0x80 // the variant of RFC 9562
	var out [36]byte
	hex.Encode(out[0:8], sum[0:4])
	hex.Encode(out[9:13], sum[4:6])
	hex.Encode(out[14:18], sum[6:8])
	hex.Encode(out[19:23], sum[8:10])
	hex.Encode(out[24:36], sum[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// Rand gives a source of chance that is seeded by the record's position, so it gives the same numbers at retry, restart and
// rebuild (of records of an internal stream see ID). One handler call gets one source, which is not for security. nil when
// the handler has returned.
func (c Context) Rand() *rand.Rand {
	r := c.live()
	if r == nil {
		return nil
	}
	if r.Rand == nil {
		sum := origin(r, "rand", 0)
		r.Rand = rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[0:]), binary.BigEndian.Uint64(sum[8:])))
	}
	return r.Rand
}

// origin hashes where a record came from. The stream counts by its declared name, because the topic of an internal stream
// changes with the edition. The fields of text end with a zero byte, which no name holds, so no two origins run together.
func origin(r *decl.Run, use string, n int) [sha256.Size]byte {
	var buf [256]byte
	b := buf[:0]
	for _, s := range [...]string{"millrun", use, r.App, r.Processor, r.Stream.Name} {
		b = append(append(b, s...), 0)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(r.Meta.Partition.Index))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Meta.Offset))
	b = binary.BigEndian.AppendUint64(b, uint64(n))
	return sha256.Sum256(b)
}
