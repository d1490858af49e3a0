package partition

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/millrun/millrun/brokerlite/recordbatch"
)

// Load puts the fold where a snapshot says.
func (p *Partition) Load(m meta.Partition) {
	p.mu.state = state{next: m.Next, logStart: m.LogStart, epochs: slices.Clone(m.Epochs),
		producers: importProducers(m.Producers), open: slices.Clone(m.Open)}
	if len(p.mu.epochs) == 0 {
		p.mu.epochs = newState().epochs
	}
	p.lost = m.Segments
}

// Known is what a snapshot says to the segments.
func Known(m meta.Partition) seglog.Known {
	k := seglog.Known{Start: m.LogStart, Next: m.Next}
	for _, s := range m.Segments {
		k.Segments = append(k.Segments, seglog.KnownSegment{Base: s.Base, Bytes: s.Bytes, MaxTimestamp: s.MaxTimestamp,
			AbortedFrom: s.AbortedFrom, CreatedAt: s.CreatedAt, Compacted: s.Compacted})
	}
	return k
}

// Save is the partition for a snapshot. The segments must be synced before it is believed.
func (p *Partition) Save() meta.Partition {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := meta.Partition{Handle: p.Handle, LogStart: p.mu.logStart, Next: p.mu.next, Epochs: slices.Clone(p.mu.epochs),
		Producers: exportProducers(p.mu.producers), Open: slices.Clone(p.mu.open)}
	if p.segments == nil {
		m.Segments = p.lost
		return m
	}
	for _, s := range p.segments.Known().Segments {
		m.Segments = append(m.Segments, meta.Segment{Base: s.Base, Bytes: s.Bytes, MaxTimestamp: s.MaxTimestamp,
			AbortedFrom: s.AbortedFrom, CreatedAt: s.CreatedAt, Compacted: s.Compacted})
	}
	return m
}

// Sync makes the segments durable.
func (p *Partition) Sync() error {
	if p.segments == nil || errors.Is(p.Fault(), ErrDeleted) {
		return nil
	}
	return p.segments.Sync()
}

// RedoBatch folds a batch of the write-ahead log and makes the segment hold it. An error is for a record that cannot be;
// damage of the segments makes the partition refuse and recovery goes on.
//
// It tells the producer, and whether the batch belongs to a transaction.
func (p *Partition) RedoBatch(at meta.Place, b []byte, now time.Time, lsn wal.LSN) (pid int64, transactional bool, err error) {
	batch, rest, err := recordbatch.Next(b)
	if err != nil || batch == nil || len(rest) > 0 {
		return 0, false, fmt.Errorf("%s/%d: record is not one batch: %w", p.Topic, p.Index, err)
	}
	if batch.BaseOffset() != p.mu.next {
		return 0, false, fmt.Errorf("%s/%d: batch at offset %d, want %d", p.Topic, p.Index, batch.BaseOffset(), p.mu.next)
	}
	p.redo(at, b)
	p.mu.applyBatch(batch, now.UnixMilli(), lsn)
	return batch.ProducerID(), batch.Transactional(), nil
}

// RedoMarker is RedoBatch for the marker of a transaction.
func (p *Partition) RedoMarker(e *meta.TxnEnd, m meta.Marker, now time.Time) error {
	if m.Offset != p.mu.next {
		return fmt.Errorf("%s/%d: marker at offset %d, want %d", p.Topic, p.Index, m.Offset, p.mu.next)
	}
	p.redo(m.Place, MarkerBytes(e, m))
	p.mu.applyMarker(e.PID, e.MarkerEpoch, m.Offset, now.UnixMilli())
	return nil
}

func (p *Partition) redo(at meta.Place, b []byte) {
	if p.Fault() != nil {
		p.Owe()
		return
	}
	if err := p.segments.Redo(seglog.Place{Base: at.Segment, At: at.At}, b); err != nil {
		p.Owe()
		p.Fail(err)
	}
}

// RedoEpoch folds a raise of the leader epoch.
func (p *Partition) RedoEpoch() { p.mu.applyEpoch() }

// RedoLogStart folds a deletion at the front.
func (p *Partition) RedoLogStart(offset int64) { p.mu.applyLogStart(offset) }

// CutBehind ends the redo: bytes nobody knows go.
func (p *Partition) CutBehind() {
	if p.Fault() != nil {
		return
	}
	if err := p.segments.CutBehind(); err != nil {
		p.Fail(err)
	}
}

// Recovered makes everything folded visible, all of it durable, and opens the partition for work. A new partition needs
// it too.
func (p *Partition) Recovered() {
	v := p.folded()
	p.view.Store(&v)
	p.quiet = false
	if err := p.Fault(); err != nil {
		p.logFault(err)
	}
}

// SetLogStart folds and publishes a deletion at the front, whose record is durable. Files are not touched: see DropFiles.
func (p *Partition) SetLogStart(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.applyLogStart(offset)
	p.pub.Lock()
	defer p.pub.Unlock()
	for i := range p.pub.pending {
		p.pub.pending[i].view.LogStart = p.mu.logStart
	}
	v := p.View()
	v.LogStart = p.mu.logStart
	p.view.Store(&v)
	p.wake()
}

// DropFiles removes segments wholly below offset, which every kept snapshot says is deleted (S-55).
func (p *Partition) DropFiles(offset int64) error {
	if p.segments == nil || p.Fault() != nil {
		return nil
	}
	return p.segments.DropBefore(offset)
}

// Bytes is the size of the segments.
func (p *Partition) Bytes() int64 {
	if p.segments == nil {
		return 0
	}
	return p.segments.Bytes()
}
