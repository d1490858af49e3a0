package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/partition"
	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Refusal is an answer with a Kafka error code and the reason in words.
type Refusal struct {
	Kind *kerr.Error
	Why  string
}

// Error gives the reason.
func (r *Refusal) Error() string { return r.Why }

// Refuse makes a Refusal.
func Refuse(kind *kerr.Error, format string, args ...any) error {
	return &Refusal{Kind: kind, Why: fmt.Sprintf(format, args...)}
}

// changing takes the token of catalog changes and the gate; the returned function gives both back. The gate is held until
// the change is durable and folded: catalog changes are rare, and a snapshot must not fall between the two.
func (e *Engine) changing(ctx context.Context) (func(), error) {
	select {
	case <-e.admin:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-e.stop:
		return nil, ErrClosed
	}
	e.gate.RLock()
	return func() {
		e.gate.RUnlock()
		e.admin <- struct{}{}
	}, nil
}

// lasting waits for a record of a catalog change. The wait goes on when ctx ends, for a change must be folded once it is
// queued; one round of the log bounds it.
func (e *Engine) lasting(ctx context.Context, lsn wal.LSN, err error) error {
	if err == nil {
		err = e.Wait(context.WithoutCancel(ctx), lsn)
	}
	if isFull(err) {
		return Refuse(kerr.KafkaStorageError, "disk full")
	}
	return err
}

// CreateTopic makes a topic. What is asked for was checked, but for the name being free.
func (e *Engine) CreateTopic(ctx context.Context, name string, partitions int, overrides []meta.Setting) (*Topic, error) {
	done, err := e.changing(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	catalog := e.Catalog()
	if catalog.Topic(name) != nil {
		return nil, Refuse(kerr.TopicAlreadyExists, "topic %q exists", name)
	}
	m := &meta.Topic{Name: name, Settings: overrides, ID: newTopicID()}
	ps, err := e.makePartitions(m, partitions)
	if err != nil {
		return nil, err
	}
	lsn, err := e.Log(meta.TypeTopic, m.Append(nil))
	if err := e.lasting(ctx, lsn, err); err != nil {
		return nil, errors.Join(err, e.eraseAll(ps))
	}
	// An offset that was committed while an earlier topic of this name was being deleted is not one of this topic.
	e.dropOffsets(name)
	t := e.topic(m, ps)
	e.catalog.Store(catalog.with(t))
	return t, nil
}

// newTopicID gives a random uuid, version 4, never zero (S38).
func newTopicID() (id [16]byte) {
	rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

// makePartitions makes n partitions behind those m has, with their directories, and appends their handles to m.
func (e *Engine) makePartitions(m *meta.Topic, n int) ([]*partition.Partition, error) {
	var ps []*partition.Partition
	s := e.partitionSettings(m.Settings)
	fail := func(err error) ([]*partition.Partition, error) {
		err = errors.Join(err, e.eraseAll(ps))
		if isFull(err) {
			return nil, Refuse(kerr.KafkaStorageError, "disk full")
		}
		return nil, err
	}
	for range n {
		h := e.nextHandle
		e.nextHandle++
		p := partition.New(h, m.Name, int32(len(m.Partitions)), e, s, e.c.Logger)
		if err := e.openSegments(p, seglog.Known{}); err != nil {
			return fail(err)
		}
		ps = append(ps, p)
		m.Partitions = append(m.Partitions, h)
		p.CutBehind()
		if err := p.Fault(); err != nil {
			return fail(err)
		}
		p.Recovered()
	}
	if err := e.c.FS.SyncDir(e.topicsDir()); err != nil {
		e.fail(fmt.Errorf("sync %s: %w", e.topicsDir(), err))
		return nil, e.Err()
	}
	return ps, nil
}

// DeleteTopic deletes a topic. The files go when the deletion is durable.
func (e *Engine) DeleteTopic(ctx context.Context, name string) error {
	done, err := e.changing(ctx)
	if err != nil {
		return err
	}
	defer done()
	catalog := e.Catalog()
	t := catalog.Topic(name)
	if t == nil {
		return Refuse(kerr.UnknownTopicOrPartition, "topic %q is not known", name)
	}
	gone := meta.TopicGone{Name: name, Partitions: t.record().Partitions}
	lsn, err := e.logReserved(meta.TypeTopicGone, gone.Append(nil))
	if err := e.lasting(ctx, lsn, err); err != nil {
		return err
	}
	e.catalog.Store(catalog.without(t))
	for _, p := range t.Partitions {
		p.Fail(partition.ErrDeleted)
	}
	for _, h := range e.txns.all() {
		h.Lock()
		for _, p := range t.Partitions {
			h.m.Forget(p.Handle)
		}
		h.Unlock()
	}
	e.dropOffsets(name)
	if err := e.eraseAll(t.Partitions); err != nil {
		e.c.Logger.Warn("files of a deleted topic remain", "topic", name, "error", err)
	}
	signal(e.timersKick) // a full disk may have room again
	return nil
}

// dropOffsets takes the offsets of a topic out of all groups.
func (e *Engine) dropOffsets(topic string) {
	e.groups.Lock()
	defer e.groups.Unlock()
	e.groups.m.DropTopic(topic)
}

func (e *Engine) eraseAll(ps []*partition.Partition) error {
	var faults []error
	for _, p := range ps {
		faults = append(faults, e.erase(p))
	}
	return errors.Join(faults...)
}

// erase closes a partition that no longer counts and removes its directory.
func (e *Engine) erase(p *partition.Partition) error {
	p.Fail(partition.ErrDeleted)
	if err := p.Close(); err != nil {
		return err
	}
	return e.c.FS.RemoveAll(e.partitionDir(p))
}

// AddPartitions widens a topic to total partitions.
func (e *Engine) AddPartitions(ctx context.Context, name string, total int, validateOnly bool) error {
	done, err := e.changing(ctx)
	if err != nil {
		return err
	}
	defer done()
	catalog := e.Catalog()
	t := catalog.Topic(name)
	switch {
	case t == nil:
		return Refuse(kerr.UnknownTopicOrPartition, "topic %q is not known", name)
	case total <= len(t.Partitions):
		return Refuse(kerr.InvalidPartitions, "topic %q has %d partitions, want more than that, not %d", name, len(t.Partitions), total)
	case validateOnly:
		return nil
	}
	m := t.record()
	had := len(m.Partitions)
	ps, err := e.makePartitions(m, total-had)
	if err != nil {
		return err
	}
	added := meta.Partitions{Topic: name, Added: m.Partitions[had:]}
	lsn, err := e.Log(meta.TypePartitions, added.Append(nil))
	if err := e.lasting(ctx, lsn, err); err != nil {
		return errors.Join(err, e.eraseAll(ps))
	}
	e.catalog.Store(catalog.with(e.topic(m, slices.Concat(t.Partitions, ps))))
	return nil
}

// SetConfigs changes the overridden settings of a topic: change gets a copy of the present ones and gives the new ones,
// checked and sorted.
func (e *Engine) SetConfigs(ctx context.Context, name string, validateOnly bool, change func([]meta.Setting) ([]meta.Setting, error)) error {
	done, err := e.changing(ctx)
	if err != nil {
		return err
	}
	defer done()
	catalog := e.Catalog()
	t := catalog.Topic(name)
	if t == nil {
		return Refuse(kerr.UnknownTopicOrPartition, "topic %q is not known", name)
	}
	m := t.record()
	if m.Settings, err = change(slices.Clone(t.Overrides)); err != nil || validateOnly {
		return err
	}
	c := meta.Configs{Topic: name, Settings: m.Settings}
	lsn, err := e.Log(meta.TypeConfigs, c.Append(nil))
	if err := e.lasting(ctx, lsn, err); err != nil {
		return err
	}
	e.catalog.Store(catalog.with(e.topic(m, t.Partitions)))
	for _, p := range t.Partitions {
		p.SetSettings(e.partitionSettings(m.Settings))
	}
	return nil
}

// DeleteRecords deletes the records of a partition below offset, -1 for the high watermark, and gives the new log start.
// Files go with the checkpoints after the next one, when no kept snapshot needs them.
func (e *Engine) DeleteRecords(ctx context.Context, p *partition.Partition, offset int64) (int64, error) {
	done, err := e.changing(ctx)
	if err != nil {
		return -1, err
	}
	defer done()
	v := p.View()
	if offset == -1 {
		offset = v.High
	}
	switch {
	case p.Fault() != nil:
		return -1, Refuse(kerr.ErrorForCode(p.Code()).(*kerr.Error), "%s/%d: %v", p.Topic, p.Index, p.Fault())
	case offset < 0 || offset > v.High:
		return -1, Refuse(kerr.OffsetOutOfRange, "%s/%d: offset %d, want at most the high watermark %d", p.Topic, p.Index, offset, v.High)
	case offset <= v.LogStart:
		return v.LogStart, nil
	}
	lsn, err := e.logReserved(meta.TypeLogStart, meta.LogStart{Handle: p.Handle, Offset: offset}.Append(nil))
	if err := e.lasting(ctx, lsn, err); err != nil {
		return -1, err
	}
	p.SetLogStart(offset)
	return offset, nil
}
