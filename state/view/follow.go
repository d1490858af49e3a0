package view

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/topology"
)

// lookAgain is how long a topic that was missing is left alone.
const lookAgain = 100 * time.Millisecond

// follower is a view in bytes: one goroutine, run, reads the control topic, the changelogs of one edition or two, and once
// somebody needs it the journal, all with one reader. Everybody else reads what it publishes under mu.
type follower struct {
	app    string
	owner  *decl.Processor
	table  *decl.Table
	log    commitlog.Log
	clock  clock.Clock
	reader commitlog.Reader
	hash   commitlog.Partitioner
	cancel context.CancelFunc
	done   chan struct{} // closed when run has ended

	// Of run alone.
	state      control.State
	controlEnd int64   // of the control topic when it was found
	filling    *copies // the copy that will replace mu.current; nil: none needed
	stale      bool    // the copy that answers does not follow its changelog any more and has to be filled anew
	missing    bool    // a topic was missing: look for it, but not before again
	again      time.Time
	wanted     bool // the journal is
	reading    struct{ control, journal bool }
	tails      map[int32]*tail // of the journal, by partition

	// Run alone writes what is below, and therefore reads it without the lock.
	mu struct {
		sync.Mutex
		changed     chan struct{} // closed, and replaced, whenever something below changes
		control     int64         // next offset of the control topic
		known       bool          // control was read to its end once
		serving     int           // edition; 0: none
		current     *copies       // the copy that answers; nil: not complete yet
		filled      string        // how far filling has come, for messages
		absent      bool          // the serving edition has no changelog of the table
		tasks       map[task]standing
		wantJournal bool
		err         error // why the view has ended
	}
}

// task names a task of the owner.
type task struct {
	edition   int
	partition int32
}

// standing is what the journal says of a task.
type standing struct {
	position journal.Position
	parked   *journal.Parked
}

func follow(ctx context.Context, app string, owner *decl.Processor, table *decl.Table, log commitlog.Log, c clock.Clock) (*follower, error) {
	reader, err := log.OpenReader(ctx, commitlog.ReaderConfig{})
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.Background())
	f := &follower{
		app: app, owner: owner, table: table, log: log, clock: c, reader: reader, hash: table.Partitioner,
		cancel: cancel, done: make(chan struct{}), tails: map[int32]*tail{},
	}
	if f.hash == nil {
		f.hash = topology.Partitioner(owner)
	}
	f.mu.changed = make(chan struct{})
	f.mu.tasks = map[task]standing{}
	go f.run(running) // ended and awaited by close
	return f, nil
}

// close ends run and waits for it.
func (f *follower) close() error {
	f.fail(ErrClosed)
	f.cancel()
	<-f.done
	return nil
}

// run follows until the view is closed or something fails that waiting does not mend.
func (f *follower) run(ctx context.Context) {
	defer close(f.done)
	defer f.reader.Close() // nothing was written: there is nothing to lose
	if err := f.loop(ctx); err != nil && ctx.Err() == nil {
		f.fail(fmt.Errorf("view: table %s: %w", f.table.Name, err))
	}
}

func (f *follower) loop(ctx context.Context) error {
	f.missing = true
	for {
		if !f.wanted && f.journalWanted() {
			f.wanted, f.missing, f.again = true, true, time.Time{} // somebody waits: look now
		}
		if f.missing && !f.clock.Now().Before(f.again) {
			if err := f.look(ctx); err != nil {
				return err
			}
		}
		wait := time.Second
		if f.missing {
			wait = lookAgain
		}
		b, err := f.reader.Poll(ctx, wait)
		switch {
		case err != nil:
			err = f.fault(err)
		case b != nil:
			err = f.take(ctx, b)
		}
		if err != nil {
			return err
		}
	}
}

// look looks for the topics that were missing.
func (f *follower) look(ctx context.Context) error {
	f.missing = false
	f.again = f.clock.Now().Add(lookAgain)
	if !f.reading.control {
		if err := f.findControl(ctx); err != nil {
			return err
		}
	}
	if f.wanted && !f.reading.journal {
		if err := f.findJournal(ctx); err != nil {
			return err
		}
	}
	return f.fill(ctx)
}

// findControl begins to read the control topic, if it exists by now.
func (f *follower) findControl(ctx context.Context) error {
	p := commitlog.Partition{Topic: names.Control(f.app)}
	ends, err := f.log.Offsets(ctx, []commitlog.Partition{p}, commitlog.End, commitlog.ReadUncommitted)
	if errors.Is(err, commitlog.ErrUnknownTopic) {
		f.missing = true
		f.publish(func() { f.mu.known = true })
		return nil
	}
	if err != nil {
		return fmt.Errorf("control topic: %w", err)
	}
	f.reading.control = true
	f.controlEnd = ends[0].Offset
	f.reader.Seek(p, 0)
	f.publish(func() { f.mu.known = f.controlEnd == 0 })
	return nil
}

// take hands a batch to where it belongs.
func (f *follower) take(ctx context.Context, b *commitlog.Batch) error {
	defer b.Release()
	switch b.Partition.Topic {
	case names.Control(f.app):
		return f.takeControl(ctx, b)
	case names.Journal(f.app, f.owner.Name):
		return f.takeJournal(b)
	}
	return f.takeChangelog(b)
}

// takeControl folds events and starts to fill another copy when another edition serves.
func (f *follower) takeControl(ctx context.Context, b *commitlog.Batch) error {
	for i := range b.Records {
		e, err := control.Parse(b.Records[i].Value)
		if err != nil {
			return fmt.Errorf("%v@%d: %w", b.Partition, b.Records[i].Offset, err)
		}
		f.state.Apply(e)
	}
	f.publish(func() {
		f.mu.control = b.Next
		f.mu.known = f.mu.known || b.Next >= f.controlEnd
		f.mu.serving = f.state.Processor(f.owner.Name).Serving
	})
	return f.fill(ctx)
}

// fill begins the copy of the serving edition, unless it answers or is filled already. On the way to the end of the control
// topic it waits: what served once may be gone.
func (f *follower) fill(ctx context.Context) error {
	edition, current := f.mu.serving, f.mu.current
	switch {
	case edition == 0 || !f.mu.known:
		return nil
	case f.filling != nil && f.filling.edition == edition:
		return nil
	case current != nil && current.edition == edition && !f.stale:
		return nil
	}
	f.drop(f.filling)
	f.filling = nil
	c, err := newCopies(ctx, f.log, f.app, f.owner, f.table, edition)
	if errors.Is(err, ErrNoTable) || errors.Is(err, commitlog.ErrUnknownTopic) {
		f.missing = true
		f.publish(func() { f.mu.absent = true })
		return nil
	}
	if err != nil {
		return err
	}
	f.filling, f.stale = c, false
	for _, p := range c.parts {
		f.reader.Seek(p.partition, p.applied)
	}
	f.publish(func() { f.mu.absent, f.mu.filled = false, c.progress() })
	f.swapIfComplete()
	return nil
}

// takeChangelog adds to the copy that a batch is for; one that was dropped meanwhile has no use for it.
func (f *follower) takeChangelog(b *commitlog.Batch) error {
	if p := f.filling.part(b.Partition); p != nil {
		visible, err := p.add(b, true)
		if errors.Is(err, errAnew) {
			f.anew()
			return nil
		}
		if err != nil {
			return err
		}
		f.publish(func() {
			p.applied = visible
			f.mu.filled = f.filling.progress()
		})
		f.swapIfComplete()
		return nil
	}
	p := f.mu.current.part(b.Partition)
	if p == nil {
		return nil
	}
	visible, err := p.add(b, false)
	if errors.Is(err, errAnew) {
		f.anew()
		return nil
	}
	if err == nil && visible > p.applied {
		f.publish(func() { p.applied = visible })
	}
	return err
}

// swapIfComplete lets the new copy answer, in one step for all partitions (S-46).
func (f *follower) swapIfComplete() {
	if f.filling == nil || !f.filling.complete() {
		return
	}
	old, c := f.mu.current, f.filling
	f.filling = nil
	if old != nil && old.edition == c.edition {
		old = nil // it was filled anew, and the reader is at the new one's places
	}
	f.publish(func() { f.mu.current = c })
	f.drop(old)
}

// drop stops reading what a copy was fed from.
func (f *follower) drop(c *copies) {
	if c == nil {
		return
	}
	for _, p := range c.parts {
		f.reader.Drop(p.partition)
	}
}

// anew fills the copy of the serving edition once more: the changelog is not what it was. What answers goes on until then.
func (f *follower) anew() {
	f.drop(f.filling)
	f.filling, f.stale, f.missing = nil, true, true
}

// fault deals with an error of Poll. A changelog that is gone or cut is filled anew when it is the one that serves; of an
// older edition, which may be deleted while its successor's copy is filled, what was read goes on answering.
func (f *follower) fault(err error) error {
	var at *commitlog.PartitionError
	if !errors.As(err, &at) || errors.Is(err, commitlog.ErrCorrupt) {
		return err
	}
	switch at.Partition.Topic {
	case names.Control(f.app):
		return fmt.Errorf("control topic: %w", err)
	case names.Journal(f.app, f.owner.Name):
		return fmt.Errorf("journal: %w", err)
	}
	if at.Partition.Topic == names.Changelog(f.app, f.owner.Name, f.table.Name, f.mu.serving) {
		f.anew()
	}
	return nil
}
