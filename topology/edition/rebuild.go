package edition

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/topology"
)

// RebuildConfig says what becomes of the new edition.
type RebuildConfig struct {
	// Keep lets the new edition serve even when its tables differ from the old one's. false: it is cancelled then.
	Keep bool
	// ByHand lets it wait for Switch or Cancel after the comparison. false: it serves at once, or is cancelled.
	ByHand bool
	// Progress is called with what the workers have told so far, from the goroutine of Rebuild; nil: nobody asks. No figure of
	// it ever falls, and before a Rebuild that did not cancel what it built returns, it is called with all of Total.
	Progress func(Progress)
}

// Progress is how far a rebuild is.
type Progress struct {
	Edition    int
	Partitions int32 // of the processor
	Stopped    int32 // tasks of the serving edition that stand at the point of comparison
	Ready      int32 // tasks of the new edition that have been compared
	Records    int64 // positions of the public inputs that the new edition has committed, over all partitions
	Total      int64 // positions it has to go, once all have stopped; 0 before
}

// Difference is one key whose values differ. Nil: the key is absent there.
type Difference struct {
	Table    string
	Key      []byte
	Old, New []byte // at most 1 KiB of each value
}

// Result is how a rebuild ended.
type Result struct {
	Edition     int
	Serving     bool           // it serves now; false: it was cancelled, or waits (ByHand)
	Equal       bool           // no key differs
	Class       topology.Proof // what that means for this processor (S-29)
	Records     int64          // records it read
	Fenced      int64          // emits that were held back
	Entries     int64          // table entries compared
	Differing   int64          // keys that differ
	Differences []Difference   // the first of them, by partition
}

// String is the result in one line, as tools print it.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "edition %d ", r.Edition)
	switch {
	case r.Serving:
		b.WriteString("serves")
	default:
		b.WriteString("does not serve")
	}
	fmt.Fprintf(&b, ": %d records read, %d entries compared, ", r.Records, r.Entries)
	switch {
	case r.Equal:
		b.WriteString("equal")
	case r.Differing == 1:
		b.WriteString("1 key differs")
	default:
		fmt.Fprintf(&b, "%d keys differ", r.Differing)
	}
	if len(r.Differences) > 0 {
		fmt.Fprintf(&b, ", the first %v", control.Difference(r.Differences[0]))
	}
	fmt.Fprintf(&b, " (%s)", r.Class)
	return b.String()
}

// Rebuild builds the next edition of the processor from the base of the serving one, in the recorded order of inputs and with
// its public emits held back, up to where the serving edition stopped for it; the two are compared there (S-31). Equal
// tables: the new edition serves. Different ones: the build is cancelled, unless Keep says otherwise, and the old edition goes
// on. Result tells; a difference is not an error.
//
// A worker that has the processor must be running. When ctx ends first, the build goes on: List shows it, Cancel ends it.
// It is refused when the log no longer holds the first records (S-41), naming what is missing.
func (e *Editions) Rebuild(ctx context.Context, c RebuildConfig) (Result, error) {
	p, err := e.refresh(ctx)
	if err != nil {
		return Result{}, err
	}
	serving := p.Editions[p.Serving]
	switch {
	case serving == nil:
		return Result{}, fmt.Errorf("processor %s: %w", e.decl.Name, ErrNoEdition)
	case p.Build != nil:
		return Result{}, fmt.Errorf("processor %s: edition %d is being built: %w", e.decl.Name, p.Build.To, ErrBusy)
	case serving.Code != e.decl.Version:
		return Result{}, fmt.Errorf("processor %s: edition %d was built by version %s, this program has %s: start a worker of this program, it rebuilds by itself",
			e.decl.Name, serving.Number, serving.Code, e.decl.Version)
	}
	if err := control.CheckBase(ctx, e.log, e.decl.Name, serving); err != nil {
		return Result{}, err
	}
	to := p.Latest() + 1
	err = e.write(ctx, control.Event{Kind: control.Rebuild, Edition: to, From: serving.Number, Code: serving.Code,
		Fingerprint: serving.Fingerprint, Partitions: serving.Partitions, Base: serving.Base, Topics: serving.Topics, ByHand: c.ByHand, Keep: c.Keep,
		Reason: "asked for by the program"})
	if err != nil {
		return Result{}, err
	}
	err = e.write(ctx, control.Event{Kind: control.Switch, Edition: to})
	if err != nil && !errors.Is(err, ErrBusy) { // a worker may have been faster with this step, and even with all that follow
		return Result{}, err
	}
	return e.wait(ctx, to, c)
}

// wait reads control records until the build of edition to has ended.
func (e *Editions) wait(ctx context.Context, to int, c RebuildConfig) (Result, error) {
	r, err := e.log.OpenReader(ctx, commitlog.ReaderConfig{BufferBytes: 1 << 20, BatchBytes: 64 << 10})
	if err != nil {
		return Result{}, fmt.Errorf("edition: open reader: %w", err)
	}
	defer r.Close()
	r.Seek(commitlog.Partition{Topic: names.Control(e.app.Name())}, 0)
	for {
		p, err := e.refresh(ctx)
		if err != nil {
			return Result{}, err
		}
		if done, result, err := e.outcome(p, to, c); done {
			if end, ok := finished(p, to); ok && err == nil && c.Progress != nil {
				c.Progress(end)
			}
			return result, err
		}
		if c.Progress != nil {
			if err := e.progress(ctx, p, to, c.Progress); err != nil {
				return Result{}, err
			}
		}
		b, err := r.Poll(ctx, progressEvery) // returns early when something was written
		if err != nil {
			return Result{}, fmt.Errorf("edition: wait for edition %d: %w", to, err)
		}
		if b != nil {
			b.Release()
		}
	}
}

const progressEvery = 200 * time.Millisecond

// outcome tells whether the build is over, and how.
func (e *Editions) outcome(p *control.Processor, to int, c RebuildConfig) (bool, Result, error) {
	ed := p.Editions[to]
	var results map[int32]control.Result
	switch b := p.Build; {
	case b != nil && b.To == to && !(c.ByHand && b.AllReady(ed.Partitions)):
		return false, Result{}, nil
	case b != nil && b.To == to:
		results = b.Ready
	default:
		results = ed.Results
	}
	r := Result{Edition: to, Serving: p.Serving == to, Class: topology.ProofOf(e.decl)}
	for partition := range ed.Partitions {
		x := results[partition]
		r.Records += x.Records
		r.Fenced += x.Fenced
		r.Entries += x.Entries
		r.Differing += x.DifferN
		for _, d := range x.Differ {
			r.Differences = append(r.Differences, Difference(d))
		}
	}
	r.Equal = r.Differing == 0 && int32(len(results)) == ed.Partitions
	if ed.Cancelled != "" && (r.Differing == 0 || int32(len(results)) < ed.Partitions) {
		return true, r, fmt.Errorf("edition %d of processor %s was not finished: %s", to, e.decl.Name, ed.Cancelled)
	}
	return true, r, nil
}

// progress asks the log how far the new edition has committed.
func (e *Editions) progress(ctx context.Context, p *control.Processor, to int, tell func(Progress)) error {
	b, ed := p.Build, p.Editions[to]
	if b == nil || b.To != to {
		return nil
	}
	out := Progress{Edition: to, Partitions: ed.Partitions, Stopped: int32(len(b.Stopped)), Ready: int32(len(b.Ready))}
	group := names.Group(e.app.Name(), e.decl.Name, to)
	for partition, stop := range b.Stopped {
		for stream, next := range stop.Next {
			base := baseOf(ed, stream, partition)
			out.Total += next - base
			got, err := e.log.FetchOffsets(ctx, group, []commitlog.Partition{{Topic: stream, Index: partition}})
			if err != nil {
				return fmt.Errorf("edition: progress of edition %d: %w", to, err)
			}
			if got[0].Offset > base {
				out.Records += got[0].Offset - base
			}
		}
	}
	if !b.AllStopped(ed.Partitions) {
		out.Total = 0
	}
	tell(out)
	return nil
}

// finished is the progress of a build that is ready everywhere, whether it serves by now or waits. Nothing is known of one that
// was cancelled.
func finished(p *control.Processor, to int) (Progress, bool) {
	ed := p.Editions[to]
	stops := ed.Cut
	if b := p.Build; b != nil && b.To == to {
		stops = b.Stopped
	}
	if stops == nil {
		return Progress{}, false
	}
	out := Progress{Edition: to, Partitions: ed.Partitions, Stopped: ed.Partitions, Ready: ed.Partitions}
	for partition, stop := range stops {
		for stream, next := range stop.Next {
			out.Total += next - baseOf(ed, stream, partition)
		}
	}
	out.Records = out.Total
	return out, true
}

// baseOf is the first offset that an edition takes of a partition.
func baseOf(ed *control.Edition, stream string, partition int32) int64 {
	if at := ed.Base[stream]; int(partition) < len(at) {
		return at[partition]
	}
	return 0
}
