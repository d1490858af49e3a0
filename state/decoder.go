package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// decoder reads the format; its first fault stays, and later reads give zero.
type decoder struct {
	b    []byte
	at   int
	what string
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s: byte %d: %s", errDamaged, d.what, d.at, fmt.Sprintf(format, args...))
	}
}

func (d *decoder) version() {
	if v := d.take(1); v != nil && v[0] != formatVersion {
		d.fail("version %d, this program reads %d: a newer program wrote it", v[0], formatVersion)
	}
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || len(d.b)-d.at < n {
		d.fail("want %d more bytes, have %d", n, len(d.b)-d.at)
		return nil
	}
	d.at += n
	return d.b[d.at-n : d.at]
}

func (d *decoder) varint() int64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Varint(d.b[d.at:])
	if n <= 0 {
		d.fail("want a number")
		return 0
	}
	d.at += n
	return v
}

func (d *decoder) uvarint() uint64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.b[d.at:])
	if n <= 0 {
		d.fail("want a number")
		return 0
	}
	d.at += n
	return v
}

// count reads a number of things that take at least size bytes each, so that damage cannot ask for a huge list.
func (d *decoder) count(size int) int {
	n := d.uvarint()
	if d.err == nil && n > uint64((len(d.b)-d.at)/size) {
		d.fail("a count of %d in the %d bytes that are left", n, len(d.b)-d.at)
		return 0
	}
	return int(n)
}

func (d *decoder) string() string { return string(d.take(d.count(1))) }

func (d *decoder) id() (id [16]byte) {
	copy(id[:], d.take(len(id)))
	return id
}

func (d *decoder) mark() Mark {
	m := Mark{Commit: d.varint(), Time: d.varint()}
	if p := d.take(d.count(1)); len(p) > 0 {
		m.Position = bytes.Clone(p)
	}
	m.Journal = d.applied()
	for range d.count(2) {
		m.Changelogs = append(m.Changelogs, d.applied())
	}
	return m
}

func (d *decoder) applied() Applied {
	next, epoch := d.varint(), d.varint()
	if epoch != int64(int32(epoch)) {
		d.fail("leader epoch %d", epoch)
	}
	return Applied{Next: next, Epoch: int32(epoch)}
}

func (d *decoder) end() error {
	if d.err == nil && d.at != len(d.b) {
		d.fail("%d bytes too many", len(d.b)-d.at)
	}
	return d.err
}
