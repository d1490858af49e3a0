package brokerlite

import (
	"errors"
	"fmt"
	"path"

	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/partition"
	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/internal/vfs"
)

// ErrNoPartition says that a data directory has no such topic or partition.
var ErrNoPartition = errors.New("brokerlite: no such topic or partition")

// Topics lists topics and partitions of the data directory dir of a stopped broker, by name. It reads metadata and the
// write-ahead log and no segments: the figures of segments are zero. A nil fs is the operating system's.
func Topics(fs vfs.FS, dir string) (topics []InspectedTopic, err error) {
	s, done, err := openReadable(&fs, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	for _, t := range s.InOrder() {
		topics = append(topics, describeTopic(s, t))
	}
	return topics, nil
}

// Batches walks one partition of the data directory dir of a stopped broker in the order of offsets and changes nothing:
// what the checkpoint knows to be in segments, then what a start would redo from the write-ahead log. visit gets each
// batch with its checksum verified, markers included; data is valid in the call. Batches below the start of the partition
// are passed over; the first one given may begin below it. An error of visit ends the walk and is returned. A nil fs is the
// operating system's.
func Batches(fs vfs.FS, dir, topic string, index int32, visit func(b InspectedBatch, data recordbatch.Batch) error) (err error) {
	s, done, err := openReadable(&fs, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	t := s.Topics[topic]
	if t == nil || index < 0 || int(index) >= len(t.Partitions) {
		return fmt.Errorf("%w: %s/%d in %s", ErrNoPartition, topic, index, dir)
	}
	w := batchWalk{fs: fs, s: s, topic: topic, index: index, handle: t.Partitions[index], visit: visit}
	w.p = s.Partitions[w.handle]
	if err = w.segments(); err == nil {
		err = w.redo()
	}
	if w.stop != nil {
		return w.stop
	}
	if err != nil {
		return fmt.Errorf("brokerlite: read %s/%d in %s: %w", topic, index, dir, marked(err))
	}
	return nil
}

// openReadable is openStopped of a directory whose snapshot and write-ahead log can be read.
func openReadable(fs *vfs.FS, dir string) (*engine.Stopped, func() error, error) {
	s, done, err := openStopped(fs, dir)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case s.Snapshot == nil:
		err = fmt.Errorf("brokerlite: %s: no snapshot can be read: %w", dir, marked(errors.Join(s.Damaged...)))
	case s.LogFault != nil:
		err = fmt.Errorf("brokerlite: %s: %w", dir, marked(s.LogFault))
	}
	if err != nil {
		return nil, nil, errors.Join(err, done())
	}
	return s, done, nil
}

// batchWalk is one Batches at work.
type batchWalk struct {
	fs     vfs.FS
	s      *engine.Stopped
	topic  string
	index  int32
	handle meta.Handle
	p      *engine.StoppedPartition
	next   int64 // the offset that the next batch has at least
	visit  func(InspectedBatch, recordbatch.Batch) error
	stop   error // of visit
}

func (w *batchWalk) give(b seglog.BatchAt) error {
	if b.Batch.BaseOffset() < w.next {
		return nil // the checkpoint had it: the write-ahead log says it again
	}
	w.next = b.Batch.NextOffset()
	if w.next <= w.p.Saved.LogStart {
		return nil
	}
	w.stop = w.visit(inspectBatch(w.topic, w.index, b), b.Batch)
	return w.stop
}

// segments gives what the checkpoint covers. What lies behind it counts only if the write-ahead log has it.
func (w *batchWalk) segments() error {
	dir := w.s.PartitionDir(w.handle)
	sum, err := seglog.Walk(w.fs, dir, func(b seglog.BatchAt) error {
		if b.Batch.BaseOffset() >= w.p.Saved.Next {
			return nil
		}
		return w.give(b)
	})
	if err != nil && neverWritten(err, w.p) {
		err = nil
	}
	if places := lost(w.fs, dir, w.p, sum); err == nil && len(places) > 0 {
		err = places[0]
	}
	w.next = max(w.next, w.p.Saved.Next)
	return err
}

// redo gives what the write-ahead log adds.
func (w *batchWalk) redo() error {
	_, err := wal.Walk(w.fs, path.Join(w.s.Dir, "wal"), wal.LSN(w.s.Snapshot.LSN), func(e wal.Entry) error {
		switch meta.Type(e.Kind) {
		case meta.TypeBatch:
			place, bytes, err := meta.ReadBatch(e.Payload)
			if err != nil || place.Handle != w.handle {
				return err
			}
			batch, _, err := recordbatch.Next(bytes)
			if err != nil {
				return err
			}
			return w.give(seglog.BatchAt{File: e.File, At: e.Round, Batch: batch})
		case meta.TypeTxnEnd, meta.TypeTxnTimedOut, meta.TypeMarkers:
			return w.markers(e)
		}
		return nil
	})
	return err
}

func (w *batchWalk) markers(e wal.Entry) error {
	end, err := meta.ReadTxnEnd(e.Payload)
	if err != nil {
		return err
	}
	for _, m := range end.Markers {
		if m.Handle != w.handle {
			continue
		}
		batch := recordbatch.Batch(partition.MarkerBytes(end, m))
		if err := w.give(seglog.BatchAt{File: e.File, At: e.Round, Batch: batch}); err != nil {
			return err
		}
	}
	return nil
}
