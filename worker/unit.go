package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/topology"
)

// unit runs one processor on this worker: it knows which edition serves, is a member of that edition's group, and starts and
// stops tasks as the group assigns them. Its goroutine, run, owns everything but the inbox and the control topic.
type unit struct {
	worker       *Worker
	decl         *decl.Processor
	log          *slog.Logger
	controlTopic string
	fingerprint  topology.Fingerprint
	partitions   int32 // of the public inputs
	control      *controlClient

	inbox   *inbox
	ended   chan struct{} // closed when run has returned: nobody reads the inbox any more
	serving *edition
	tasks   map[int32]*task // of the serving edition
	owned   map[int32]bool  // partitions that the group gave to this worker

	removed      map[int]bool // dropped editions whose directories this worker has looked for
	assignedOnce bool         // in this serve
	served       bool         // an edition has been served since the start
	build        *build       // nil: none under way

	// steady: the group has assigned partitions and no build is under way. Settled reads it.
	steady atomic.Bool
	// member: this worker has its share of the processor's partitions, which may be none.
	member  atomic.Bool
	commits commitFigures
	placed  atomic.Pointer[placement] // what the group gave, for Settled
}

// The messages of a unit's inbox.
type (
	taskEnded struct {
		task *task
		err  error
	}
	unitFailed     struct{ err error }
	membershipLost struct{}
	switchOverdue  struct{ build *build }
	controlMoved   struct{}
	commitsMoved   struct{}
	compared       struct {
		build  *build
		events []control.Event
		err    error
	}
	taskHung struct {
		task *task
		call uint64
		hang *hang
	}
	memberEnded struct{ err error }
	hook        struct {
		run  func(ctx context.Context) error
		ctx  context.Context
		done chan error
	}
)

func newUnit(w *Worker, d *decl.Processor) *unit {
	u := &unit{worker: w, decl: d, controlTopic: names.Control(w.app.Name()), fingerprint: topology.FingerprintOf(d),
		inbox: newInbox(), ended: make(chan struct{}), tasks: map[int32]*task{}, owned: map[int32]bool{}, removed: map[int]bool{}}
	u.log = w.config.Logger.With("processor", d.Name)
	return u
}

// tell sends a message to the unit. It never waits: lanes and tasks tell while the unit waits for them.
func (u *unit) tell(m any) { u.inbox.put(m) }

// run serves edition after edition until ctx ends, or something fails that another try would not mend.
func (u *unit) run(ctx context.Context) error {
	defer close(u.ended)
	c, err := openControl(u.worker.hard, u.worker.logc, u.controlTopic)
	if err != nil {
		return err
	}
	u.control = c
	defer c.close()
	if err := u.prepareTopics(ctx); err != nil {
		return quietly(ctx, err)
	}
	for ctx.Err() == nil {
		ed, err := u.choose(ctx)
		if err != nil {
			return quietly(ctx, err)
		}
		u.log.Info("edition serves here", "edition", ed.number, "version", ed.code)
		if err := u.serve(ctx, ed); err != nil && !errors.Is(err, errSwitched) {
			return quietly(ctx, err)
		} else if err != nil {
			u.worker.forget(func(t *task) bool { return t.ed.unit == u })
		}
	}
	return nil
}

// quietly drops an error that only says that ctx ended.
func quietly(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// errSwitched ends serve because another edition serves now.
var errSwitched = errors.New("worker: another edition serves")

// choose finds the edition that serves. It creates the first one, refuses a program that does not fit, and starts a rebuild
// when the program's Version is another one than the serving edition's (S-32, S-33).
func (u *unit) choose(ctx context.Context) (*edition, error) {
	for {
		st, err := u.control.refresh(ctx)
		if err != nil {
			return nil, err
		}
		p := st.Processor(u.decl.Name)
		if p.Serving == 0 {
			if err := u.create(ctx); err != nil {
				return nil, err
			}
			continue
		}
		u.removeDropped(p)
		serving := p.Editions[p.Serving]
		if serving.Partitions != u.partitions {
			return nil, fmt.Errorf("processor %s: its inputs (%s) have %d partitions, edition %d was built with %d: keys have moved; put the number back, or give the processor a new name",
				u.decl.Name, u.publicInputs(), u.partitions, serving.Number, serving.Partitions)
		}
		if err := u.checkTopics(ctx, serving); err != nil {
			return nil, err
		}
		same := serving.Code == u.decl.Version
		if same && serving.Fingerprint != string(u.fingerprint) {
			return nil, &FingerprintError{Processor: u.decl.Name, Version: u.decl.Version,
				Differences: topology.Fingerprint(serving.Fingerprint).Difference(u.fingerprint)}
		}
		if !same && u.served {
			return nil, fmt.Errorf("processor %s: edition %d serves now, built by a program with version %s; this one has version %s and was replaced",
				u.decl.Name, serving.Number, serving.Code, u.decl.Version)
		}
		if !same && p.Build == nil {
			if err := u.startFrozen(ctx, serving); err != nil {
				return nil, err
			}
			continue
		}
		if b := p.Build; b != nil && p.Editions[b.To].Code != u.decl.Version {
			if err := u.cancelAndDrop(ctx, b.To, fmt.Sprintf("the program has version %s now, the build was of %s", u.decl.Version, p.Editions[b.To].Code)); err != nil {
				return nil, err
			}
			continue
		}
		ed := newEdition(u, serving.Number, false)
		ed.base, ed.code = serving.Base, serving.Code
		if !same {
			// Nobody runs it any more, and what this program declares is not its shape: nothing is made or looked up for it.
			ed.partitions = u.partitions
			return ed, nil
		}
		return ed, ed.prepare(ctx, u.partitions)
	}
}

// publicInputs names the public inputs, for messages.
func (u *unit) publicInputs() string {
	var names []string
	for _, in := range u.decl.Inputs {
		if !in.Stream.Internal {
			names = append(names, in.Stream.Name)
		}
	}
	return strings.Join(names, ", ")
}

// create writes the first edition, with where its inputs begin: their start, or their end where StartAt says so (S-16).
func (u *unit) create(ctx context.Context) error {
	at := commitlog.Start
	if u.decl.StartAt == decl.End {
		at = commitlog.End
	}
	// Whoever reads that the edition exists finds its changelogs.
	if err := newEdition(u, 1, false).prepare(ctx, u.partitions); err != nil {
		return err
	}
	base := map[string][]int64{}
	ids, err := u.topicIDs(ctx)
	if err != nil {
		return err
	}
	for _, in := range u.decl.Inputs {
		if in.Stream.Internal {
			continue
		}
		parts := make([]commitlog.Partition, u.partitions)
		for i := range parts {
			parts[i] = commitlog.Partition{Topic: in.Stream.Name, Index: int32(i)}
		}
		got, err := u.worker.logc.Offsets(ctx, parts, at, commitlog.ReadUncommitted)
		if err != nil {
			return fmt.Errorf("processor %s: start of %s: %w", u.decl.Name, in.Stream.Name, err)
		}
		for _, pos := range got {
			base[in.Stream.Name] = append(base[in.Stream.Name], pos.Offset)
		}
	}
	_, err = u.write(ctx, control.Event{Kind: control.Created, Edition: 1, Code: u.decl.Version,
		Fingerprint: string(u.fingerprint), Partitions: u.partitions, Base: base, Topics: ids})
	return err
}

// write appends a control event of this processor. It tells whether the event counted.
func (u *unit) write(ctx context.Context, e control.Event) (bool, error) {
	e.Processor = u.decl.Name
	e.Time = u.worker.config.Clock.Now().UnixMilli()
	return u.control.write(ctx, e)
}

// cancel ends a build; what is left of it goes when the event is read.
func (u *unit) cancel(ctx context.Context, edition int, reason string) error {
	ok, err := u.write(ctx, control.Event{Kind: control.Cancel, Edition: edition, Reason: reason})
	if ok { // else it has ended already, and was told of
		u.log.Warn("build ends without a switch", "edition", edition, "reason", reason)
	}
	return err
}

// cancelAndDrop is cancel where nothing of the build runs here. A cancel that came too late drops nothing.
func (u *unit) cancelAndDrop(ctx context.Context, edition int, reason string) error {
	ok, err := u.write(ctx, control.Event{Kind: control.Cancel, Edition: edition, Reason: reason})
	if err != nil || !ok {
		return err
	}
	u.log.Warn("build ends without a switch", "edition", edition, "reason", reason)
	st, err := u.control.refresh(ctx)
	if err != nil {
		return err
	}
	return u.dropBuild(ctx, st.Processor(u.decl.Name).Editions[edition])
}
