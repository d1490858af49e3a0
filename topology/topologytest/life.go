package topologytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

const (
	logDir   = "log"
	stateDir = "state"
	// patience is for what only silence would end: membership and transactions. Nobody is silent here but the dead, and those
	// the kit buries itself. It is far above any wait before a retry, and told apart from one by its odd end.
	patience = 1000*time.Hour + 3*time.Nanosecond
	// stuck is real time: a step that takes longer has met a fault of Millrun or a handler that does not return.
	stuck = 60 * time.Second
)

// life is a worker and the log it runs on. The log outlives the worker at Deploy, and dies with it at Crash.
type life struct {
	log    *embedded.Log
	open   []io.Closer // probes' producers, views and readers
	worker *worker.Worker
	clock  *runtimeClock
	stop   context.CancelFunc
	ended  chan struct{} // closed when Run has returned
	err    error         // of Run; read after ended
}

// start opens the log and runs the worker.
func (h *Harness) start() {
	h.t.Helper()
	log, err := embedded.OpenConfig(logDir, embedded.Config{FS: h.fs, Clock: logClock{h.time, h.alarms}, Broker: brokerlite.Config{
		MinSessionTimeout: time.Millisecond, MaxSessionTimeout: patience, MaxTransactionTimeout: patience,
	}})
	if err != nil {
		h.t.Fatalf("topologytest: open the log: %v", err)
	}
	h.life = &life{log: log}
	h.run()
}

// run starts a worker of h.app on the log that is open.
func (h *Harness) run() {
	h.t.Helper()
	l := h.life
	h.createInputs()
	l.clock = newRuntimeClock(h.time, spansOf(h.app))
	cfg := worker.Config{
		StateDir: stateDir, Partitions: h.cfg.Partitions, CommitEvery: commitEvery, FS: h.fs, Clock: l.clock,
		SessionTimeout: patience, TransactionTimeout: patience,
	}
	if !h.cfg.Lax {
		cfg.Handle = h.strict.around(h.app)
	}
	w, err := worker.New(h.app, l.log, cfg)
	if err != nil {
		h.t.Fatalf("topologytest: %v", err)
	}
	ctx, cancel := context.WithCancel(h.ctx)
	l.worker, l.stop, l.ended, l.err = w, cancel, make(chan struct{}), nil
	go func() { // waited for by halt
		defer close(l.ended)
		l.err = w.Run(ctx)
	}()
}

// createInputs makes the topics that stories write to. A record may have any time, so that what the worker says to one that
// lies ahead of the clock can be seen; logs refuse such records by themselves. The other topics are the worker's.
func (h *Harness) createInputs() {
	h.t.Helper()
	for _, p := range h.app.Processors() {
		for _, s := range p.Emits {
			h.public[s.Name] = h.public[s.Name] || !s.Internal
		}
		for _, t := range slices.Concat(p.Reads, p.Globals) {
			h.public[t.Name] = h.public[t.Name] || t.Topic
		}
		for _, in := range p.Inputs {
			if in.Stream.Internal {
				continue
			}
			h.public[in.Stream.Name] = true
			err := h.life.log.CreateTopic(h.ctx, commitlog.TopicSpec{Name: in.Stream.Name, Partitions: int32(h.cfg.Partitions), Config: map[string]string{
				"retention.ms": "-1", "retention.bytes": "-1", "message.timestamp.after.max.ms": strconv.Itoa(math.MaxInt64)}})
			if err != nil && !errors.Is(err, commitlog.ErrTopicExists) {
				h.t.Fatalf("topologytest: create topic %s: %v", in.Stream.Name, err)
			}
		}
	}
}

// halt stops the worker and waits for it.
func (h *Harness) halt() error {
	h.life.stop()
	return h.await("the worker stops", func() error { <-h.life.ended; return h.life.err })
}

// await bounds a step in real time, so that a test that hangs says where.
func (h *Harness) await(what string, step func() error) error {
	done := make(chan error, 1)
	go func() { done <- step() }() // ends with the step; a step that never ends has failed the test
	limit := clock.System.NewTimer(stuck)
	defer limit.Stop()
	select {
	case err := <-done:
		return err
	case <-limit.C():
		return fmt.Errorf("still not done after %v: %s", stuck, what)
	}
}

// Crash kills worker and log between two instructions and starts them again on what the disk kept: as after a power cut,
// everything that was not synced is gone. Work that was under way is not finished first, so a task that has stopped by then is
// not looked for: it tries its record again, and stops again if nothing has changed.
func (h *Harness) Crash() {
	h.t.Helper()
	dead := h.life
	h.fs = h.fs.Crash() // from here on the old ones write into nothing
	dead.stop()
	err := h.await("the dead worker's goroutines end", func() error {
		for _, c := range dead.open {
			_ = c.Close() // its log is dead
		}
		_ = dead.log.Close() // as is its disk
		<-dead.ended
		return nil
	})
	if err != nil {
		h.t.Fatalf("topologytest: Crash: %v", err)
	}
	h.epoch++
	h.start()
}

// Deploy lets all work finish, stops the worker as SIGTERM would, and starts the next program on the same log. A processor
// whose Version has changed is rebuilt from offset zero and then switched to. Err tells if the new program is refused.
func (h *Harness) Deploy(app *topology.Topology) {
	h.t.Helper()
	h.settle()
	if err := h.halt(); err != nil && len(h.told) == 0 {
		h.t.Fatalf("topologytest: Deploy: stop the worker: %v", err)
	}
	h.release()
	h.app = app
	h.run()
}

// release closes what probes have open.
func (h *Harness) release() {
	for _, c := range h.life.open {
		if err := c.Close(); err != nil {
			h.t.Errorf("topologytest: close: %v", err)
		}
	}
	h.life.open = nil
	h.epoch++
}

// end finishes the story: the last steps' work, then worker and log.
func (h *Harness) end() {
	h.t.Helper() // what fails here shows the line of New
	var story error
	if !h.t.Failed() {
		story = h.untold(h.settled())
	}
	failed := h.t.Failed()
	stopped, over := h.halt(), false
	select {
	case <-h.life.ended:
		over = true
	default: // a handler does not return
	}
	if over && (len(h.told) > 0 || story != nil || failed) {
		stopped = nil // Run repeats what stopped its tasks
	}
	h.release()
	if err := errors.Join(story, stopped, h.life.log.Close()); err != nil {
		h.t.Errorf("topologytest: at the end of the story: %v", err)
	}
	if over { // else handlers would run beside the one that did not return
		h.strict.again(secondRun)
	}
	h.tell()
}
