package meta

import (
	"encoding/binary"
	"fmt"
)

// Writer builds a payload: unsigned and zigzag varints, and byte strings behind their length.
type Writer struct{ B []byte }

// Uint appends an unsigned varint.
func (w *Writer) Uint(v uint64) { w.B = binary.AppendUvarint(w.B, v) }

// Int appends a zigzag varint.
func (w *Writer) Int(v int64) { w.B = binary.AppendVarint(w.B, v) }

// Bool appends one byte, 0 or 1.
func (w *Writer) Bool(v bool) {
	if v {
		w.B = append(w.B, 1)
		return
	}
	w.B = append(w.B, 0)
}

// Bytes appends the length and the bytes.
func (w *Writer) Bytes(v []byte) {
	w.Uint(uint64(len(v)))
	w.B = append(w.B, v...)
}

// String appends the length and the bytes.
func (w *Writer) String(v string) {
	w.Uint(uint64(len(v)))
	w.B = append(w.B, v...)
}

// Reader takes a payload apart. After the first fault it returns zeros; Err tells.
type Reader struct {
	b    []byte
	size int
	err  error
}

// NewReader reads b, which it does not copy.
func NewReader(b []byte) *Reader { return &Reader{b: b, size: len(b)} }

// Err is the first fault, with the byte where it was met; nil while all went well.
func (r *Reader) Err() error { return r.err }

// Done is Err, or a fault when bytes are left over.
func (r *Reader) Done() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail("the end")
	}
	return r.err
}

func (r *Reader) fail(want string) {
	if r.err == nil {
		r.err = fmt.Errorf("at byte %d: want %s", r.size-len(r.b), want)
	}
	r.b = nil
}

// Uint reads an unsigned varint.
func (r *Reader) Uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("an unsigned varint")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Int reads a zigzag varint.
func (r *Reader) Int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("a varint")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Bool reads one byte, 0 or 1.
func (r *Reader) Bool() bool {
	if len(r.b) == 0 || r.b[0] > 1 {
		r.fail("0 or 1")
		return false
	}
	v := r.b[0] == 1
	r.b = r.b[1:]
	return v
}

// Bytes reads a byte string; it aliases the payload.
func (r *Reader) Bytes() []byte {
	n := r.Uint()
	if n > uint64(len(r.b)) {
		r.fail(fmt.Sprintf("%d more bytes", n))
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// String reads a byte string as a copy.
func (r *Reader) String() string { return string(r.Bytes()) }

// Count reads the length of a list whose elements take at least one byte each, so that a damaged length cannot ask for
// more memory than the payload is long.
func (r *Reader) Count() int {
	n := r.Uint()
	if n > uint64(len(r.b)) {
		r.fail(fmt.Sprintf("%d elements", n))
		return 0
	}
	return int(n)
}

// Rest takes all that is left.
func (r *Reader) Rest() []byte {
	v := r.b
	r.b = nil
	return v
}
