package engine

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/internal/vfs"
)

// Stopped is a data directory that no broker owns, read and not changed: the catalog as a start would see it.
type Stopped struct {
	Dir        string
	Snapshot   *meta.Snapshot // the newest that can be read
	File       string         // of the snapshot
	Damaged    []error        // snapshots that cannot be read
	Log        wal.Report
	LogFault   error // why a start would refuse the write-ahead log, nil if it would not
	Topics     map[string]*meta.Topic
	Partitions map[meta.Handle]*StoppedPartition
}

// StoppedPartition is a partition of it.
type StoppedPartition struct {
	Topic string
	Index int32
	Saved meta.Partition // as of the snapshot; zero but for the handle if it is newer
	Next  int64          // with what the write-ahead log adds
	Redo  int            // batches and markers in the write-ahead log
	Epoch int32
}

// PartitionDir is the directory of a partition.
func (s *Stopped) PartitionDir(h meta.Handle) string {
	p := s.Partitions[h]
	return path.Join(s.Dir, "topics", DirName(p.Topic, p.Index, h))
}

// LockStopped makes sure that no broker owns dir. What it gives back must be closed. Where the file system is read-only
// there is no lock to take, and none that another could hold.
func LockStopped(fs vfs.FS, dir string) (io.Closer, error) {
	name := path.Join(dir, "LOCK")
	if _, err := fs.Stat(name); errors.Is(err, iofs.ErrPermission) {
		return nil, fmt.Errorf("look into %s: %w", dir, err)
	} else if err != nil {
		return nil, fmt.Errorf("%s is no data directory of a broker: %w", dir, err)
	}
	lock, err := fs.Lock(name)
	switch {
	case errors.Is(err, vfs.ErrLocked):
		return nil, vfs.Locked("data directory %s is in use: stop the broker first", dir)
	case errors.Is(err, iofs.ErrPermission), errors.Is(err, syscall.EROFS):
		return io.NopCloser(nil), nil
	}
	return lock, err
}

// ReadStopped reads snapshot and write-ahead log.
func ReadStopped(fs vfs.FS, dir string) (*Stopped, error) {
	s := &Stopped{Dir: dir, Topics: map[string]*meta.Topic{}, Partitions: map[meta.Handle]*StoppedPartition{}}
	names, err := Snapshots(fs, dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		s.File = path.Join(metaDir(dir), name)
		if s.Snapshot, err = ReadSnapshot(fs, s.File); err == nil {
			break
		}
		if !errors.Is(err, meta.ErrDamaged) {
			return nil, err
		}
		s.Damaged = append(s.Damaged, err)
	}
	if s.Snapshot == nil {
		return s, nil
	}
	s.fromSnapshot()
	s.Log, s.LogFault = wal.Walk(fs, path.Join(dir, "wal"), wal.LSN(s.Snapshot.LSN), func(e wal.Entry) error {
		if err := s.apply(meta.Type(e.Kind), e.Payload); err != nil {
			return fmt.Errorf("%s: record %d: %v: %w", e.File, e.LSN, meta.Type(e.Kind), err)
		}
		return nil
	})
	return s, nil
}

func (s *Stopped) fromSnapshot() {
	saved := map[meta.Handle]meta.Partition{}
	for _, p := range s.Snapshot.Partitions {
		saved[p.Handle] = p
	}
	for _, t := range s.Snapshot.Topics {
		s.Topics[t.Name] = t
		for i, h := range t.Partitions {
			s.add(t.Name, int32(i), h, saved[h])
		}
	}
}

func (s *Stopped) add(topic string, index int32, h meta.Handle, m meta.Partition) {
	m.Handle = h
	p := &StoppedPartition{Topic: topic, Index: index, Saved: m, Next: m.Next}
	if n := len(m.Epochs); n > 0 {
		p.Epoch = m.Epochs[n-1].Epoch
	}
	s.Partitions[h] = p
}

// apply folds what changes the catalog or the end of a partition.
func (s *Stopped) apply(t meta.Type, payload []byte) error {
	switch t {
	case meta.TypeBatch:
		place, b, err := meta.ReadBatch(payload)
		if err != nil {
			return err
		}
		return s.redo(place.Handle, b)
	case meta.TypeTxnEnd, meta.TypeTxnTimedOut, meta.TypeMarkers:
		e, err := meta.ReadTxnEnd(payload)
		if err != nil {
			return err
		}
		for _, m := range e.Markers {
			if p := s.Partitions[m.Handle]; p != nil {
				p.Next, p.Redo = m.Offset+1, p.Redo+1
			}
		}
	case meta.TypeEpoch:
		for _, p := range s.Partitions {
			p.Epoch++
		}
	case meta.TypeTopic:
		m, err := meta.ReadTopic(payload)
		if err != nil {
			return err
		}
		s.Topics[m.Name] = m
		for i, h := range m.Partitions {
			s.add(m.Name, int32(i), h, meta.Partition{})
		}
	case meta.TypePartitions:
		m, err := meta.ReadPartitions(payload)
		if err != nil {
			return err
		}
		if topic := s.Topics[m.Topic]; topic != nil {
			for _, h := range m.Added {
				s.add(m.Topic, int32(len(topic.Partitions)), h, meta.Partition{})
				topic.Partitions = append(topic.Partitions, h)
			}
		}
	case meta.TypeConfigs:
		m, err := meta.ReadConfigs(payload)
		if err != nil {
			return err
		}
		if topic := s.Topics[m.Topic]; topic != nil {
			topic.Settings = m.Settings
		}
	case meta.TypeTopicGone:
		m, err := meta.ReadTopicGone(payload)
		if err != nil {
			return err
		}
		delete(s.Topics, m.Name)
		for _, h := range m.Partitions {
			delete(s.Partitions, h)
		}
	case meta.TypeLogStart:
		m, err := meta.ReadLogStart(payload)
		if p := s.Partitions[m.Handle]; p != nil && err == nil {
			p.Saved.LogStart = max(p.Saved.LogStart, m.Offset)
		}
		return err
	}
	return nil
}

func (s *Stopped) redo(h meta.Handle, b []byte) error {
	p := s.Partitions[h]
	if p == nil {
		return nil
	}
	next, err := nextOffset(b)
	if err == nil {
		p.Next, p.Redo = next, p.Redo+1
	}
	return err
}

// Unknown gives the directories beside the partitions' that belong to none.
func (s *Stopped) Unknown(fs vfs.FS) ([]string, error) {
	dir := path.Join(s.Dir, "topics")
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for h := range s.Partitions {
		known[path.Base(s.PartitionDir(h))] = true
	}
	names = slices.DeleteFunc(names, func(n string) bool { return known[n] })
	for i, n := range names {
		names[i] = path.Join(dir, n)
	}
	return names, nil
}

// InOrder gives the topics by name.
func (s *Stopped) InOrder() []*meta.Topic {
	return slices.SortedFunc(maps.Values(s.Topics), func(a, b *meta.Topic) int { return strings.Compare(a.Name, b.Name) })
}

func nextOffset(b []byte) (int64, error) {
	batch, _, err := recordbatch.Next(b)
	if err != nil {
		return 0, err
	}
	if batch == nil {
		return 0, errors.New("no batch in the record")
	}
	return batch.NextOffset(), nil
}
