// Package partition is one partition at work: its segments, its fold (offsets, producer windows, open transactions), and
// what of it is durable and so visible.
//
//	r, code := p.Append(batch, now)   // checks, writes, queues in the write-ahead log; r.LSN says what to wait for
//	p.Publish(durable)                // by the log's committer: the high watermark moves, fetches wake
//	data, v, err := p.Read(offset, max, committed, nil)
//
// Promises: sequence check, offset, segment, log record and fold are one critical section, so the order of the log is the
// order of offsets (S-50); nothing is visible before it is durable (S-48); a record the log refuses leaves no trace.
//
// Concurrency: every method may be called at any time by anyone, but for those of recovery (Redo..., Recovered).
package partition

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/millrun/millrun/brokerlite/internal/wal"
)

// Host is what a partition needs of the engine around it.
type Host interface {
	// Log appends to the write-ahead log, as wal.Log.Append.
	Log(kind meta.Type, payload ...[]byte) (wal.LSN, error)
	// Unpublished says that the partition has something to publish. Called before the record is queued, so that the round
	// that makes it durable cannot miss it; must not block or call back.
	Unpublished(p *Partition)
}

// Settings are what a topic's configuration says to its partitions.
type Settings struct {
	AppendTime bool // message.timestamp.type is LogAppendTime
	Compacted  bool // cleanup.policy contains compact
	Limits     seglog.Limits
	// MaxBefore and MaxAfter bound the timestamps of records against the broker's clock; in ms, negative: no bound.
	MaxBefore, MaxAfter int64
	MaxProducers        int
}

// View is what everyone may see: the durable part.
type View struct {
	High     int64 // high watermark: the end of what is durable
	Stable   int64 // last stable offset: where read_committed ends (S13)
	LogStart int64
	Epoch    int32 // leader epoch
}

// Partition is one partition. Made by New.
type Partition struct {
	Handle meta.Handle
	Topic  string
	Index  int32

	host     Host
	logger   *slog.Logger
	settings atomic.Pointer[Settings]
	view     atomic.Pointer[View]
	fault    atomic.Pointer[error] // why it refuses; nil while it works
	segments *seglog.Log           // nil only when fault is set before Recovered
	ahead    atomic.Bool           // see Ahead
	quiet    bool                  // in recovery: faults are logged by Recovered, if the partition is still there
	lost     []meta.Segment        // what a snapshot said of segments that could not be opened

	// mu is the writer's: held over the segment write and the queueing, never over a wait.
	mu struct {
		sync.Mutex
		state
	}
	// pub guards what the committer shares with writers. Taken inside mu.
	pub struct {
		sync.Mutex
		pending []pending
		dirty   bool // the host knows
		waiting map[chan<- struct{}]struct{}
	}
}

// pending is a queued record: what becomes visible with it, and how to take it back.
type pending struct {
	lsn    wal.LSN
	view   View
	place  seglog.Place
	marked bool // place is set: bytes were appended
	before before
}

// ErrDeleted is the fault of a partition whose topic was deleted.
var ErrDeleted = errors.New("topic deleted")

// New makes an empty partition over its segments; recovery fills it.
func New(h meta.Handle, topic string, index int32, host Host, s Settings, logger *slog.Logger) *Partition {
	p := &Partition{Handle: h, Topic: topic, Index: index, host: host, logger: logger, quiet: true}
	p.mu.state = newState()
	p.pub.waiting = map[chan<- struct{}]struct{}{}
	p.settings.Store(&s)
	p.view.Store(&View{})
	return p
}

// Attach gives the partition its segments.
func (p *Partition) Attach(l *seglog.Log) { p.segments = l }

// View is the present view.
func (p *Partition) View() View { return *p.view.Load() }

// Settings are the present ones.
func (p *Partition) Settings() Settings { return *p.settings.Load() }

// SetSettings changes them, from the next append on.
func (p *Partition) SetSettings(s Settings) {
	p.settings.Store(&s)
	if p.segments != nil {
		p.segments.SetLimits(s.Limits)
	}
}

// Fault is why the partition refuses to work, nil while it works: ErrDeleted or damage.
func (p *Partition) Fault() error {
	if e := p.fault.Load(); e != nil {
		return *e
	}
	return nil
}

// Fail makes the partition refuse with err from now on; the first fault stays, but for ErrDeleted, which says more than any.
// Waiting fetches wake.
func (p *Partition) Fail(err error) {
	if errors.Is(err, ErrDeleted) {
		p.fault.Store(&err)
	} else if p.fault.CompareAndSwap(nil, &err) && !p.quiet {
		p.logFault(err)
	}
	p.pub.Lock()
	p.wake()
	p.pub.Unlock()
}

func (p *Partition) logFault(err error) {
	p.logger.Error("partition refuses to work", "topic", p.Topic, "partition", p.Index, "fault", err)
}

// Watch sends on c, without waiting, whenever the view may have changed. Unwatch ends it.
func (p *Partition) Watch(c chan<- struct{}) {
	p.pub.Lock()
	p.pub.waiting[c] = struct{}{}
	p.pub.Unlock()
}

// Unwatch ends Watch.
func (p *Partition) Unwatch(c chan<- struct{}) {
	p.pub.Lock()
	delete(p.pub.waiting, c)
	p.pub.Unlock()
}

func (p *Partition) wake() {
	for c := range p.pub.waiting {
		select {
		case c <- struct{}{}:
		default: // one signal is waiting already
		}
	}
}

// Publish makes visible what is durable up to lsn.
func (p *Partition) Publish(durable wal.LSN) {
	p.pub.Lock()
	defer p.pub.Unlock()
	p.pub.dirty = false
	n := 0
	for n < len(p.pub.pending) && p.pub.pending[n].lsn <= durable {
		n++
	}
	if n > 0 {
		v := p.pub.pending[n-1].view
		p.view.Store(&v)
		p.pub.pending = append(p.pub.pending[:0], p.pub.pending[n:]...)
		p.wake()
	}
	if len(p.pub.pending) > 0 {
		p.announce()
	}
}

// announce tells the host, once, that there is something to publish. pub is held.
func (p *Partition) announce() {
	if !p.pub.dirty {
		p.pub.dirty = true
		p.host.Unpublished(p)
	}
}

// TakeBack undoes every record above durable: the disk was full and the log refused them (S-57).
func (p *Partition) TakeBack(durable wal.LSN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pub.Lock()
	defer p.pub.Unlock()
	var first *seglog.Place
	for i := len(p.pub.pending) - 1; i >= 0 && p.pub.pending[i].lsn > durable; i-- {
		e := p.pub.pending[i]
		p.mu.undo(e.before)
		if e.marked {
			first = &e.place
		}
		p.pub.pending = p.pub.pending[:i]
	}
	if first != nil {
		p.cut(*first)
	}
}

// cut takes bytes back from the segment. mu is held and the fold is already back.
func (p *Partition) cut(at seglog.Place) {
	if err := p.segments.TakeBack(at, p.mu.next); err != nil {
		p.Fail(err)
	}
}

// Owe notes that the write-ahead log holds something of this partition that could not be carried out.
func (p *Partition) Owe() { p.ahead.Store(true) }

// Ahead says that the write-ahead log alone holds something of this partition: its segments could not be written when it
// was redone, or a transaction ended without its marker here. A snapshot would let that go.
func (p *Partition) Ahead() bool { return p.ahead.Load() && !errors.Is(p.Fault(), ErrDeleted) }

// Idle says that nothing waits to become durable.
func (p *Partition) Idle() bool {
	p.pub.Lock()
	defer p.pub.Unlock()
	return len(p.pub.pending) == 0
}

// Forget drops producers that have been idle since before limit.
func (p *Partition) Forget(limit time.Time) {
	p.mu.Lock()
	p.mu.forget(limit.UnixMilli())
	p.mu.Unlock()
}

// Close lets go of the files. Reads under way finish.
func (p *Partition) Close() error {
	if p.segments == nil {
		return nil
	}
	return p.segments.Close()
}
