package brokerlite

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/millrun/millrun/internal/vfs"
)

// Inspection is what a stopped data directory holds.
type Inspection struct {
	Dir        string           `json:"dir"`
	ClusterID  string           `json:"cluster_id"`
	Snapshot   string           `json:"snapshot"`    // file the walk began with
	Clean      bool             `json:"clean"`       // the last stop was clean: nothing is to be redone
	WALRecords int              `json:"wal_records"` // records a start would redo
	WALBytes   int64            `json:"wal_bytes"`
	Topics     []InspectedTopic `json:"topics"`
	Unknown    []string         `json:"unknown,omitempty"` // directories that belong to no topic
}

// InspectedTopic is one topic of it, by name.
type InspectedTopic struct {
	Name       string               `json:"name"`
	ID         string               `json:"id"`               // hexadecimal
	Config     map[string]string    `json:"config,omitempty"` // overridden settings
	Partitions []InspectedPartition `json:"partitions"`
}

// InspectedPartition is one partition of it, by index.
type InspectedPartition struct {
	Index       int32  `json:"index"`
	Dir         string `json:"dir"`
	LeaderEpoch int32  `json:"leader_epoch"`
	Start       int64  `json:"start"` // first offset that may be read
	Next        int64  `json:"next"`  // after a start, redo included
	Redo        int    `json:"redo"`  // batches in the write-ahead log above the checkpoint
	Segments    int    `json:"segments"`
	Batches     int    `json:"batches"` // in the segments
	Records     int    `json:"records"`
	Bytes       int64  `json:"bytes"`
}

// InspectedBatch is one batch as it lies in a segment.
type InspectedBatch struct {
	Topic         string `json:"topic"`
	Partition     int32  `json:"partition"`
	File          string `json:"file"`
	At            int64  `json:"at"` // first byte in the file
	Bytes         int    `json:"bytes"`
	First         int64  `json:"first"` // offsets
	Last          int64  `json:"last"`
	Records       int32  `json:"records"`
	LeaderEpoch   int32  `json:"leader_epoch"`
	MaxTimestamp  int64  `json:"max_timestamp"` // ms
	Compression   string `json:"compression"`
	ProducerID    int64  `json:"producer_id"` // -1: none
	ProducerEpoch int16  `json:"producer_epoch"`
	BaseSequence  int32  `json:"base_sequence"`
	Transactional bool   `json:"transactional"`
	Marker        bool   `json:"marker"` // the end of a transaction
}

// Inspect walks the data directory dir of a stopped broker, reads every batch and changes nothing. visit, which may be
// nil, gets each batch that lies in a segment. Damage ends the walk with ErrDamaged: the error names file and byte, and the
// result holds what was read before. A nil fs is the operating system's. A directory in use is refused.
func Inspect(fs vfs.FS, dir string, visit func(InspectedBatch) error) (result Inspection, err error) {
	s, done, err := openStopped(&fs, dir)
	if err != nil {
		return Inspection{}, err
	}
	defer func() { err = errors.Join(err, done()) }()
	if s.Snapshot == nil {
		return Inspection{}, fmt.Errorf("brokerlite: inspect %s: no snapshot can be read: %w", dir, marked(errors.Join(s.Damaged...)))
	}
	result = Inspection{Dir: dir, ClusterID: s.Snapshot.ClusterID, Snapshot: s.File,
		Clean: s.Snapshot.Clean && s.Log.Records == 0, WALRecords: s.Log.Records, WALBytes: s.Log.Bytes}
	if s.LogFault != nil {
		return result, fmt.Errorf("brokerlite: inspect %s: %w", dir, marked(s.LogFault))
	}
	for _, t := range s.InOrder() {
		topic, err := inspectTopic(fs, s, t, visit)
		result.Topics = append(result.Topics, topic)
		if err != nil {
			return result, fmt.Errorf("brokerlite: inspect %s: %w", dir, marked(err))
		}
	}
	result.Unknown, err = s.Unknown(fs)
	return result, err
}

// openStopped makes sure that dir is a stopped broker's and reads its metadata.
func openStopped(fs *vfs.FS, dir string) (*engine.Stopped, func() error, error) {
	if *fs == nil {
		*fs = vfs.OS
	}
	lock, err := engine.LockStopped(*fs, dir)
	if err != nil {
		return nil, nil, fmt.Errorf("brokerlite: %w", err)
	}
	s, err := engine.ReadStopped(*fs, dir)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("brokerlite: %w", err), lock.Close())
	}
	return s, lock.Close, nil
}

// describeTopic says what metadata and write-ahead log know of a topic.
func describeTopic(s *engine.Stopped, t *meta.Topic) InspectedTopic {
	out := InspectedTopic{Name: t.Name, ID: hex.EncodeToString(t.ID[:])}
	for _, o := range t.Settings {
		if out.Config == nil {
			out.Config = map[string]string{}
		}
		out.Config[o.Name] = o.Value
	}
	for i, h := range t.Partitions {
		m := s.Partitions[h]
		out.Partitions = append(out.Partitions, InspectedPartition{Index: int32(i), Dir: s.PartitionDir(h), LeaderEpoch: m.Epoch,
			Start: m.Saved.LogStart, Next: m.Next, Redo: m.Redo})
	}
	return out
}

func inspectTopic(fs vfs.FS, s *engine.Stopped, t *meta.Topic, visit func(InspectedBatch) error) (InspectedTopic, error) {
	out := describeTopic(s, t)
	for i := range out.Partitions {
		p := &out.Partitions[i]
		sum, err := seglog.Walk(fs, p.Dir, func(b seglog.BatchAt) error {
			if visit == nil {
				return nil
			}
			return visit(inspectBatch(t.Name, p.Index, b))
		})
		p.Segments, p.Batches, p.Records, p.Bytes = sum.Segments, sum.Batches, sum.Records, sum.Bytes
		if err != nil && !neverWritten(err, s.Partitions[t.Partitions[i]]) {
			out.Partitions = out.Partitions[:i+1]
			return out, fmt.Errorf("%s/%d: %w", t.Name, i, err)
		}
		if places := lost(fs, p.Dir, s.Partitions[t.Partitions[i]], sum); len(places) > 0 {
			out.Partitions = out.Partitions[:i+1]
			return out, fmt.Errorf("%s/%d: %w", t.Name, i, places[0])
		}
	}
	return out, nil
}

func inspectBatch(topic string, index int32, b seglog.BatchAt) InspectedBatch {
	h := b.Batch
	return InspectedBatch{Topic: topic, Partition: index, File: b.File, At: b.At, Bytes: len(h), First: h.BaseOffset(),
		Last: h.LastOffset(), Records: h.Count(), LeaderEpoch: h.LeaderEpoch(), MaxTimestamp: h.MaxTimestamp(),
		Compression: fmt.Sprint(h.Compression()), ProducerID: h.ProducerID(), ProducerEpoch: h.ProducerEpoch(),
		BaseSequence: h.BaseSequence(), Transactional: h.Transactional(), Marker: h.Control()}
}
