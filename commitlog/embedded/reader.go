package embedded

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
)

// The defaults of commitlog.ReaderConfig.
const (
	defaultBufferBytes = 8 << 20
	defaultFetchBytes  = 1 << 20
	defaultMaxWait     = 500 * time.Millisecond
)

// reader keeps commitlog.Reader. One goroutine, fetch, asks the broker and queues raw answers; Poll decodes a piece of one
// in the goroutine that uses the records, where they stay in its cache.
//
//	held   = bytes queued + bytes in batches given out; there is room while held < BufferBytes
//	queued <= held; there is room only while queued < 2 BatchBytes too, so that data waits in the log and not here
//
// Without room, fetch asks for starved partitions alone: those of which nothing is queued or given out. Who reads several
// partitions in an order of their own keeps batches of one until a record of another is there, and would wait for ever if
// the kept ones closed the door to it. So BufferBytes may be exceeded by one answer for each partition.
type reader struct {
	log     *Log
	c       commitlog.ReaderConfig
	decoder recordbatch.Decoder // of Poll
	timer   clock.Timer         // of Poll
	ready   chan struct{}       // one slot: something for Poll
	kick    chan struct{}       // one slot: something for fetch
	done    chan struct{}       // closed when fetch has ended

	mu struct {
		sync.Mutex
		sources []*source
		turn    int // the source Poll looks at first
		held    int
		queued  int
		free    []*batch
		cancel  context.CancelFunc // of the fetch under way, else nil
		narrow  bool               // the fetch under way asks for starved partitions only
		woken   bool
		closed  bool
		fatal   error // ends everything
	}
}

// OpenReader implements commitlog.Log.
func (l *Log) OpenReader(ctx context.Context, c commitlog.ReaderConfig) (commitlog.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open reader: %w: %w", commitlog.ErrUnavailable, context.Cause(ctx))
	}
	if c.BufferBytes < 0 || c.BatchBytes < 0 || c.MaxWait < 0 {
		return nil, fmt.Errorf("open reader: %w: %+v: sizes and waits are 0 or more", commitlog.ErrInvalidConfig, c)
	}
	if c.BufferBytes == 0 {
		c.BufferBytes = defaultBufferBytes
	}
	if c.BatchBytes == 0 {
		c.BatchBytes = defaultFetchBytes
	}
	if c.MaxWait == 0 {
		c.MaxWait = defaultMaxWait
	}
	r := &reader{log: l, c: c, ready: make(chan struct{}, 1), kick: make(chan struct{}, 1), done: make(chan struct{})}
	// Close stops it and waits for it.
	go r.fetch()
	return r, nil
}

// signal fills a one-slot channel.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Seek implements commitlog.Reader.
func (r *reader) Seek(p commitlog.Partition, offset int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := newSource(p, offset)
	if i := r.find(p); i >= 0 {
		r.discard(r.mu.sources[i])
		r.mu.sources[i] = s
	} else {
		r.mu.sources = append(r.mu.sources, s)
	}
	if s.fault != nil {
		signal(r.ready)
	}
	r.refetch()
}

// Drop implements commitlog.Reader.
func (r *reader) Drop(p commitlog.Partition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.find(p); i >= 0 {
		r.discard(r.mu.sources[i])
		r.mu.sources = append(r.mu.sources[:i:i], r.mu.sources[i+1:]...)
		r.refetch()
	}
}

// find gives the index of p's source, -1 for none. Readers read few partitions, and Seek is rare.
func (r *reader) find(p commitlog.Partition) int {
	for i, s := range r.mu.sources {
		if s.partition == p {
			return i
		}
	}
	return -1
}

// discard gives back what a source has queued, and makes answers under way for it fall to the ground.
func (r *reader) discard(s *source) {
	for _, a := range s.answers {
		r.mu.held -= len(a.rest)
		r.mu.queued -= len(a.rest)
	}
	s.answers, s.dropped = nil, true
}

// refetch ends the fetch under way, which asks for other offsets than it should by now.
func (r *reader) refetch() {
	if r.mu.cancel != nil {
		r.mu.cancel()
	}
	signal(r.kick)
}

// room tells whether more may be fetched of partitions that have something already. r.mu is held.
func (r *reader) room() bool { return r.mu.held < r.c.BufferBytes && r.mu.queued < 2*r.c.BatchBytes }

// widen ends a fetch for starved partitions once there is room for all, or s, which has given something back, is starved too
// and not asked for. r.mu is held.
func (r *reader) widen(s *source) {
	if r.mu.narrow && (r.room() || s.starved()) {
		r.mu.narrow = false
		r.mu.cancel()
	}
}

// Wake implements commitlog.Reader.
func (r *reader) Wake() {
	r.mu.Lock()
	r.mu.woken = true
	r.mu.Unlock()
	signal(r.ready)
}

// Close implements commitlog.Reader.
func (r *reader) Close() error {
	r.mu.Lock()
	r.mu.closed = true
	r.refetch()
	r.mu.Unlock()
	signal(r.ready)
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.mu.sources {
		r.discard(s)
	}
	r.mu.sources, r.mu.free = nil, nil
	return nil
}
