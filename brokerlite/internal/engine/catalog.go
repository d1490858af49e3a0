package engine

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/partition"
	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/millrun/millrun/brokerlite/internal/settings"
)

// Catalog is all topics at one moment. It is never changed: a change makes a new one.
type Catalog struct {
	byName   map[string]*Topic
	byID     map[[16]byte]*Topic
	byHandle map[meta.Handle]*partition.Partition
}

// Topic is one topic at one moment, never changed. Its partitions are shared by all its versions.
type Topic struct {
	Name       string
	ID         [16]byte
	Overrides  []meta.Setting // sorted by name
	Settings   settings.Topic
	Partitions []*partition.Partition
	MaxBytes   int // max.message.bytes
}

func newCatalog() *Catalog {
	return &Catalog{byName: map[string]*Topic{}, byID: map[[16]byte]*Topic{}, byHandle: map[meta.Handle]*partition.Partition{}}
}

// Topic finds by name; nil: unknown.
func (c *Catalog) Topic(name string) *Topic { return c.byName[name] }

// TopicByID finds by id; nil: unknown.
func (c *Catalog) TopicByID(id [16]byte) *Topic { return c.byID[id] }

// Topics gives all, by name.
func (c *Catalog) Topics() []*Topic {
	return slices.SortedFunc(maps.Values(c.byName), func(a, b *Topic) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}

// Partition finds one; nil: unknown.
func (c *Catalog) Partition(topic string, index int32) *partition.Partition {
	return c.byName[topic].Partition(index)
}

// Partition finds one of the topic, which may be nil; nil: unknown.
func (t *Topic) Partition(index int32) *partition.Partition {
	if t == nil || index < 0 || int(index) >= len(t.Partitions) {
		return nil
	}
	return t.Partitions[index]
}

func (c *Catalog) clone() *Catalog {
	return &Catalog{byName: maps.Clone(c.byName), byID: maps.Clone(c.byID), byHandle: maps.Clone(c.byHandle)}
}

// with gives a catalog that has t, new or in a new version.
func (c *Catalog) with(t *Topic) *Catalog {
	n := c.clone()
	n.put(t)
	return n
}

func (c *Catalog) put(t *Topic) {
	c.byName[t.Name], c.byID[t.ID] = t, t
	for _, p := range t.Partitions {
		c.byHandle[p.Handle] = p
	}
}

func (c *Catalog) without(t *Topic) *Catalog {
	n := c.clone()
	n.remove(t)
	return n
}

func (c *Catalog) remove(t *Topic) {
	delete(c.byName, t.Name)
	delete(c.byID, t.ID)
	for _, p := range t.Partitions {
		delete(c.byHandle, p.Handle)
	}
}

// partitions gives every partition in order of handles.
func (c *Catalog) partitions() []*partition.Partition {
	return slices.SortedFunc(maps.Values(c.byHandle), func(a, b *partition.Partition) int {
		if a.Handle < b.Handle {
			return -1
		}
		return 1
	})
}

// topic makes a topic in force from its record and partitions.
func (e *Engine) topic(m *meta.Topic, ps []*partition.Partition) *Topic {
	s := settings.Of(m.Settings, e.c.Topics)
	return &Topic{Name: m.Name, ID: m.ID, Overrides: m.Settings, Settings: s, Partitions: ps,
		MaxBytes: int(s.Number("max.message.bytes"))}
}

// record is the topic as a record or a snapshot has it.
func (t *Topic) record() *meta.Topic {
	m := &meta.Topic{Name: t.Name, ID: t.ID, Settings: t.Overrides}
	for _, p := range t.Partitions {
		m.Partitions = append(m.Partitions, p.Handle)
	}
	return m
}

// partitionSettings is what a topic's settings say to its partitions.
func (e *Engine) partitionSettings(overrides []meta.Setting) partition.Settings {
	s := settings.Of(overrides, e.c.Topics)
	return partition.Settings{
		AppendTime:   s.Get("message.timestamp.type").Value == "LogAppendTime",
		Compacted:    s.Is("cleanup.policy", "compact"),
		Limits:       seglog.Limits{SegmentBytes: s.Number("segment.bytes"), SegmentAge: s.Age("segment.ms")},
		MaxBefore:    s.Number("message.timestamp.before.max.ms"),
		MaxAfter:     s.Number("message.timestamp.after.max.ms"),
		MaxProducers: e.c.MaxProducersPerPartition,
	}
}

func (e *Engine) topicsDir() string { return path.Join(e.dir, "topics") }

// DirName is the name of a partition's directory. The handle keeps incarnations apart (S-55).
func DirName(topic string, index int32, h meta.Handle) string {
	return fmt.Sprintf("%s-%d.%d", topic, index, h)
}

func (e *Engine) partitionDir(p *partition.Partition) string {
	return path.Join(e.topicsDir(), DirName(p.Topic, p.Index, p.Handle))
}

// openSegments opens the files of a partition as known says; damage makes the partition refuse.
func (e *Engine) openSegments(p *partition.Partition, known seglog.Known) error {
	l, err := seglog.Open(e.partitionDir(p), seglog.Config{FS: e.c.FS, Limits: p.Settings().Limits, Files: e.files}, known)
	if err != nil {
		return fmt.Errorf("open %s/%d: %w", p.Topic, p.Index, err)
	}
	p.Attach(l)
	return nil
}
