package partition

import (
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Appended is where a batch went.
type Appended struct {
	Base       int64 // offset of its first record
	AppendTime int64 // ms given by the broker, -1 if the producer's timestamps count
	LogStart   int64
	LSN        wal.LSN // durable with this record
	Repeat     bool    // it was there already
}

// scratch holds the copies of batches in which offset and epoch are set; the caller's bytes stay as they are.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// Append takes one batch that recordbatch.Check accepted. The code is Kafka's error, 0 for success; a repeat within the
// producer's window is a success with the first attempt's offsets (S7), and has that attempt's LSN to wait for (S-48). A
// refusal by sequence or epoch speaks of what is queued and has the LSN of the newest. The bytes of b are neither kept nor
// changed.
func (p *Partition) Append(b recordbatch.Batch, now time.Time) (Appended, int16) {
	buffer := scratch.Get().(*[]byte)
	defer scratch.Put(buffer)
	*buffer = append((*buffer)[:0], b...)
	batch := recordbatch.Batch(*buffer)
	if s := p.Settings(); s.AppendTime {
		batch.SetLogAppendTime(now.UnixMilli())
	} else if batch.LogAppendTime() {
		batch.ClearLogAppendTime()
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.Fault(); err != nil {
		return Appended{}, faultCode(err)
	}
	switch v := p.mu.check(batch); {
	case v.code != 0:
		return Appended{LSN: p.queued()}, v.code
	case v.repeat != nil:
		return Appended{Base: v.repeat.Base, AppendTime: v.repeat.Timestamp, LogStart: p.mu.logStart, LSN: v.repeat.lsn,
			Repeat: true}, 0
	}
	batch.SetBaseOffset(p.mu.next)
	batch.SetLeaderEpoch(p.mu.epoch())
	place, err := p.segments.Append(batch, now)
	if err != nil {
		return Appended{}, p.refused(err)
	}
	lsn, err := p.enqueue(batch, place, now)
	if err != nil {
		p.cut(place)
		return Appended{}, p.refused(err)
	}
	p.mu.makeRoom(p.Settings().MaxProducers)
	return Appended{Base: batch.BaseOffset(), AppendTime: appendTime(batch), LogStart: p.mu.logStart, LSN: lsn}, 0
}

// enqueue gives the batch to the write-ahead log and folds it. mu is held.
func (p *Partition) enqueue(batch recordbatch.Batch, place seglog.Place, now time.Time) (wal.LSN, error) {
	var head [32]byte
	h := meta.AppendBatchHead(head[:0], meta.Place{Handle: p.Handle, Segment: place.Base, At: place.At})
	old := p.mu.remember(batch.ProducerID())
	p.pub.Lock()
	defer p.pub.Unlock()
	p.announce()
	lsn, err := p.host.Log(meta.TypeBatch, h, batch)
	if err != nil {
		return 0, err
	}
	p.mu.applyBatch(batch, now.UnixMilli(), lsn)
	p.pub.pending = append(p.pub.pending, pending{lsn: lsn, view: p.folded(), place: place, marked: true, before: old})
	return lsn, nil
}

// queued is the newest record that is not visible yet, 0 for none.
func (p *Partition) queued() wal.LSN {
	p.pub.Lock()
	defer p.pub.Unlock()
	if n := len(p.pub.pending); n > 0 {
		return p.pub.pending[n-1].lsn
	}
	return 0
}

// folded is the view once everything queued is durable. mu is held.
func (p *Partition) folded() View {
	return View{High: p.mu.next, Stable: p.mu.stable(), LogStart: p.mu.logStart, Epoch: p.mu.epoch()}
}

// refused turns an error of segment or log into a code. A full disk is no news: the engine says it once.
func (p *Partition) refused(err error) int16 {
	if broken := p.segments.Broken(); broken != nil {
		p.Fail(broken)
	} else if !errors.Is(err, syscall.ENOSPC) {
		p.logger.Error("append failed", "topic", p.Topic, "partition", p.Index, "error", err)
	}
	return kerr.KafkaStorageError.Code
}

func faultCode(err error) int16 {
	if errors.Is(err, ErrDeleted) {
		return kerr.UnknownTopicOrPartition.Code
	}
	return kerr.KafkaStorageError.Code
}

// Code is the Kafka error of the partition's fault, 0 while it works.
func (p *Partition) Code() int16 {
	if err := p.Fault(); err != nil {
		return faultCode(err)
	}
	return 0
}
