package seglog

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/internal/vfs"
)

// reader reads one segment: its bytes below bytes, which hold offsets from base up to next and do not change.
type reader struct {
	f     vfs.File
	name  string
	base  int64
	next  int64 // -1 if nobody knows it
	bytes int64
	dense bool   // every offset is in a batch
	buf   []byte // from position at on
	at    int64
	pool  *sync.Pool
}

// within opens the segment a or s for do. A segment that is gone gives fs.ErrNotExist or errGone.
func (l *Log) within(a *active, s *sealed, do func(*reader) error) error {
	if s != nil {
		o, err := l.files.acquire(l.c.FS, s)
		if err != nil {
			return err
		}
		r := l.reader(o.h.f, s)
		defer r.release()
		err = errors.Join(do(r), o.h.done())
		if l.usable() != nil { // Close came in between, and may have missed it
			err = errors.Join(err, l.files.forget([]*sealed{s}))
		}
		return err
	}
	if !a.h.use() {
		return errGone
	}
	a.mu.RLock()
	next, bytes := a.mu.index.next, a.mu.index.bytes
	a.mu.RUnlock()
	r := &reader{f: a.h.f, name: logName(l.dir, a.base), base: a.base, next: next, bytes: bytes, dense: true, pool: &buffers}
	defer r.release()
	return errors.Join(do(r), a.h.done())
}

// errGone says that the segment was sealed or removed and its file closed since the set was looked at.
var errGone = errors.New("seglog: the segment is closed")

func (l *Log) reader(f vfs.File, s *sealed) *reader {
	return &reader{f: f, name: s.logName(), base: s.base, next: s.next, bytes: s.bytes, dense: !s.compacted, pool: &buffers}
}

// buffers are for looking at headers: nothing in them outlives a call.
var buffers = sync.Pool{New: func() any { b := make([]byte, windowBytes); return &b }}

const windowBytes = 64 << 10

func (r *reader) release() {
	if cap(r.buf) == windowBytes {
		b := r.buf[:windowBytes]
		r.pool.Put(&b)
	}
	r.buf = nil
}

// window gives n bytes at a position; what lies behind them is read ahead. Valid until the next call.
func (r *reader) window(at, n int64) ([]byte, error) {
	if at < r.at || at+n > r.at+int64(len(r.buf)) {
		if r.buf == nil {
			r.buf = *r.pool.Get().(*[]byte)
		}
		if int64(cap(r.buf)) < n {
			r.release()
			r.buf = make([]byte, n)
		}
		want := min(max(n, windowBytes), r.bytes-at, int64(cap(r.buf)))
		r.buf, r.at = r.buf[:want], at
		if err := r.read(r.buf, at); err != nil {
			r.buf = r.buf[:0]
			return nil, err
		}
	}
	return r.buf[at-r.at:][:n:n], nil
}

// read fills b. A file that ends below bytes is damage.
func (r *reader) read(b []byte, at int64) error {
	n, err := r.f.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == io.EOF:
		return r.damage(at+int64(n), fmt.Sprintf("bytes up to %d; the file ends here", r.bytes))
	}
	return fmt.Errorf("read %s at %d: %w", r.name, at, err)
}

func (r *reader) damage(at int64, want string) error {
	return &Damage{File: r.name, At: at, Want: want}
}

// header reads the header of the batch at a position, and its size. The batch must begin at offset, or above
// it where compaction left holes.
func (r *reader) header(at, offset int64) (b recordbatch.Batch, size int64, err error) {
	if r.bytes-at < recordbatch.HeaderBytes {
		return nil, 0, r.damage(at, fmt.Sprintf("a batch of at least %d bytes; %d are left", recordbatch.HeaderBytes, r.bytes-at))
	}
	bytes, err := r.window(at, recordbatch.HeaderBytes)
	if err != nil {
		return nil, 0, err
	}
	b = recordbatch.Batch(bytes)
	return b, b.DeclaredBytes(), r.plausible(b, at, offset)
}

// plausible checks what the checksum does not cover: sizes and offsets.
func (r *reader) plausible(b recordbatch.Batch, at, offset int64) error {
	size := b.DeclaredBytes()
	switch {
	case size < recordbatch.HeaderBytes || size > r.bytes-at:
		return r.damage(at+8, fmt.Sprintf("the length of a batch, at most %d; it is %d", r.bytes-at-recordbatch.PrefixBytes,
			size-recordbatch.PrefixBytes))
	case b.Magic() != recordbatch.Magic:
		return r.damage(at+16, fmt.Sprintf("magic %d; it is %d", recordbatch.Magic, b.Magic()))
	case b.BaseOffset() < offset || r.dense && b.BaseOffset() != offset || b.LastOffsetDelta() < 0:
		return r.damage(at, fmt.Sprintf("a batch from offset %d on; it has %d to %d", offset, b.BaseOffset(), b.LastOffset()))
	}
	if last := at+size == r.bytes; r.next >= 0 && (b.NextOffset() > r.next || last && b.NextOffset() != r.next) {
		return r.damage(at+23, fmt.Sprintf("a batch that ends at or before offset %d; it ends at %d", r.next-1, b.LastOffset()))
	}
	return nil
}

// headers visits the batches from a position on, where offset is. visit gets a header alone, except for a control batch, which is whole
// and verified; it says whether to go on.
func (r *reader) headers(at, offset int64, visit func(b recordbatch.Batch, at int64) (bool, error)) error {
	for at < r.bytes {
		b, size, err := r.header(at, offset)
		if err != nil {
			return err
		}
		offset = b.NextOffset()
		if b.Control() {
			if b, err = r.batch(at, size); err != nil {
				return err
			}
		}
		more, err := visit(b, at)
		if err != nil || !more {
			return err
		}
		at += size
	}
	return nil
}

// batch gives the whole batch at a position, its checksum verified. Valid until the next call.
func (r *reader) batch(at, size int64) (recordbatch.Batch, error) {
	bytes, err := r.window(at, size)
	if err != nil {
		return nil, err
	}
	b := recordbatch.Batch(bytes)
	return b, r.verify(b, at)
}

func (r *reader) verify(b recordbatch.Batch, at int64) error {
	if got, want := b.CRC(), b.ComputeCRC(); got != want {
		return r.damage(at+17, fmt.Sprintf("the batch's checksum %08x; it is %08x", want, got))
	}
	return nil
}
