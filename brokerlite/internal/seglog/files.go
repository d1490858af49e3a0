package seglog

import (
	"container/list"
	"errors"
	"sync"

	"github.com/millrun/millrun/internal/vfs"
)

// handle is an open file with a count of who uses it; the last one to let go closes it.
type handle struct {
	f  vfs.File
	mu struct {
		sync.Mutex
		users int // 0: closed
	}
}

func newHandle(f vfs.File) *handle {
	h := &handle{f: f}
	h.mu.users = 1
	return h
}

// use counts one more user; false if the file is closed.
func (h *handle) use() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.users == 0 {
		return false
	}
	h.mu.users++
	return true
}

// done lets go.
func (h *handle) done() error {
	h.mu.Lock()
	h.mu.users--
	last := h.mu.users == 0
	h.mu.Unlock()
	if last {
		return h.f.Close()
	}
	return nil
}

// Files bounds how many files of sealed segments are open. Safe for concurrent use, shared by any number of logs.
type Files struct {
	limit int
	mu    struct {
		sync.Mutex
		open map[*sealed]*list.Element
		use  *list.List // of *openSealed, most recently used first
	}
}

// openSealed is a sealed segment with its file and, once somebody needed it, its index.
type openSealed struct {
	s     *sealed
	h     *handle
	index struct {
		sync.Mutex // held while the index is loaded, so that only one reader does it
		*index
	}
}

// NewFiles gives room for limit open files, at least 1. Readers at work may pass it; nothing idle is kept beyond it.
func NewFiles(limit int) *Files {
	f := &Files{limit: max(limit, 1)}
	f.mu.open = map[*sealed]*list.Element{}
	f.mu.use = list.New()
	return f
}

// acquire opens a segment, or finds it open. The caller calls done on its handle.
func (f *Files) acquire(fs vfs.FS, s *sealed) (*openSealed, error) {
	if o := f.cached(s); o != nil {
		return o, nil
	}
	file, err := fs.Open(s.logName())
	if err != nil {
		return nil, err
	}
	fresh := &openSealed{s: s, h: newHandle(file)}
	o, evicted := f.insert(fresh)
	if o != fresh {
		evicted = append(evicted, fresh.h)
	}
	var errs []error
	for _, h := range evicted {
		errs = append(errs, h.done())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, o.h.done())
	}
	return o, nil
}

// cached gives an open segment, counted for the caller.
func (f *Files) cached(s *sealed) *openSealed {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.mu.open[s]
	if e == nil {
		return nil
	}
	o := e.Value.(*openSealed)
	if !o.h.use() {
		return nil
	}
	f.mu.use.MoveToFront(e)
	return o
}

// insert keeps a fresh one, unless somebody was faster, and says whose place in the cache ended.
func (f *Files) insert(fresh *openSealed) (o *openSealed, evicted []*handle) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e := f.mu.open[fresh.s]; e != nil {
		if o := e.Value.(*openSealed); o.h.use() {
			return o, nil
		}
	}
	fresh.h.use() // one for the cache, one for the caller
	f.mu.open[fresh.s] = f.mu.use.PushFront(fresh)
	for f.mu.use.Len() > f.limit {
		evicted = append(evicted, f.remove(f.mu.use.Back()))
	}
	return fresh, evicted
}

func (f *Files) remove(e *list.Element) *handle {
	o := f.mu.use.Remove(e).(*openSealed)
	delete(f.mu.open, o.s)
	return o.h
}

// forget ends the place of segments that go, or whose log closes.
func (f *Files) forget(segments []*sealed) error {
	f.mu.Lock()
	var handles []*handle
	for _, s := range segments {
		if e := f.mu.open[s]; e != nil {
			handles = append(handles, f.remove(e))
		}
	}
	f.mu.Unlock()
	var errs []error
	for _, h := range handles {
		errs = append(errs, h.done())
	}
	return errors.Join(errs...)
}
