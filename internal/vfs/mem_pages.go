package vfs

import (
	"io"
	"syscall"
)

// pageBytes is the unit in which a Mem keeps, counts and shares bytes: what most disks write in one piece.
const pageBytes = 4096

type page [pageBytes]byte

// pages holds the bytes of one file, live and durable.
//
// The plain way would be two byte slices, copied whole at each sync. A write-ahead log that syncs a few KiB at a time
// would pay for its 64 MiB file every time. So the file is cut into pages and the two states share each page until one
// of them changes:
//   - bytes below durableSize in a durable page never change: a live write to them goes to a copy;
//   - bytes beyond durableSize may change in place even in a page both states hold, for the durable state ends before
//     them; so appending copies nothing;
//   - bytes of a live page beyond size are zero, so a file that grows again shows zeros;
//   - dirty lists the slots whose live and durable page may differ, so sync costs what changed.
//
// A page marked shared belongs to another file system too, made by one of Mem's copies, and is copied before any write.
type pages struct {
	take        func(n int64) bool // counts n more bytes, or refuses
	slots       []slot             // may be shorter than the file: what is missing is a hole
	dirty       []int
	size        int64
	durableSize int64
}

// slot is one page of a file; nil is a hole, which reads as zeros.
type slot struct {
	live    *page
	durable *page
	shared  bool // live is also in another file system
	dirty   bool // listed in pages.dirty
}

// read is io.ReaderAt for the live state.
func (f *pages) read(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	if off >= f.size {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	var err error
	if left := f.size - off; int64(len(p)) > left {
		p, err = p[:left], io.EOF
	}
	for n := 0; n < len(p); {
		i, at := int((off+int64(n))/pageBytes), int((off+int64(n))%pageBytes)
		part := p[n:min(len(p), n+pageBytes-at)]
		if i < len(f.slots) && f.slots[i].live != nil {
			copy(part, f.slots[i].live[at:])
		} else {
			clear(part)
		}
		n += len(part)
	}
	return len(p), err
}

// write is io.WriterAt for the live state. Without room it writes what fits.
func (f *pages) write(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	for n := 0; n < len(p); {
		i, at := int((off+int64(n))/pageBytes), int((off+int64(n))%pageBytes)
		to := f.writable(i, at)
		if to == nil {
			return n, syscall.ENOSPC
		}
		n += copy(to[at:], p[n:])
		f.size = max(f.size, off+int64(n))
	}
	return len(p), nil
}

// writable gives page i for a write to the bytes from at on, nil without room.
func (f *pages) writable(i, at int) *page {
	for len(f.slots) <= i {
		f.slots = append(f.slots, slot{})
	}
	s := &f.slots[i]
	switch {
	case s.live == nil:
		if !f.take(pageBytes) {
			return nil
		}
		s.live = new(page)
	case s.shared || s.live == s.durable && int64(i)*pageBytes+int64(at) < f.durableSize:
		own := *s.live
		s.live, s.shared = &own, false
	}
	f.touch(i)
	return s.live
}

func (f *pages) touch(i int) {
	if !f.slots[i].dirty {
		f.slots[i].dirty = true
		f.dirty = append(f.dirty, i)
	}
}

// truncate cuts or extends the live state; what it adds is a hole.
func (f *pages) truncate(size int64) {
	if size < f.size {
		f.cut(size)
	}
	f.size = size
}

// cut drops the live pages beyond size and clears the rest of the last one.
func (f *pages) cut(size int64) {
	keep := int((size + pageBytes - 1) / pageBytes)
	for i := keep; i < len(f.slots); i++ {
		if s := &f.slots[i]; s.live != nil {
			f.take(-pageBytes)
			s.live, s.shared = nil, false
			f.touch(i)
		}
	}
	at := int(size % pageBytes)
	if last := keep - 1; at > 0 && last < len(f.slots) && f.slots[last].live != nil {
		clear(f.writable(last, at)[at:])
	}
}

// sync makes the live state durable.
func (f *pages) sync() {
	for _, i := range f.dirty {
		f.slots[i].durable = f.slots[i].live
		f.slots[i].dirty = false
	}
	f.dirty = f.dirty[:0]
	f.durableSize = f.size
	if keep := int((f.size + pageBytes - 1) / pageBytes); keep < len(f.slots) {
		clear(f.slots[keep:]) // lets the dropped pages go
		f.slots = f.slots[:keep]
	}
}

// copyCrashed gives what a crash leaves as a file of another file system, in which it is both live and durable: the
// durable state, and of what was not synced each piece for which keep says so, the size and the pages apart. A page that
// was lost behind the durable end is a hole.
func (f *pages) copyCrashed(take func(int64) bool, keep func() bool) pages {
	to := pages{take: take, size: f.durableSize}
	if f.size != f.durableSize && keep() {
		to.size = f.size
	}
	to.durableSize = to.size
	to.slots = make([]slot, min(len(f.slots), int((to.size+pageBytes-1)/pageBytes)))
	for i := range to.slots {
		s, end := &f.slots[i], min(to.size, f.durableSize)
		left := s.durable
		if s.dirty && keep() {
			left, end = s.live, to.size
		}
		if left == nil {
			continue
		}
		take(pageBytes)
		// Bytes behind the end may stand in the page: appended, not synced.
		if at := end - int64(i)*pageBytes; at < pageBytes {
			own := *left
			clear(own[max(at, 0):])
			to.slots[i] = slot{live: &own, durable: &own}
			continue
		}
		s.shared = s.shared || s.live == left
		to.slots[i] = slot{live: left, durable: left} // below its durable end: never changed in place there
	}
	return to
}

// copyBoth gives both states as a file of another file system.
func (f *pages) copyBoth(take func(int64) bool) pages {
	to := pages{take: take, size: f.size, durableSize: f.durableSize}
	to.dirty = append(to.dirty, f.dirty...)
	to.slots = make([]slot, len(f.slots))
	for i := range f.slots {
		s := &f.slots[i]
		s.shared = s.live != nil
		to.slots[i] = *s
		if s.live != nil {
			take(pageBytes)
		}
	}
	return to
}
