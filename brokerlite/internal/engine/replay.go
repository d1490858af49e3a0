package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/partition"
	"github.com/millrun/millrun/brokerlite/internal/txn"
	"github.com/millrun/millrun/brokerlite/internal/wal"
)

// replay is recovery at work: the catalog as a plain map, everything owned by one goroutine.
type replay struct {
	e      *Engine
	now    time.Time
	topics map[string]*meta.Topic
	parts  map[meta.Handle]*partition.Partition
	byPID  map[int64]*transactional
	older  map[meta.Handle]int64 // log starts in the older kept snapshot
	owed   []owedMarker          // in the order of the log
}

func newReplay(e *Engine) *replay {
	return &replay{e: e, now: e.Now(), topics: map[string]*meta.Topic{}, parts: map[meta.Handle]*partition.Partition{},
		byPID: map[int64]*transactional{}, older: map[meta.Handle]int64{}}
}

// close lets go of the files of a recovery that failed.
func (r *replay) close() error {
	var faults []error
	for _, p := range r.parts {
		faults = append(faults, p.Close())
	}
	return errors.Join(faults...)
}

// load begins with a snapshot.
func (r *replay) load(s *meta.Snapshot) error {
	e := r.e
	e.clusterID, e.nextHandle = s.ClusterID, s.NextHandle
	e.nextPID.Store(s.NextPID)
	saved := map[meta.Handle]meta.Partition{}
	for _, m := range s.Partitions {
		saved[m.Handle] = m
	}
	if e.kept.older != nil {
		for _, m := range e.kept.older.Partitions {
			r.older[m.Handle] = m.LogStart
		}
	}
	for _, t := range s.Topics {
		r.topics[t.Name] = t
		for i, h := range t.Partitions {
			m, found := saved[h]
			if !found {
				return fmt.Errorf("%w: partition %s/%d has no state", meta.ErrDamaged, t.Name, i)
			}
			r.add(t, int32(i), m)
		}
	}
	for _, t := range s.Txns {
		h := &transactional{m: txn.Import(t), seen: r.now}
		e.txns.byID[t.ID] = h
		r.byPID[t.PID] = h
	}
	if err := e.groups.m.Restore(s.GroupsState); err != nil {
		return fmt.Errorf("%w: groups: %w", meta.ErrDamaged, err)
	}
	return nil
}

// add makes a partition from what is saved of it. What cannot be opened refuses to work; the others go on.
func (r *replay) add(t *meta.Topic, index int32, m meta.Partition) {
	p := partition.New(m.Handle, t.Name, index, r.e, r.e.partitionSettings(t.Settings), r.e.c.Logger)
	p.Load(m)
	known := partition.Known(m)
	// Segments below the start go when they are opened; those the older snapshot needs must stay (S-55).
	if r.e.kept.older != nil {
		known.Start = min(r.older[m.Handle], m.LogStart)
	}
	if err := r.e.openSegments(p, known); err != nil {
		p.Fail(err)
	}
	r.parts[m.Handle] = p
	r.e.nextHandle = max(r.e.nextHandle, m.Handle+1)
}

// apply folds one record of the write-ahead log.
func (r *replay) apply(lsn wal.LSN, kind byte, payload []byte) error {
	t := meta.Type(kind)
	var err error
	switch t {
	case meta.TypeBatch:
		err = r.batch(lsn, payload)
	case meta.TypeTxnEnd, meta.TypeTxnTimedOut:
		err = r.txnEnd(payload, t == meta.TypeTxnTimedOut)
	case meta.TypeMarkers:
		err = r.markers(payload)
	case meta.TypeTxnInit:
		err = r.txnInit(payload)
	case meta.TypeTxnOffsets:
		err = r.txnOffsets(payload)
	case meta.TypeGroup:
		err = r.e.groups.m.Apply(payload)
	case meta.TypeProducerID:
		var pid int64
		pid, err = meta.ReadNumber(payload)
		r.e.sawPID(pid)
	case meta.TypeEpoch:
		if _, err = meta.ReadNumber(payload); err == nil {
			for _, p := range r.parts {
				p.RedoEpoch()
			}
		}
	default:
		err = r.catalog(t, payload)
	}
	if err != nil {
		return fmt.Errorf("%v record: %w", t, err)
	}
	return nil
}

func (r *replay) batch(lsn wal.LSN, payload []byte) error {
	place, b, err := meta.ReadBatch(payload)
	if err != nil {
		return err
	}
	p := r.parts[place.Handle]
	if p == nil {
		return nil // of a deleted topic
	}
	pid, transactional, err := p.RedoBatch(place, b, r.now, lsn)
	if err != nil || !transactional {
		return err
	}
	if h := r.byPID[pid]; h != nil {
		h.m.ApplyWrite(place.Handle, r.now)
	}
	return nil
}

func (r *replay) txnEnd(payload []byte, timedOut bool) error {
	end, err := meta.ReadTxnEnd(payload)
	if err != nil {
		return err
	}
	if err := r.redoMarkers(end); err != nil {
		return err
	}
	if len(end.Groups) > 0 {
		r.e.groups.m.EndTransaction(end.PID, end.Epoch, end.Commit)
	}
	h := r.e.txns.findOrMake(end.ID, r.now)
	r.owe(h.m.Partitions(), end)
	h.m.ApplyEnd(end, timedOut)
	r.owns(end.NextPID, h)
	return nil
}

func (r *replay) redoMarkers(end *meta.TxnEnd) error {
	for _, m := range end.Markers {
		if p := r.parts[m.Handle]; p != nil {
			if err := p.RedoMarker(end, m, r.now); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *replay) txnInit(payload []byte) error {
	init, err := meta.ReadTxnInit(payload)
	if err != nil {
		return err
	}
	h := r.e.txns.findOrMake(init.ID, r.now)
	h.m.ApplyInit(init)
	r.owns(init.PID, h)
	return nil
}

func (r *replay) owns(pid int64, h *transactional) {
	r.byPID[pid] = h
	r.e.sawPID(pid)
}

func (r *replay) txnOffsets(payload []byte) error {
	o, err := meta.ReadTxnOffsets(payload)
	if err != nil {
		return err
	}
	r.e.txns.findOrMake(o.ID, r.now).m.ApplyStage(o.Group, r.now)
	return r.e.groups.m.Apply(o.Record)
}

// catalog folds the records about topics.
func (r *replay) catalog(t meta.Type, payload []byte) error {
	switch t {
	case meta.TypeTopic:
		m, err := meta.ReadTopic(payload)
		if err != nil {
			return err
		}
		r.topics[m.Name] = m
		r.e.groups.m.DropTopic(m.Name) // as CreateTopic does
		for i, h := range m.Partitions {
			r.add(m, int32(i), meta.Partition{Handle: h})
		}
	case meta.TypePartitions:
		m, err := meta.ReadPartitions(payload)
		if err != nil {
			return err
		}
		topic := r.topics[m.Topic]
		if topic == nil {
			return fmt.Errorf("topic %q is not known", m.Topic)
		}
		for _, h := range m.Added {
			r.add(topic, int32(len(topic.Partitions)), meta.Partition{Handle: h})
			topic.Partitions = append(topic.Partitions, h)
		}
	case meta.TypeConfigs:
		m, err := meta.ReadConfigs(payload)
		if err != nil {
			return err
		}
		if topic := r.topics[m.Topic]; topic != nil {
			topic.Settings = m.Settings
			for _, h := range topic.Partitions {
				r.parts[h].SetSettings(r.e.partitionSettings(m.Settings))
			}
		}
	case meta.TypeTopicGone:
		return r.topicGone(payload)
	case meta.TypeLogStart:
		m, err := meta.ReadLogStart(payload)
		if err != nil {
			return err
		}
		if p := r.parts[m.Handle]; p != nil {
			p.RedoLogStart(m.Offset)
		}
	default:
		return fmt.Errorf("unknown: a newer program wrote it")
	}
	return nil
}

func (r *replay) topicGone(payload []byte) error {
	m, err := meta.ReadTopicGone(payload)
	if err != nil {
		return err
	}
	delete(r.topics, m.Name)
	r.e.groups.m.DropTopic(m.Name)
	for _, h := range m.Partitions {
		p := r.parts[h]
		if p == nil {
			continue
		}
		delete(r.parts, h)
		for _, t := range r.e.txns.byID {
			t.m.Forget(h)
		}
		if err := r.e.erase(p); err != nil {
			return err
		}
	}
	return nil
}

// finish makes the recovered state the engine's.
func (r *replay) finish() {
	e := r.e
	c := newCatalog()
	for _, m := range r.topics {
		ps := make([]*partition.Partition, len(m.Partitions))
		for i, h := range m.Partitions {
			ps[i] = r.parts[h]
			ps[i].Recovered()
		}
		c.put(e.topic(m, ps))
	}
	e.catalog.Store(c)
	for _, h := range e.txns.byID {
		h.m.Restart(r.now)
	}
	e.groups.Lock()
	defer e.groups.Unlock()
	e.groupEffects(e.groups.m.Recovered(r.now))
}

func sortTxns(ts []meta.Txn) {
	slices.SortFunc(ts, func(a, b meta.Txn) int { return cmp.Compare(a.ID, b.ID) })
}
