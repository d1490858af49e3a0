package recordbatch

import "math/bits"

// Numbers inside a record are zigzag varints, as in Protocol Buffers: small numbers of either sign are short.

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// uvarintBytes is the encoded size of u, 1 to 10.
func uvarintBytes(u uint64) int { return (bits.Len64(u|1) + 6) / 7 }

func varintBytes(v int64) int { return uvarintBytes(zigzag(v)) }

func appendVarint(b []byte, v int64) []byte {
	u := zigzag(v)
	for u >= 0x80 {
		b = append(b, byte(u)|0x80)
		u >>= 7
	}
	return append(b, byte(u))
}

// readVarint reads at b[i:] and gives the position after the number; -1 if the bytes end in it or it is longer than 64
// bits. A number written with more bytes than it needs is taken, as other readers take it.
func readVarint(b []byte, i int) (int64, int) {
	var u uint64
	for shift := uint(0); shift < 70; shift += 7 {
		if uint(i) >= uint(len(b)) {
			return 0, -1
		}
		c := b[i]
		i++
		if shift == 63 && c > 1 {
			return 0, -1
		}
		u |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return unzigzag(u), i
		}
	}
	return 0, -1
}
