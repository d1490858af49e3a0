package worker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/state"
)

// prepareTopics makes sure that what a processor reads and writes in public is there: a missing topic is created when
// Config.Partitions says how wide, else it is an error. All faults are reported at once.
func (u *unit) prepareTopics(ctx context.Context) error {
	w := u.worker
	if err := w.ensure(ctx, control.Spec(u.controlTopic)); err != nil {
		return err
	}
	var faults []error
	seen := map[string]bool{}
	public := func(s *decl.Stream, how string) {
		if s.Internal || seen[s.Name] {
			return
		}
		seen[s.Name] = true
		if _, err := w.topic(ctx, s.Name); errors.Is(err, commitlog.ErrUnknownTopic) {
			if w.config.Partitions == 0 {
				faults = append(faults, fmt.Errorf("%s topic %s of processor %s does not exist: create it, or let the worker do it by setting Config.Partitions",
					how, s.Name, u.decl.Name))
				return
			}
			if err := w.ensure(ctx, commitlog.TopicSpec{Name: s.Name, Partitions: int32(w.config.Partitions),
				Config: map[string]string{"retention.ms": "-1", "retention.bytes": "-1"}}); err != nil {
				faults = append(faults, err)
			}
		} else if err != nil {
			faults = append(faults, err)
		}
	}
	for _, in := range u.decl.Inputs {
		public(in.Stream, "input")
	}
	for _, s := range u.decl.Emits {
		public(s, "output")
	}
	if faults = append(faults, u.prepareForeign(ctx)...); len(faults) > 0 {
		return errors.Join(faults...)
	}
	return u.checkWidth(ctx)
}

// prepare makes what belongs to an edition and learns what its tasks need to know.
func (e *edition) prepare(ctx context.Context, partitions int32) error {
	w := e.unit.worker
	e.partitions = partitions
	compacted := map[string]string{"cleanup.policy": "compact", "retention.ms": "-1", "retention.bytes": "-1"}
	kept := map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
	journal, err := e.own(ctx, e.journal, compacted)
	if err != nil {
		return err
	}
	cluster, err := w.logc.ClusterID(ctx)
	if err != nil {
		return fmt.Errorf("worker: id of the log: %w", err)
	}
	e.identity = state.Identity{ClusterID: cluster, Journal: journal.ID}
	for i := range e.tables {
		t := &e.tables[i]
		topic, err := e.own(ctx, t.changelog, compacted)
		if err != nil {
			return err
		}
		e.identity.Changelogs = append(e.identity.Changelogs, topic.ID)
		if t.maxBytes, err = w.maxBytes(ctx, t.changelog); err != nil {
			return err
		}
		keep, err := w.deleteRetention(ctx, t.changelog)
		if err != nil {
			return err
		}
		if i == 0 || keep < e.deleteRetention { // the store is of all of them, and so as old as the most forgetful lets it be
			e.deleteRetention = keep
		}
	}
	for i := range e.outputs {
		o := &e.outputs[i]
		if o.decl.Internal {
			if _, err := e.own(ctx, o.topic, kept); err != nil {
				return err
			}
		}
		if err := w.learn(ctx, o); err != nil {
			return err
		}
	}
	if e.decl.OnError.Then == decl.DeadLetter {
		if err := w.ensure(ctx, commitlog.TopicSpec{Name: e.letters.topic, Partitions: partitions, Config: kept}); err != nil {
			return err
		}
		if err := w.learn(ctx, &e.letters); err != nil {
			return err
		}
	}
	e.globals = w.startGlobals(e.decl.Globals)
	tasks := int64(max(1, partitions)) * int64(1+len(e.decl.Reads)) * int64(len(w.units)) // a copy is a store too, and all processors share
	e.writeBuffer = min(max(w.config.StateMemory/(5*tasks), 64<<10), 16<<20)
	e.cacheBytes = max(w.config.StateMemory/(4*tasks), 256<<10)
	return nil
}

// own makes a topic of the edition if it is missing, and refuses one of another width.
func (e *edition) own(ctx context.Context, name string, config map[string]string) (commitlog.Topic, error) {
	w := e.unit.worker
	if err := w.ensure(ctx, commitlog.TopicSpec{Name: name, Partitions: e.partitions, Config: config}); err != nil {
		return commitlog.Topic{}, err
	}
	t, err := w.topic(ctx, name)
	if err == nil && t.Partitions != e.partitions {
		err = fmt.Errorf("processor %s: topic %s has %d partitions, its inputs have %d: keys have moved; %s belongs to Millrun and must have %d",
			e.decl.Name, name, t.Partitions, e.partitions, name, e.partitions)
	}
	return t, err
}

// ensure creates a topic unless it exists.
func (w *Worker) ensure(ctx context.Context, spec commitlog.TopicSpec) error {
	if _, err := w.topic(ctx, spec.Name); !errors.Is(err, commitlog.ErrUnknownTopic) {
		return err
	}
	if err := w.logc.CreateTopic(ctx, spec); err != nil && !errors.Is(err, commitlog.ErrTopicExists) {
		return fmt.Errorf("worker: create topic %s: %w", spec.Name, err)
	}
	return nil
}

// topic describes one topic; commitlog.ErrUnknownTopic if there is none.
func (w *Worker) topic(ctx context.Context, name string) (commitlog.Topic, error) {
	ts, err := w.logc.Topics(ctx, name)
	if err != nil {
		return commitlog.Topic{}, fmt.Errorf("worker: look up topic %s: %w", name, err)
	}
	for _, t := range ts {
		if t.Name == name {
			return t, nil
		}
	}
	return commitlog.Topic{}, fmt.Errorf("worker: topic %s: %w", name, commitlog.ErrUnknownTopic)
}

// learn fills in what a task must know of a topic that it writes to.
func (w *Worker) learn(ctx context.Context, o *output) error {
	t, err := w.topic(ctx, o.topic)
	if err != nil {
		return err
	}
	o.partitions = t.Partitions
	o.maxBytes, err = w.maxBytes(ctx, o.topic)
	return err
}

// maxBytes is the size of the largest record batch that a topic takes.
func (w *Worker) maxBytes(ctx context.Context, topic string) (int, error) {
	n, err := w.number(ctx, topic, "max.message.bytes", 1<<20)
	return int(n), err
}

// deleteRetention is how long a compacted topic keeps a tombstone.
func (w *Worker) deleteRetention(ctx context.Context, topic string) (time.Duration, error) {
	ms, err := w.number(ctx, topic, "delete.retention.ms", 24*60*60*1000)
	return time.Duration(ms) * time.Millisecond, err
}

func (w *Worker) number(ctx context.Context, topic, setting string, fallback int64) (int64, error) {
	c, err := w.logc.TopicConfig(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("worker: settings of topic %s: %w", topic, err)
	}
	text, ok := c[setting]
	if !ok {
		return fallback, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("worker: topic %s: setting %s is %q, want a number", topic, setting, text)
	}
	return n, nil
}
