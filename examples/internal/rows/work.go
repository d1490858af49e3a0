package rows

import (
	"context"
	"errors"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// WorkConfig are the settings of Work.
type WorkConfig struct {
	// StateDir is where the worker keeps its tables.
	StateDir string
	// Input is the stream that Load fills.
	Input string
	// Load brings the rows onto the log. Its error ends the work.
	Load func(ctx context.Context) error
	// Progress is called every 20 ms and at the end, by one goroutine; nil: not called.
	Progress func(Progress)
}

// Progress tells how far Work is, in rows.
type Progress struct {
	Loaded  int64 `json:"loaded"`  // on the log, as far as the worker has seen
	Handled int64 `json:"handled"` // taken by the processor, in a commit that is done: a Work that starts again goes on from there
}

// Work runs app on log while it loads, and returns nil when all that was to be loaded is in the tables. The worker stops with
// it. After a kill, call it again.
func Work(ctx context.Context, app *topology.Topology, log commitlog.Log, cfg WorkConfig) error {
	w, err := worker.New(app, log, worker.Config{StateDir: cfg.StateDir})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	running, settled := make(chan error, 1), make(chan error, 1)
	go func() { // ends with ctx, and is waited for
		err := w.Run(ctx)
		stop() // a worker that gave up ends the loading too
		running <- err
	}()
	go func() { // ends with ctx, and is waited for
		err := cfg.Load(ctx)
		if err == nil {
			err = w.Settled(ctx)
		}
		settled <- err
	}()
	err = report(w, cfg, settled)
	stop()
	return errors.Join(<-running, err)
}

// report tells progress until settled says that the work is over, and returns what it said.
func report(w *worker.Worker, cfg WorkConfig, settled <-chan error) error {
	if cfg.Progress == nil {
		return <-settled
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-settled:
			cfg.Progress(progress(w.Status(), cfg.Input))
			return err
		case <-tick.C:
			cfg.Progress(progress(w.Status(), cfg.Input))
		}
	}
}

// progress adds up what the tasks say about the input.
func progress(s worker.Status, input string) (p Progress) {
	for _, processor := range s.Processors {
		for _, task := range processor.Tasks {
			for _, in := range task.Inputs {
				if in.Stream == input {
					p.Loaded += in.End
					p.Handled += in.Committed
				}
			}
		}
	}
	return p
}
