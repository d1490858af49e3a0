package journal

import (
	"encoding/binary"
	"fmt"
)

// The first byte of every value. A position with copies has a version of its own: a program that does not know them would go on
// with less than the task had read.
const (
	version       = 1
	versionCopies = 2
)

// AppendPosition appends the value of a position record: version, then commit, stream time, orders and the number of inputs
// as varints, then each input as a length-prefixed name and its next offset. Copies follow, if there are any, in the same way:
// their number, then table, topic id and next offset of each.
func AppendPosition(dst []byte, p *Position) []byte {
	if len(p.Copies) > 0 {
		dst = append(dst, versionCopies)
	} else {
		dst = append(dst, version)
	}
	dst = binary.AppendVarint(dst, p.Commit)
	dst = binary.AppendVarint(dst, p.StreamTime)
	dst = binary.AppendVarint(dst, p.Orders)
	dst = binary.AppendUvarint(dst, uint64(len(p.Inputs)))
	for _, in := range p.Inputs {
		dst = appendString(dst, in.Stream)
		dst = binary.AppendVarint(dst, in.Next)
	}
	if len(p.Copies) == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.Copies)))
	for _, c := range p.Copies {
		dst = appendString(dst, c.Table)
		dst = append(dst, c.Topic[:]...)
		dst = binary.AppendVarint(dst, c.Next)
	}
	return dst
}

// ParsePosition reads what AppendPosition wrote.
func ParsePosition(b []byte) (Position, error) {
	d := decoder{b: b, what: "position"}
	v := d.versionUpTo(versionCopies)
	p := Position{Commit: d.varint(), StreamTime: d.varint(), Orders: d.varint()}
	for range d.count(2) {
		p.Inputs = append(p.Inputs, Input{Stream: d.string(), Next: d.varint()})
	}
	if v == versionCopies {
		for range d.count(18) {
			p.Copies = append(p.Copies, Copy{Table: d.string(), Topic: d.id(), Next: d.varint()})
		}
	}
	return p, d.end()
}

// AppendOrder appends the value of an order entry: version, the inputs with their start, then the runs (input, distance from
// the input's previous point) and the decisions (input, offset from the start, kind, reason), all as varints.
func AppendOrder(dst []byte, o *Order) []byte {
	dst = append(dst, version)
	dst = binary.AppendUvarint(dst, uint64(len(o.Names)))
	at := make([]int64, len(o.Names))
	for i, name := range o.Names {
		dst = appendString(dst, name)
		dst = binary.AppendVarint(dst, o.From[i])
		at[i] = o.From[i]
	}
	dst = binary.AppendUvarint(dst, uint64(len(o.Runs)))
	for _, r := range o.Runs {
		dst = binary.AppendUvarint(dst, uint64(r.Input))
		dst = binary.AppendVarint(dst, r.UpTo-at[r.Input])
		at[r.Input] = r.UpTo
	}
	dst = binary.AppendUvarint(dst, uint64(len(o.Decisions)))
	for _, x := range o.Decisions {
		dst = binary.AppendUvarint(dst, uint64(x.Input))
		dst = binary.AppendVarint(dst, x.Offset-o.From[x.Input])
		dst = append(dst, byte(x.Kind))
		dst = appendString(dst, x.Reason)
	}
	return dst
}

func parseOrder(number int64, b []byte) (Order, error) {
	d := decoder{b: b, what: fmt.Sprintf("order entry %d", number)}
	d.version()
	o := Order{Number: number}
	for range d.count(2) {
		o.Names = append(o.Names, d.string())
		o.From = append(o.From, d.varint())
	}
	at := append([]int64(nil), o.From...)
	for range d.count(2) {
		i := d.index(len(o.Names))
		delta := d.varint()
		if d.err != nil {
			break
		}
		at[i] += delta
		o.Runs = append(o.Runs, Run{i, at[i]})
	}
	for range d.count(4) {
		i := d.index(len(o.Names))
		offset := d.varint()
		kind := d.kind()
		reason := d.string()
		if d.err != nil {
			break
		}
		o.Decisions = append(o.Decisions, Decision{i, o.From[i] + offset, kind, reason})
	}
	return o, d.end()
}

// AppendParked appends the value of a parked record: version, stream, topic, partition, offset, time, reason.
func AppendParked(dst []byte, s *Parked) []byte {
	dst = append(dst, version)
	dst = appendString(dst, s.Stream)
	dst = appendString(dst, s.Record.Partition.Topic)
	dst = binary.AppendVarint(dst, int64(s.Record.Partition.Index))
	dst = binary.AppendVarint(dst, s.Record.Offset)
	dst = binary.AppendVarint(dst, s.Time)
	return appendString(dst, s.Reason)
}

func parseParked(b []byte) (Parked, error) {
	d := decoder{b: b, what: "parked record"}
	d.version()
	var s Parked
	s.Stream = d.string()
	s.Record.Partition.Topic = d.string()
	s.Record.Partition.Index = int32(d.varint())
	s.Record.Offset = d.varint()
	s.Time = d.varint()
	s.Reason = d.string()
	return s, d.end()
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// decoder reads varints and strings; its first fault stays and later reads give zero.
type decoder struct {
	b    []byte
	at   int
	what string
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("journal: %s: byte %d: %s", d.what, d.at, fmt.Sprintf(format, args...))
	}
}

func (d *decoder) version() { d.versionUpTo(version) }

// versionUpTo reads a version that is at most newest.
func (d *decoder) versionUpTo(newest byte) byte {
	v := d.byte()
	if d.err == nil && (v < version || v > newest) {
		d.err = fmt.Errorf("%w: %s has version %d, this program reads %d", ErrVersion, d.what, v, newest)
	}
	return v
}

// kind reads the kind of a decision. Whoever repeats decisions must know each: one that it passed over would be handled again.
func (d *decoder) kind() Kind {
	k := Kind(d.byte())
	if d.err == nil && k != DeadLettered && k != Skipped {
		d.err = fmt.Errorf("%w: %s has a decision of kind %d, which this program does not know", ErrVersion, d.what, k)
	}
	return k
}

func (d *decoder) id() (id [16]byte) {
	if d.err == nil && len(d.b)-d.at < len(id) {
		d.fail("want %d more bytes, have %d", len(id), len(d.b)-d.at)
	}
	if d.err == nil {
		d.at += copy(id[:], d.b[d.at:])
	}
	return id
}

func (d *decoder) byte() byte {
	if d.err != nil || d.at >= len(d.b) {
		d.fail("want one more byte")
		return 0
	}
	d.at++
	return d.b[d.at-1]
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
		d.fail("%d entries in the %d bytes that are left", n, len(d.b)-d.at)
		return 0
	}
	return int(n)
}

func (d *decoder) index(n int) int {
	i := d.uvarint()
	if d.err == nil && i >= uint64(n) {
		d.fail("input %d of %d", i, n)
		return 0
	}
	return int(i)
}

func (d *decoder) string() string {
	n := d.count(1)
	if d.err != nil {
		return ""
	}
	s := string(d.b[d.at : d.at+n])
	d.at += n
	return s
}

func (d *decoder) end() error {
	if d.err == nil && d.at != len(d.b) {
		d.fail("%d bytes too many", len(d.b)-d.at)
	}
	return d.err
}
