package flights

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/worker"
)

// WorkConfig are the settings of Work.
type WorkConfig struct {
	StateDir string
	Load     LoadConfig
	Progress func(Progress) // called every 20 ms and at the end, by one goroutine; nil: not called
}

// Progress tells how far Work is, in rows.
type Progress struct {
	Loaded  int64 `json:"loaded"`  // on the log, as far as the worker has seen
	Handled int64 `json:"handled"` // taken by the processor, in a commit that is done: a Work that starts again goes on from there
}

// Work runs App on log while it loads the departures, and returns nil when all that was to be loaded is in the tables. The
// worker stops with it. After a kill, call it again.
func Work(ctx context.Context, log commitlog.Log, cfg WorkConfig) error {
	if _, err := ensureStreams(ctx, log, cfg.Load.Partitions); err != nil {
		return fmt.Errorf("flights: %w", err)
	}
	w, err := worker.New(App, log, worker.Config{StateDir: cfg.StateDir})
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
		err := Load(ctx, log, cfg.Load)
		if err == nil {
			err = w.Settled(ctx)
		}
		settled <- err
	}()
	err = report(w, cfg.Progress, settled)
	stop()
	return errors.Join(<-running, err)
}

// report tells progress until settled says that the work is over, and returns what it said.
func report(w *worker.Worker, to func(Progress), settled <-chan error) error {
	if to == nil {
		return <-settled
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-settled:
			to(progress(w.Status()))
			return err
		case <-tick.C:
			to(progress(w.Status()))
		}
	}
}

// progress adds up what the tasks say about the departures.
func progress(s worker.Status) (p Progress) {
	for _, processor := range s.Processors {
		for _, task := range processor.Tasks {
			for _, in := range task.Inputs {
				if in.Stream == Departures.Name() {
					p.Loaded += in.End
					p.Handled += in.Committed
				}
			}
		}
	}
	return p
}
