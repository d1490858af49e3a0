package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/state"
	"github.com/millrun/millrun/topology"
)

// Worker runs the processors of one application as a member of their consumer groups.
type Worker struct {
	app    *topology.Topology
	logc   commitlog.Log
	config Config
	units  []*unit
	id     string // stable over restarts, where a state directory keeps it

	hard   context.Context // ends what a graceful stop does not
	kill   context.CancelFunc
	budget budget
	moved  atomic.Int64 // stores moved aside
	hung   atomic.Int64 // handlers that never returned
	// endsFailed counts the times that the log did not say where inputs end.
	endsFailed atomic.Int64
	watched    atomic.Bool // somebody looks at the worker while it runs: ends are asked for
	stopping   atomic.Bool // the context of Run has ended
	address    atomic.Pointer[string]
	probe      probe
	dogLooked  atomic.Pointer[time.Time] // when the watchdog last looked; nil: it does not run
	// settling counts the calls of Settled under way: while there are any, tasks that run out of records ask for a commit.
	settling atomic.Int64

	globals    globals
	unreadable unreadable

	started atomic.Bool
	commit  struct {
		sync.Mutex
		count int64
		last  time.Duration
	}
	mu struct {
		sync.Mutex
		news  chan struct{} // closed and replaced when anything changes
		tasks map[*task]bool
		done  bool
		err   error
	}
}

// Run is New, then Worker.Run.
func Run(ctx context.Context, app *topology.Topology, log commitlog.Log, cfg Config) error {
	w, err := New(app, log, cfg)
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

// New makes a worker. It touches neither disk nor log. Its error names every fault of the Config.
func New(app *topology.Topology, log commitlog.Log, cfg Config) (*Worker, error) {
	cfg = cfg.withDefaults()
	var faults []error
	if app == nil {
		faults = append(faults, errors.New("worker: the topology is nil"))
	}
	if log == nil {
		faults = append(faults, errors.New("worker: the log is nil"))
	}
	faults = append(faults, cfg.validate())
	w := &Worker{app: app, logc: log, config: cfg}
	w.hard, w.kill = context.WithCancel(context.Background())
	w.globals.ctx, w.globals.cancel = context.WithCancel(w.hard)
	w.mu.news, w.mu.tasks = make(chan struct{}), map[*task]bool{}
	w.budget.limit = cfg.BufferBytes
	if app != nil {
		faults = append(faults, w.choose())
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return w, nil
}

// choose makes a unit for each processor that runs here.
func (w *Worker) choose() error {
	var faults []error
	for _, name := range w.config.Only {
		if w.app.Processor(name) == nil {
			faults = append(faults, fmt.Errorf("worker: Config.Only names processor %q, which application %s does not have", name, w.app.Name()))
		}
	}
	if w.config.Only != nil && len(w.config.Only) == 0 {
		faults = append(faults, errors.New("worker: Config.Only is an empty list, so nothing would run: leave it nil to run all processors"))
	}
	for _, p := range w.app.Processors() {
		if w.config.Only != nil && !slices.Contains(w.config.Only, p.Name) {
			continue
		}
		if len(p.Owns)+len(p.Reads)+len(p.Globals) > 0 && w.config.StateDir == "" {
			faults = append(faults, fmt.Errorf("worker: Config.StateDir is empty, and processor %s has tables: name a directory for them", p.Name))
		}
		w.units = append(w.units, newUnit(w, p))
	}
	return errors.Join(faults...)
}

// Run runs until ctx ends, then lets handlers finish their record, commits, leaves the groups, and returns nil; or an error
// that names the tasks that had stopped at a record. It returns earlier only with an error that stops a whole processor: a
// topic that is missing, a declaration that does not fit what serves, a log or disk that failed. All that it started is gone
// when it returns. It can be called once.
func (w *Worker) Run(ctx context.Context) error {
	if w.started.Swap(true) {
		return errors.New("worker: Run was called before")
	}
	defer w.kill()
	lock, err := w.takeStateDir()
	if err != nil {
		return w.over(err)
	}
	err = w.runObserved(ctx)
	if lock != nil {
		err = firstError(err, lock.Close())
	}
	if err == nil {
		err = w.stoppedTasks()
	}
	return w.over(err)
}

func (w *Worker) over(err error) error {
	w.mu.Lock()
	w.mu.done, w.mu.err = true, err
	w.mu.Unlock()
	w.changed()
	return err
}

// runUnits runs every processor; the first that fails ends the others.
func (w *Worker) runUnits(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dog, stopDog := context.WithCancel(w.hard)
	var watch sync.WaitGroup
	watch.Go(func() { w.watchdog(dog) })
	errs := make(chan error, len(w.units))
	for _, u := range w.units {
		go func() { errs <- u.run(ctx) }() // each is received below
	}
	var faults []error
	for range w.units {
		if err := <-errs; err != nil {
			faults = append(faults, err)
			cancel()
		}
	}
	stopDog()
	watch.Wait()
	w.stopGlobals()
	return errors.Join(faults...)
}

// takeStateDir locks the application's directory and reads, or makes up, this worker's id.
func (w *Worker) takeStateDir() (io.Closer, error) {
	if w.config.StateDir == "" {
		w.setID(newID())
		return nil, nil
	}
	dir := names.AppDir(w.config.StateDir, w.app.Name())
	lock, err := state.LockDir(w.config.FS, dir)
	if err != nil {
		return nil, err
	}
	id, err := keepID(w.config.FS, path.Join(dir, "worker-id"))
	if err != nil {
		_ = lock.Close() // the first error is the one to tell
		return nil, err
	}
	w.setID(id)
	return lock, nil
}

// setID is called once, before any unit starts; the lock is for Status.
func (w *Worker) setID(id string) {
	w.mu.Lock()
	w.id = id
	w.mu.Unlock()
}

// stoppedTasks names the tasks that stand at a record that they could not handle.
func (w *Worker) stoppedTasks() error {
	var faults []error
	for _, p := range w.Status().Processors {
		for _, t := range p.Tasks {
			if t.Stopped != nil {
				faults = append(faults, fmt.Errorf("processor %s: %w", p.Name, t.Stopped))
			}
		}
	}
	return errors.Join(faults...)
}

func (w *Worker) addTask(t *task) {
	w.mu.Lock()
	for old := range w.mu.tasks {
		if old.ed == t.ed && old.partition == t.partition {
			delete(w.mu.tasks, old) // its successor shows the partition now
		}
	}
	w.mu.tasks[t] = true
	w.mu.Unlock()
	w.changed()
}

// forgetTasks takes tasks out of Status: their partitions are others' now, or their edition is gone.
func (w *Worker) forgetTasks(gone []*task) {
	w.forget(func(t *task) bool { return slices.Contains(gone, t) })
}

func (w *Worker) forget(gone func(t *task) bool) {
	w.mu.Lock()
	maps.DeleteFunc(w.mu.tasks, func(t *task, _ bool) bool { return gone(t) })
	w.mu.Unlock()
	w.changed()
}

func (w *Worker) allTasks() []*task {
	w.mu.Lock()
	defer w.mu.Unlock()
	tasks := make([]*task, 0, len(w.mu.tasks))
	for t := range w.mu.tasks {
		tasks = append(tasks, t)
	}
	return tasks
}

// news gives a channel that closes when anything changes that Status or Settled look at.
func (w *Worker) news() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.news
}

func (w *Worker) changed() {
	w.mu.Lock()
	close(w.mu.news)
	w.mu.news = make(chan struct{})
	w.mu.Unlock()
}

func (w *Worker) committed(took time.Duration) {
	w.commit.Lock()
	w.commit.count++
	w.commit.last = took
	w.commit.Unlock()
}
