package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// Digest is a fingerprint of a table's entries that does not depend on their order. Compare with ==.
type Digest struct {
	Sum     [16]byte // of the hashes of (key, value), two sums of 64 bits, big endian
	Entries int64
}

// Digest computes the digest of one table by a scan, as of the call (S-31). Keeping it with each write would turn every blind
// Put into a read.
//
// Each entry is hashed by itself and the hashes are added. Adding needs a hash that mixes well: with FNV, two keys that have
// swapped their values give the same sum half of the time. So it is SHA-256.
func (s *Store) Digest(table int) (Digest, error) {
	var (
		d        Digest
		high, lo uint64
		entry    []byte
	)
	err := s.Scan(table, nil, nil, func(key, value []byte) bool {
		entry = appendBytes(entry[:0], key)
		entry = append(entry, value...)
		sum := sha256.Sum256(entry)
		high += binary.BigEndian.Uint64(sum[:])
		lo += binary.BigEndian.Uint64(sum[8:])
		d.Entries++
		return true
	})
	if err != nil {
		return Digest{}, err
	}
	binary.BigEndian.PutUint64(d.Sum[:], high)
	binary.BigEndian.PutUint64(d.Sum[8:], lo)
	return d, nil
}

// Diff walks the same table of two stores in order and calls yield for each key whose values differ, until it returns false;
// a nil value: absent. Values in two versions of a schema are equal if TableConfig.Same says so. It shows each as of the call. Both must have been opened with the same sort form for the table. The
// bytes are valid in the call of yield.
func Diff(a, b *Store, table int, yield func(key, inA, inB []byte) bool) error {
	wa, err := a.Cursor(table, nil, nil)
	if err != nil {
		return err
	}
	defer wa.Close() // if yield panics; else it is closed below, with its fault
	wb, err := b.Cursor(table, nil, nil)
	if err != nil {
		return err
	}
	defer wb.Close()
	okA, okB := wa.Next(), wb.Next()
	for more := true; more && (okA || okB); {
		order := bytes.Compare(wa.key, wb.key)
		switch {
		case !okB || okA && order < 0:
			more = yield(wa.Key(), wa.value, nil)
			okA = wa.Next()
		case !okA || order > 0:
			more = yield(wb.Key(), nil, wb.value)
			okB = wb.Next()
		default:
			if !bytes.Equal(wa.value, wb.value) && !wb.t.means(wb.value, wa.value) {
				more = yield(wa.Key(), wa.value, wb.value)
			}
			okA, okB = wa.Next(), wb.Next()
		}
	}
	if err := wa.Close(); err != nil {
		return err
	}
	return wb.Close()
}

// means tells whether two entries with different bytes hold equal values.
func (t *table) means(a, b []byte) bool { return t.same != nil && t.same(a, b) }
