package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/internal/schema"
)

// The bytes of a store, as docs/format/state.md shows them. A change here needs a new version number.
const (
	formatVersion = 1

	// First byte of every key in LevelDB. Entries start with another byte than what the store keeps for itself, so no key of
	// a user can equal an internal one.
	internalPrefix = 0x00
	tablePrefix    = 0x01
	prefixBytes    = 3 // tablePrefix and the table's number, big endian

	maxTables = 1<<16 - 2 // so that every table has a next prefix
)

var (
	markKey      = []byte{internalPrefix, 'm'}
	barrierMagic = [8]byte{'m', 'i', 'l', 'l', 'r', 'u', 'n', 'S'}
	castagnoli   = crc32.MakeTable(crc32.Castagnoli)
)

// appendPrefix appends what all keys of a table start with.
func appendPrefix(dst []byte, table int) []byte {
	return binary.BigEndian.AppendUint16(append(dst, tablePrefix), uint16(table))
}

// valueOf gives what a table's user sees of a value in LevelDB, which is an entry of internal/schema: the entry, or the value
// in it where the table has no schemas.
func (t *table) valueOf(stored []byte) ([]byte, error) {
	name, value, err := cutEntry(stored)
	switch {
	case err != nil:
		return nil, err
	case t.schemas:
		return stored, nil
	case name != nil:
		return nil, fmt.Errorf("%w: it is %q, and this program declares the table without schemas", codec.ErrSchema, name)
	}
	return value, nil
}

func cutEntry(stored []byte) (name, value []byte, err error) {
	name, value, err = schema.Cut(stored)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: a value is %w, want %02x or %02x: a newer program may have written it", errDamaged, err, schema.Plain, schema.Named)
	}
	return name, value, nil
}

// errDamaged marks contents that no version of this format has.
var errDamaged = errors.New("state: damaged store")

// inner is the internal record: the mark of the batch that wrote it, and the number of that batch since the store was made.
type inner struct {
	batch uint64
	mark  Mark
}

func appendInner(dst []byte, in *inner) []byte {
	dst = append(dst, formatVersion)
	dst = binary.AppendUvarint(dst, in.batch)
	return appendMark(dst, &in.mark)
}

func parseInner(b []byte) (inner, error) {
	d := decoder{b: b, what: "mark"}
	d.version()
	in := inner{batch: d.uvarint(), mark: d.mark()}
	return in, d.end()
}

func appendMark(dst []byte, m *Mark) []byte {
	dst = binary.AppendVarint(dst, m.Commit)
	dst = binary.AppendVarint(dst, m.Time)
	dst = appendBytes(dst, m.Position)
	dst = appendApplied(dst, m.Journal)
	dst = binary.AppendUvarint(dst, uint64(len(m.Changelogs)))
	for _, a := range m.Changelogs {
		dst = appendApplied(dst, a)
	}
	return dst
}

func appendApplied(dst []byte, a Applied) []byte {
	return binary.AppendVarint(binary.AppendVarint(dst, a.Next), int64(a.Epoch))
}

func appendBytes[B []byte | string](dst []byte, b B) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// barrier is the contents of the barrier file: what the store is, and what of it is surely on disk.
type barrier struct {
	identity Identity
	tables   []string
	inner    inner
}

// appendBarrier: magic, version, body, CRC32-C of all before it.
func appendBarrier(dst []byte, b *barrier) []byte {
	start := len(dst)
	dst = append(append(dst, barrierMagic[:]...), formatVersion)
	dst = appendBytes(dst, b.identity.ClusterID)
	dst = append(dst, b.identity.Journal[:]...)
	dst = binary.AppendUvarint(dst, uint64(len(b.identity.Changelogs)))
	for _, id := range b.identity.Changelogs {
		dst = append(dst, id[:]...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.tables)))
	for _, name := range b.tables {
		dst = appendBytes(dst, name)
	}
	dst = binary.AppendUvarint(dst, b.inner.batch)
	dst = appendMark(dst, &b.inner.mark)
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

func parseBarrier(b []byte) (barrier, error) {
	if len(b) < len(barrierMagic)+1+4 || string(b[:len(barrierMagic)]) != string(barrierMagic[:]) {
		return barrier{}, fmt.Errorf("%w: barrier file of %d bytes does not start with %q", errDamaged, len(b), barrierMagic)
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if have := crc32.Checksum(body, castagnoli); have != sum {
		return barrier{}, fmt.Errorf("%w: barrier file has checksum %08x, its bytes give %08x", errDamaged, sum, have)
	}
	d := decoder{b: body, at: len(barrierMagic), what: "barrier file"}
	d.version()
	var out barrier
	out.identity.ClusterID = d.string()
	out.identity.Journal = d.id()
	for range d.count(16) {
		out.identity.Changelogs = append(out.identity.Changelogs, d.id())
	}
	for range d.count(1) {
		out.tables = append(out.tables, d.string())
	}
	out.inner = inner{batch: d.uvarint(), mark: d.mark()}
	return out, d.end()
}
