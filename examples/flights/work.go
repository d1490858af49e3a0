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

// Progress tells how far Work is, in rows. Both counts are durable: a killed Work that starts again begins with them.
type Progress struct {
	Loaded  int64 `json:"loaded"`  // on the log
	Handled int64 `json:"handled"` // taken by the processor, in a commit that is done
}

// Work runs App on log while it loads the departures, and returns nil when all that was to be loaded is in the tables. The
// worker stops with it. After a kill, call it again.
func Work(ctx context.Context, log commitlog.Log, cfg WorkConfig) error {
	partitions, err := ensureStreams(ctx, log, cfg.Load.Partitions)
	if err != nil {
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
	err = watch(ctx, log, partitions, cfg.Progress, settled)
	stop()
	return errors.Join(<-running, err)
}

// watch reports progress until settled says that the work is over, and returns what it said.
func watch(ctx context.Context, log commitlog.Log, partitions int, report func(Progress), settled <-chan error) error {
	if report == nil {
		report = func(Progress) {}
	}
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case err := <-settled:
			tick.Stop()
			if err != nil {
				return err
			}
			p, err := readProgress(ctx, log, partitions)
			report(p)
			return err
		case <-tick.C:
			p, err := readProgress(ctx, log, partitions)
			if err != nil {
				// The worker's own error, if there is one, says more.
				tick.Stop()
				return errors.Join(<-settled, err)
			}
			report(p)
		}
	}
}

// readProgress asks the log: what is on the stream, and what the processor's group has committed of it. The group is that
// of the first edition, the only one while Work runs.
func readProgress(ctx context.Context, log commitlog.Log, partitions int) (Progress, error) {
	var p Progress
	_, ends, err := bounds(ctx, log, Departures.Name(), partitions)
	if err != nil {
		return p, err
	}
	all := make([]commitlog.Partition, len(ends))
	for i, end := range ends {
		p.Loaded += end.Offset
		all[i] = end.Partition
	}
	committed, err := log.FetchOffsets(ctx, App.Name()+"."+ProcessorName+".e1", all)
	if err != nil {
		return p, err
	}
	for _, position := range committed {
		p.Handled += max(0, position.Offset)
	}
	return p, nil
}
