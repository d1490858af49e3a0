package githistory

import (
	"encoding/binary"
	"fmt"
)

// Values are written as their fields, one after the other: a number as a varint, a text as its length and its bytes. Names and
// paths need not be UTF-8, which JSON would not survive.

func appendNumber(dst []byte, n int64) []byte { return binary.AppendVarint(dst, n) }

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// fields reads them back. After a fault everything is zero, and end tells.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) number() int64 {
	n, size := binary.Varint(f.rest)
	if size <= 0 {
		f.rest, f.bad = nil, true
		return 0
	}
	f.rest = f.rest[size:]
	return n
}

func (f *fields) text() string {
	n, size := binary.Uvarint(f.rest)
	if size <= 0 || n > uint64(len(f.rest)-size) {
		f.rest, f.bad = nil, true
		return ""
	}
	s := string(f.rest[size : size+int(n)])
	f.rest = f.rest[size+int(n):]
	return s
}

func (f *fields) end(what string) error {
	switch {
	case f.bad:
		return fmt.Errorf("%s: cut short", what)
	case len(f.rest) > 0:
		return fmt.Errorf("%s: %d bytes left over", what, len(f.rest))
	}
	return nil
}
