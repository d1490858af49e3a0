package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/examples/flights"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// rebuild replays the log from offset zero into the next edition and compares it with the one that serves; then it asks the
// views again, which answer from the new edition by then.
func (d *demo) rebuild(ctx context.Context, log commitlog.Log) ([]flights.Check, error) {
	w, err := worker.New(d.story.app, log, worker.Config{StateDir: filepath.Join(d.dir, "state")})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { // ends with ctx, and is waited for
		err := w.Run(ctx)
		stop()
		ended <- err
	}()
	checks, err := d.replay(ctx, log, w)
	stop()
	return checks, errors.Join(<-ended, err)
}

func (d *demo) replay(ctx context.Context, log commitlog.Log, w *worker.Worker) ([]flights.Check, error) {
	if err := w.Settled(ctx); err != nil {
		return nil, err
	}
	editions, err := edition.Open(ctx, d.story.app, log, d.story.processor)
	if err != nil {
		return nil, err
	}
	m := newMeter(d.err, d.clock, "replaying", d.story.rows)
	result, err := editions.Rebuild(ctx, edition.RebuildConfig{Progress: func(p edition.Progress) { m.update(p.Records) }})
	if err := errors.Join(err, editions.Close()); err != nil {
		return nil, err
	}
	m.update(d.story.rows)
	m.finish()
	fmt.Fprintf(d.err, "%s\n", result)
	checks, err := d.story.answers(ctx, log)
	if err != nil {
		return nil, err
	}
	disagree := int64(0)
	for _, c := range checks {
		if !c.OK {
			disagree++
		}
	}
	return []flights.Check{
		flights.NewCheck("keys that differ after the replay", 0, result.Differing),
		flights.NewCheck("replayed edition serves", "yes", yesNo(result.Serving)),
		flights.NewCheck("answers that the replay changed", 0, disagree),
	}, nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "NO"
}
