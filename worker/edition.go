package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/state"
	"github.com/millrun/millrun/topology"
)

// edition is one edition of a processor as this worker runs it: its names, its topics and its lanes. What it knows of
// topics is read once, by prepare; afterwards it does not change, but for the member.
type edition struct {
	unit   *unit
	decl   *decl.Processor
	number int
	// following: it is built beside the serving edition. What it emits to public streams is held back, and it takes its inputs
	// in the order that the serving edition recorded (S-25, S-35).
	following bool
	sameCode  bool                   // as the edition it follows: decisions are repeated (S-26)
	codeSince map[int32]control.Stop // by partition: decisions below are of other code, and not repeated
	base      map[string][]int64
	code      string // processor.Version of the program that built it
	log       *slog.Logger

	group           string
	journal         string
	partitions      int32
	partitioner     commitlog.Partitioner
	inputs          []input // part.Index is filled in by each task
	tables          []ownTable
	globals         []*global
	outputs         []output
	letters         output
	identity        state.Identity
	deleteRetention time.Duration
	cacheBytes      int64
	writeBuffer     int64

	lanes    []*lane
	stop     context.CancelFunc
	barriers sync.WaitGroup // what else runs for the edition: barriers, comparisons, closing copies

	mu struct {
		sync.Mutex
		member commitlog.Member // of this worker in the edition's group
		fence  commitlog.Member // following: of this worker in the serving edition's group
		// fenced holds, for each partition of a following edition, the serving edition's offsets that a commit repeats so that its
		// generation is checked (S-3).
		fenced map[int32][]commitlog.Position
	}
}

type ownTable struct {
	decl      *decl.Table
	changelog string
	maxBytes  int
}

type output struct {
	decl       *decl.Stream
	topic      string
	partitions int32
	maxBytes   int
}

func newEdition(u *unit, number int, following bool) *edition {
	w := u.worker
	e := &edition{unit: u, decl: u.decl, number: number, following: following,
		group:   names.Group(w.app.Name(), u.decl.Name, number),
		journal: names.Journal(w.app.Name(), u.decl.Name)}
	e.log = w.config.Logger.With("processor", u.decl.Name, "edition", number)
	e.partitioner = topology.Partitioner(u.decl)
	for i := range u.decl.Inputs {
		in := &u.decl.Inputs[i]
		e.inputs = append(e.inputs, input{decl: in, stream: in.Stream, part: commitlog.Partition{Topic: e.topic(in.Stream)}, limit: -1})
	}
	for _, t := range u.decl.Owns {
		e.tables = append(e.tables, ownTable{decl: t, changelog: names.Changelog(w.app.Name(), u.decl.Name, t.Name, number)})
	}
	for _, s := range u.decl.Emits {
		e.outputs = append(e.outputs, output{decl: s, topic: e.topic(s)})
	}
	e.letters.topic = names.DeadLetters(w.app.Name(), u.decl.Name)
	if following {
		e.letters.topic = names.DeadLettersOf(w.app.Name(), u.decl.Name, number)
	}
	e.mu.member = commitlog.Member{Group: e.group, Generation: -1}
	e.mu.fenced = map[int32][]commitlog.Position{}
	return e
}

// topic is where a stream lives for this edition.
func (e *edition) topic(s *decl.Stream) string {
	if s.Internal {
		return names.Internal(e.unit.worker.app.Name(), e.unit.decl.Name, s.Name, e.number)
	}
	return s.Name
}

// fenced tells whether public emits are held back.
func (e *edition) fenced() bool { return e.following }

// start opens the lanes: each fences what a predecessor of this worker left and waits until it is decided.
// Opening ends with ctx, the lanes only with hard, or with close.
func (e *edition) start(ctx, hard context.Context) error {
	w := e.unit.worker
	hard, e.stop = context.WithCancel(hard)
	n := min(w.config.Lanes, int(e.partitions))
	for i := range n {
		l := newLane(e, i)
		tx, err := w.logc.OpenTransactor(ctx, commitlog.TransactorConfig{
			ID:      names.TransactionalID(w.app.Name(), e.decl.Name, e.number, w.id, i),
			Timeout: w.config.TransactionTimeout,
		})
		if err != nil {
			e.close()
			return fmt.Errorf("%s: open producer of lane %d: %w", e.group, i, err)
		}
		l.tx = tx
		e.lanes = append(e.lanes, l)
		go l.run(hard) // close waits for it
	}
	return nil
}

// close ends the lanes. Their tasks are gone already.
func (e *edition) close() {
	e.stop()
	for _, l := range e.lanes {
		<-l.done
		if err := l.tx.Close(); err != nil {
			l.log.Warn("close producer", "error", err)
		}
	}
	e.lanes = nil
	e.barriers.Wait()
}

// logsOf lists the journal and the changelogs of a partition, in the order of the tables.
func (e *edition) logsOf(partition int32) []commitlog.Partition {
	logs := make([]commitlog.Partition, 0, 1+len(e.tables))
	logs = append(logs, commitlog.Partition{Topic: e.journal, Index: partition})
	for i := range e.tables {
		logs = append(logs, commitlog.Partition{Topic: e.tables[i].changelog, Index: partition})
	}
	return logs
}

// setMember is told by the unit of a new generation.
func (e *edition) setMember(m commitlog.Member) {
	e.mu.Lock()
	e.mu.member = m
	e.mu.Unlock()
}

// setFence tells a following edition under which membership, and beside which offsets of the serving edition, it may commit
// for a partition.
func (e *edition) setFence(m commitlog.Member, partition int32, offsets []commitlog.Position) {
	e.mu.Lock()
	e.mu.fence = m
	e.mu.fenced[partition] = offsets
	e.mu.Unlock()
}

// offsets are the group offsets of a commit: those of every task in it, moved or not (S-3). An edition that follows has no
// members of its own; it repeats the serving edition's offsets under this worker's membership there, so that a worker the
// group has left behind cannot commit.
func (e *edition) offsets(fs []*frozen) []commitlog.GroupOffsets {
	e.mu.Lock()
	defer e.mu.Unlock()
	own := commitlog.GroupOffsets{Member: e.mu.member}
	fence := commitlog.GroupOffsets{Member: e.mu.fence}
	for _, f := range fs {
		for i, in := range f.task.inputs {
			own.Offsets = append(own.Offsets, commitlog.Position{Partition: in.part, Offset: f.position.Inputs[i].Next})
		}
		fence.Offsets = append(fence.Offsets, e.mu.fenced[f.task.partition]...)
	}
	if len(fence.Offsets) > 0 {
		return []commitlog.GroupOffsets{own, fence}
	}
	return []commitlog.GroupOffsets{own}
}

// barrier makes a task's tables durable in the background, one at a time per task (S-13).
func (e *edition) barrier(t *task) {
	if !t.inBarrier.CompareAndSwap(false, true) {
		return
	}
	e.barriers.Go(func() { // close waits for it
		defer t.inBarrier.Store(false)
		if err := t.store.Barrier(); err != nil {
			t.box.post(msgFail{fmt.Errorf("%s: barrier of the tables: %w", t.name(), err)})
		}
	})
}

// storeConfig says where and how a task keeps its tables.
func (e *edition) storeConfig(partition int32, log *slog.Logger) state.Config {
	w := e.unit.worker
	c := state.Config{FS: w.config.FS, Identity: e.identity, WriteBuffer: e.writeBuffer, BlockCache: e.cacheBytes / 4, Logger: log,
		Clock: w.config.Clock}
	if w.config.StateDir != "" && len(e.tables) > 0 {
		c.Dir = names.TaskDir(w.config.StateDir, w.app.Name(), e.decl.Name, e.number, partition)
	}
	for _, t := range e.tables {
		c.Tables = append(c.Tables, state.TableConfig{Name: t.decl.Name, Sort: t.decl.Sort, Unsort: t.decl.Unsort, Schemas: t.decl.Schemas, Same: t.decl.Same})
	}
	return c
}

// baseOf is where the edition's inputs begin in one partition. Internal streams begin at their own start.
func (e *edition) baseOf(ctx context.Context, partition int32) (map[string]int64, error) {
	base := map[string]int64{}
	for _, in := range e.inputs {
		if at := e.base[in.stream.Name]; int(partition) < len(at) {
			base[in.stream.Name] = at[partition]
			continue
		}
		p := commitlog.Partition{Topic: in.part.Topic, Index: partition}
		pos, err := e.unit.worker.logc.Offsets(ctx, []commitlog.Partition{p}, commitlog.Start, commitlog.ReadUncommitted)
		if errors.Is(err, commitlog.ErrUnknownTopic) && in.stream.Internal {
			continue // an edition of another program, which did not have it
		}
		if err != nil {
			return nil, fmt.Errorf("%s: start of %v: %w", e.group, p, err)
		}
		base[in.stream.Name] = pos[0].Offset
	}
	return base, nil
}
