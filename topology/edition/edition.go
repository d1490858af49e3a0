// Package edition lists the editions of a processor and rebuilds it from offset zero.
//
// An edition is one complete build of a processor's tables: its own consumer group, changelogs, internal topics and
// directories. Nothing is ever reset in place; a rebuild makes the next edition, compares, and then one record in the
// application's control topic makes it the serving one.
//
//	eds, err := edition.Open(ctx, app, log, "order-totals")
//	defer eds.Close()
//	result, err := eds.Rebuild(ctx, edition.RebuildConfig{})
//	fmt.Println(result) // "edition 2 serves: 10 records read, 4 entries compared, equal (exact)"
//
// Calls write control records; the workers that run the processor do the work, so one must be running. What is said here
// about S-n stands in docs/semantics.md.
//
// Retired editions keep what they have until Drop deletes it. Limits of this version: a rebuild stops the serving edition at
// the point of comparison while it is built, so answers stand still meanwhile; nothing that was emitted is emitted again.
package edition

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/topology"
)

// The errors that callers tell apart. ErrNoEdition: no worker has run the processor yet. ErrBusy: another build is under
// way, or somebody else's control record came first. ErrUnknown: there is no edition of that number, or not in that state.
var (
	ErrNoEdition = errors.New("edition: no worker has run this processor yet")
	ErrBusy      = errors.New("edition: another build is under way")
	ErrUnknown   = errors.New("edition: not there, or not in that state")
)

// Editions speaks of one processor. It is not safe for concurrent use.
type Editions struct {
	app   *topology.Topology
	decl  *decl.Processor
	log   commitlog.Log
	topic *control.Topic
}

// Open prepares to read and write the control records of a processor. It creates nothing.
func Open(ctx context.Context, app *topology.Topology, log commitlog.Log, processor string) (*Editions, error) {
	d := app.Processor(processor)
	if d == nil {
		return nil, fmt.Errorf("edition: application %s has no processor %q", app.Name(), processor)
	}
	t, err := control.Open(ctx, log, names.Control(app.Name()))
	if err != nil {
		return nil, err
	}
	return &Editions{app: app, decl: d, log: log, topic: t}, nil
}

// Close ends the reading of control records.
func (e *Editions) Close() error { return e.topic.Close() }

// Info describes one edition.
type Info struct {
	Number  int
	Version string // processor.Version of the program that built it
	State   State
	Reason  string // of a cancelled one
}

// State is what an edition is at a moment.
type State string

// Serving is the one whose effects count, Building is under way, Ready waits for Switch. Retired served once and keeps its
// topics and directories until it is dropped: Dropped. Cancelled was never switched to, for the Reason given, and keeps nothing.
const (
	Serving   State = "serving"
	Building  State = "building"
	Ready     State = "ready"
	Retired   State = "retired"
	Cancelled State = "cancelled"
	Dropped   State = "dropped"
)

// List gives all editions, oldest first; none before a worker ran the processor.
func (e *Editions) List(ctx context.Context) ([]Info, error) {
	p, err := e.refresh(ctx)
	if err != nil {
		return nil, err
	}
	var list []Info
	for _, ed := range p.Editions {
		list = append(list, Info{Number: ed.Number, Version: ed.Code, State: stateOf(p, ed), Reason: ed.Cancelled})
	}
	slices.SortFunc(list, func(a, b Info) int { return a.Number - b.Number })
	return list, nil
}

func stateOf(p *control.Processor, ed *control.Edition) State {
	switch b := p.Build; {
	case ed.Number == p.Serving:
		return Serving
	case b != nil && b.To == ed.Number && b.AllReady(ed.Partitions):
		return Ready
	case b != nil && b.To == ed.Number:
		return Building
	case ed.Cancelled != "":
		return Cancelled
	case ed.Dropped:
		return Dropped
	default:
		return Retired
	}
}

func (e *Editions) refresh(ctx context.Context) (*control.Processor, error) {
	st, err := e.topic.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	return st.Processor(e.decl.Name), nil
}

// write appends an event. ErrBusy when somebody else's came first.
func (e *Editions) write(ctx context.Context, ev control.Event) error {
	ev.Processor = e.decl.Name
	ev.Time = clock.System.Now().UnixMilli()
	ok, err := e.topic.Write(ctx, ev)
	if err == nil && !ok {
		err = fmt.Errorf("%s of edition %d was not accepted: %w", ev.Kind, ev.Edition, ErrBusy)
	}
	return err
}

// Switch makes an edition serve that is ready and was asked to wait (worker.Config.SwitchByHand, RebuildConfig.ByHand).
func (e *Editions) Switch(ctx context.Context, number int) error {
	p, err := e.refresh(ctx)
	if err != nil {
		return err
	}
	if b := p.Build; b == nil || b.To != number || !b.AllReady(p.Editions[number].Partitions) {
		return fmt.Errorf("edition %d of processor %s is not ready to be switched to: %w", number, e.decl.Name, ErrUnknown)
	}
	return e.write(ctx, control.Event{Kind: control.Serving, Edition: number})
}

// Cancel ends a build; the serving edition goes on where it stands.
func (e *Editions) Cancel(ctx context.Context, number int) error {
	p, err := e.refresh(ctx)
	if err != nil {
		return err
	}
	if p.Build == nil || p.Build.To != number {
		return fmt.Errorf("edition %d of processor %s is not being built: %w", number, e.decl.Name, ErrUnknown)
	}
	return e.write(ctx, control.Event{Kind: control.Cancel, Edition: number, Reason: "cancelled by hand"})
}
