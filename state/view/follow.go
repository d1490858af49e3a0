package view

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/millrun/millrun/commitlog"
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
	config Config
	disk   *disk // nil in memory
	reader commitlog.Reader
	hash   commitlog.Partitioner
	cancel context.CancelFunc
	done   chan struct{} // closed when run has ended
	left   error         // what closing the copies said; for close, after done

	// Of run alone.
	state      control.State
	controlEnd int64 // of the control topic when it was found
	stale      bool  // the copy that answers does not follow its changelog any more and has to be filled anew
	missing    bool  // a topic was missing: look for it, but not before again
	again      time.Time
	wanted     bool      // the journal is
	asked      time.Time // when ask asked last
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
		filling     *copies       // the copy that will replace current; nil: none needed
		absent      bool          // the serving edition has no changelog of the table
		tasks       map[task]standing
		wantJournal bool
		err         error // why the view has ended
		fault       error // why it follows no more, although what it has can be read
		away        error // why the log does not answer; nil: it does
		awaySince   time.Time
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

func follow(ctx context.Context, app string, owner *decl.Processor, table *decl.Table, log commitlog.Log, c Config) (*follower, error) {
	var d *disk
	if c.Dir != "" {
		var err error
		if d, err = openDisk(c.FS, c.Dir, app, owner, table); err != nil {
			return nil, err
		}
	}
	reader, err := log.OpenReader(ctx, commitlog.ReaderConfig{})
	if err != nil {
		if d != nil {
			err = errors.Join(err, d.end())
		}
		return nil, err
	}
	running, cancel := context.WithCancel(context.Background())
	f := &follower{
		app: app, owner: owner, table: table, log: log, config: c, disk: d, reader: reader, hash: table.Partitioner,
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
	return f.left
}

// run follows until the view is closed or something fails that waiting does not mend; the copies stay until it is closed.
func (f *follower) run(ctx context.Context) {
	defer close(f.done)
	err := f.loop(ctx)
	_ = f.reader.Close() // nothing was written: there is nothing to lose
	var storage *storageError
	switch {
	case ctx.Err() != nil:
	case errors.As(err, &storage):
		err = fmt.Errorf("view: table %s: following has ended, what was read before can still be asked for: %w", f.table.Name, err)
		f.config.Logger.Error("a view follows its table no more", "table", f.table.Name, "error", err)
		f.publish(func() { f.mu.fault = err })
	default:
		f.fail(fmt.Errorf("view: table %s: %w", f.table.Name, err))
	}
	<-ctx.Done()
	f.left = errors.Join(f.release(f.mu.filling), f.release(f.mu.current))
	if f.disk != nil {
		f.left = errors.Join(f.left, f.disk.end())
	}
	if f.left != nil {
		f.left = fmt.Errorf("view: table %s: close: %w", f.table.Name, f.left)
	}
}

func (f *follower) loop(ctx context.Context) error {
	f.missing = true
	for {
		if !f.wanted && f.journalWanted() {
			f.wanted, f.missing, f.again = true, true, time.Time{} // somebody waits: look now
		}
		err := f.step(ctx)
		if err = f.heard(ctx, err); err != nil {
			return err
		}
	}
}

// step looks for what is missing, and takes one batch.
func (f *follower) step(ctx context.Context) error {
	if f.missing && !f.config.Clock.Now().Before(f.again) {
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
	default:
		err = f.barriers()
	}
	if err != nil {
		return err
	}
	return f.ask(ctx)
}

// barriers takes those that are due although nothing comes any more.
func (f *follower) barriers() error {
	for _, c := range []*copies{f.mu.filling, f.mu.current} {
		if c == nil {
			continue
		}
		for _, p := range c.parts {
			if err := p.barrier(); err != nil {
				return err
			}
		}
	}
	return nil
}

// look looks for the topics that were missing.
func (f *follower) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	f.missing = false
	f.again = f.config.Clock.Now().Add(lookAgain)
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
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return f.fill(ctx)
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
