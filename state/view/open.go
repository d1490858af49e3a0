package view

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/state"
)

// openCopies prepares to fill the copy of an edition: up to where its changelog ends now. ErrNoTable if there is no changelog.
// The copy has one user, the caller.
func (f *follower) openCopies(ctx context.Context, edition int) (*copies, error) {
	topic := names.Changelog(f.app, f.owner.Name, f.table.Name, edition)
	found, err := f.log.Topics(ctx, topic)
	if errors.Is(err, commitlog.ErrUnknownTopic) || err == nil && len(found) == 0 {
		return nil, ErrNoTable
	}
	if err != nil {
		return nil, fmt.Errorf("changelog %s: %w", topic, err)
	}
	parts, err := f.held(found[0])
	if err != nil {
		return nil, err
	}
	from, err := f.origin(ctx, found[0], parts)
	if err != nil {
		return nil, fmt.Errorf("changelog %s: %w", topic, err)
	}
	c := &copies{edition: edition, topic: topic, width: found[0].Partitions, users: 1}
	if f.disk != nil {
		if c.dir, err = f.disk.take(topic); err != nil {
			return nil, &storageError{err}
		}
	}
	for i := range parts {
		p, err := f.openPart(c, from, i)
		if err != nil {
			return nil, errors.Join(err, f.release(c))
		}
		c.parts = append(c.parts, p)
	}
	return c, nil
}

// held gives the partitions of a changelog that are followed.
func (f *follower) held(topic commitlog.Topic) (parts []commitlog.Partition, err error) {
	for i := range topic.Partitions {
		if f.holds(i) {
			parts = append(parts, commitlog.Partition{Topic: topic.Name, Index: i})
		}
	}
	if n := len(f.config.Partitions); n > len(parts) && f.config.Partitions[n-1] >= topic.Partitions {
		return nil, fmt.Errorf("config: Partitions has %d, and the table has %d partitions (changelog %s), from 0 on",
			f.config.Partitions[n-1], topic.Partitions, topic.Name)
	}
	return parts, nil
}

// holds tells whether a partition is followed.
func (f *follower) holds(index int32) bool {
	return f.config.Partitions == nil || slices.Contains(f.config.Partitions, index)
}

// origin is what a copy is filled from.
type origin struct {
	identity     state.Identity
	parts        []commitlog.Partition
	starts, ends []commitlog.Position
	keep         time.Duration // how long the changelog remembers deletions
}

func (f *follower) origin(ctx context.Context, topic commitlog.Topic, parts []commitlog.Partition) (o origin, err error) {
	o.parts = parts
	if o.starts, err = f.log.Offsets(ctx, parts, commitlog.Start, commitlog.ReadUncommitted); err != nil {
		return o, err
	}
	if o.ends, err = f.log.Offsets(ctx, parts, commitlog.End, commitlog.ReadUncommitted); err != nil {
		return o, err
	}
	if f.disk == nil {
		return o, nil
	}
	cluster, err := f.log.ClusterID(ctx)
	if err != nil {
		return o, err
	}
	o.identity = state.Identity{ClusterID: cluster, Changelogs: [][16]byte{topic.ID}}
	settings, err := f.log.TopicConfig(ctx, topic.Name)
	if err != nil {
		return o, err
	}
	const name, day = "delete.retention.ms", 24 * 60 * 60 * 1000
	ms := int64(day)
	if text, ok := settings[name]; ok {
		if ms, err = strconv.ParseInt(text, 10, 64); err != nil {
			return o, fmt.Errorf("setting %s is %q: want a number", name, text)
		}
	}
	o.keep = time.Duration(ms) * time.Millisecond
	return o, nil
}

// openPart opens one store and finds where it goes on.
func (f *follower) openPart(c *copies, o origin, i int) (*part, error) {
	config := state.Config{
		// The form of keys is part of the name: keys of another form could not be found.
		Tables: []state.TableConfig{{Name: c.topic + " by " + f.table.KeyFormat, Sort: f.table.Sort, Unsort: f.table.Unsort,
			Schemas: f.table.Schemas}},
		RestoreBytes: unitBytes,
		Clock:        f.config.Clock,
	}
	if c.dir != "" {
		config.FS, config.Dir = f.config.FS, path.Join(c.dir, strconv.Itoa(int(o.parts[i].Index)))
		config.Identity, config.Logger = o.identity, f.config.Logger
	}
	store, err := state.Open(config)
	if err != nil {
		return nil, &storageError{err}
	}
	p := &part{store: store, partition: o.parts[i], target: o.ends[i].Offset, high: o.ends[i].Offset, applied: o.starts[i].Offset}
	if why := store.Unfit(nil, state.Extents(o.starts[i:i+1], o.ends[i:i+1]), o.keep); why != "" {
		if err := store.Reject(why); err != nil {
			return nil, &storageError{err}
		}
	}
	if m := store.Mark(); len(m.Changelogs) > 0 {
		p.applied, p.epoch = max(p.applied, m.Changelogs[0].Next), m.Changelogs[0].Epoch
		p.newest, p.shown, p.time = m.Time, m.Time, m.Time
	}
	return p, nil
}

// use lets an iteration use a copy: the one that answers now.
func (f *follower) use() (*copies, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.err != nil {
		return nil, f.mu.err
	}
	f.mu.current.users++
	return f.mu.current, nil
}

// release ends a use of a copy. The last one closes it: an iteration keeps an edition that answers no more, and what it has on
// disk, until it ends.
func (f *follower) release(c *copies) error {
	if c == nil {
		return nil
	}
	f.mu.Lock()
	c.users--
	last, obsolete, clean := c.users == 0, c.obsolete, f.mu.fault == nil
	f.mu.Unlock()
	if !last {
		return nil
	}
	var errs []error
	for _, p := range c.parts {
		if err := p.store.Close(clean && !obsolete); err != nil && clean && !errors.Is(err, state.ErrClosed) {
			errs = append(errs, err) // after a fault of the disk, which was told, there is no other to be expected
		}
	}
	if c.dir != "" {
		errs = append(errs, f.disk.leave(c.dir, obsolete))
	}
	return errors.Join(errs...)
}

// discard releases a copy that answers no more, for good; what could not be tidied is tidied by the next view.
func (f *follower) discard(c *copies, obsolete bool) {
	if c == nil {
		return
	}
	f.mu.Lock()
	c.obsolete = c.obsolete || obsolete
	f.mu.Unlock()
	f.letGo(c)
}

// letGo is release where an error is nobody's result.
func (f *follower) letGo(c *copies) {
	if err := f.release(c); err != nil {
		f.config.Logger.Warn("a copy of a table could not be closed and removed", "table", f.table.Name, "dir", c.dir, "error", err)
	}
}
