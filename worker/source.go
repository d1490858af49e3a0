package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/topology"
)

// source is the topic that the entries of a table of others come from at the moment: the changelog of the owner's serving
// edition, or the topic of a NewTopicTable.
type source struct {
	topic      string
	id         [16]byte
	partitions int32
}

// sourceError says why a table of others cannot be read. It stops the tasks that read it, and nobody else.
type sourceError struct {
	table string
	err   error
}

func (e *sourceError) Error() string {
	return fmt.Sprintf("table %s, which others write, cannot be read: %v", e.table, e.err)
}

func (e *sourceError) Unwrap() error { return e.err }

// sourceTopic names the topic of a table. false: no worker has run the owner yet, and the table is empty.
func (w *Worker) sourceTopic(st *control.State, d *decl.Table) (topic string, ok bool) {
	if d.Topic {
		return d.Name, true
	}
	owner := w.app.Owner(d.Name)
	p := st.Processor(owner.Name)
	if p.Serving == 0 {
		return "", false
	}
	return names.Changelog(w.app.Name(), owner.Name, d.Name, p.Serving), true
}

// source describes the topic. It exists whenever its edition does: the worker that makes an edition known has made its topics.
func (w *Worker) source(ctx context.Context, topic string, d *decl.Table) (source, error) {
	t, err := w.topic(ctx, topic)
	switch {
	case errors.Is(err, commitlog.ErrUnknownTopic):
		return source{}, &sourceError{d.Name, fmt.Errorf("its topic %s was deleted: %w", topic, err)}
	case err != nil:
		return source{}, err
	}
	return source{topic, t.ID, t.Partitions}, nil
}

// pastTopics names the topics of the owner's editions that do not serve: copies of them are left over.
func (w *Worker) pastTopics(st *control.State, d *decl.Table) (topics []string) {
	if d.Topic {
		return nil
	}
	owner := w.app.Owner(d.Name)
	p := st.Processor(owner.Name)
	for n := 1; n <= p.Latest(); n++ {
		if n != p.Serving {
			topics = append(topics, names.Changelog(w.app.Name(), owner.Name, d.Name, n))
		}
	}
	return topics
}

// prepareForeign makes sure that the topics of the tables that a processor reads are there, and as wide as they must be. It
// gives all faults.
func (u *unit) prepareForeign(ctx context.Context) (faults []error) {
	w := u.worker
	for _, tables := range [][]*decl.Table{u.decl.Reads, u.decl.Globals} {
		for _, d := range tables {
			if !d.Topic {
				continue
			}
			_, err := w.topic(ctx, d.Name)
			switch {
			case err == nil:
				err = w.wantCompacted(ctx, u, d)
			case errors.Is(err, commitlog.ErrUnknownTopic) && w.config.Partitions == 0:
				err = fmt.Errorf("table topic %s of processor %s does not exist: create it, or let the worker do it by setting Config.Partitions",
					d.Name, u.decl.Name)
			case errors.Is(err, commitlog.ErrUnknownTopic):
				err = w.ensure(ctx, commitlog.TopicSpec{Name: d.Name, Partitions: int32(w.config.Partitions),
					Config: map[string]string{"cleanup.policy": "compact", "retention.ms": "-1", "retention.bytes": "-1"}})
			}
			if err != nil {
				faults = append(faults, err)
			}
		}
	}
	return faults
}

// wantCompacted warns of a topic whose entries the log forgets: copies that were there before know more than new ones.
func (w *Worker) wantCompacted(ctx context.Context, u *unit, d *decl.Table) error {
	c, err := w.logc.TopicConfig(ctx, d.Name)
	if err != nil {
		return fmt.Errorf("worker: settings of topic %s: %w", d.Name, err)
	}
	if policy := c["cleanup.policy"]; policy != "compact" && (c["retention.ms"] != "-1" || c["retention.bytes"] != "-1") {
		u.log.Warn("a topic that is read as a table is not compacted: entries vanish with its retention", "topic", d.Name,
			"cleanup.policy", policy, "retention.ms", c["retention.ms"], "retention.bytes", c["retention.bytes"])
	}
	return nil
}

// checkReads compares the width of the tables that are read by partition with that of the inputs (C-21). What is not there
// yet is looked at when it is.
func (u *unit) checkReads(ctx context.Context, input string, width int32) (faults []error) {
	for _, d := range u.decl.Reads {
		topic, whose := d.Name, "its topic "+d.Name
		if owner := u.worker.app.Owner(d.Name); !d.Topic {
			whose = "input " + firstPublic(owner) + " of its owner " + owner.Name
			topic = firstPublic(owner)
		}
		t, err := u.worker.topic(ctx, topic)
		switch {
		case errors.Is(err, commitlog.ErrUnknownTopic):
		case err != nil:
			faults = append(faults, err)
		case t.Partitions != width:
			faults = append(faults, fmt.Errorf("processor %s reads table %s by partition: %s has %d partitions, and its own input %s has %d, which is the number wanted; "+
				"name the table in ReadsGlobal, or move the input through an internal stream", u.decl.Name, d.Name, whose, t.Partitions, input, width))
		}
	}
	return faults
}

// firstPublic is an input whose width is that of a processor's tables.
func firstPublic(p *decl.Processor) string {
	for _, in := range p.Inputs {
		if !in.Stream.Internal {
			return in.Stream.Name
		}
	}
	return ""
}

// partitionerOf is how the keys of a table of others are hashed, as far as the program knows.
func (w *Worker) partitionerOf(d *decl.Table) commitlog.Partitioner {
	if d.Topic {
		return d.Partitioner
	}
	return topology.Partitioner(w.app.Owner(d.Name))
}
