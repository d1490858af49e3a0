package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

var (
	input  = processor.NewStream("input", codec.Bytes, codec.Bytes)
	counts = processor.NewTable("counts", codec.Bytes, codec.Int64)
)

var app = topology.MustNew("bench", processor.New("count",
	processor.On(input, func(ctx processor.Context, key, _ []byte) error {
		n, _ := counts.Get(ctx, key)
		counts.Put(ctx, key, n+1)
		return nil
	}),
	processor.Owns(counts),
))

// process measures count and rebuild with one worker.
func process(ctx context.Context, o options, n int, r *results, log commitlog.Log, stateDir string) error {
	w, err := worker.New(app, log, worker.Config{StateDir: stateDir})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	steps := func() error {
		started := time.Now()
		err := profiled(o, n, func() error {
			go func() { // ends with ctx, and is waited for
				err := w.Run(ctx)
				stop()
				ended <- err
			}()
			return w.Settled(ctx)
		})
		if err != nil {
			return fmt.Errorf("count: %w", err)
		}
		r.add("count", float64(o.records)/time.Since(started).Seconds())
		if err := verify(ctx, o, log); err != nil {
			return fmt.Errorf("count: %w", err)
		}
		started = time.Now()
		if err := rebuild(ctx, log); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
		r.add("rebuild", float64(o.records)/time.Since(started).Seconds())
		if err := verify(ctx, o, log); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
		return nil
	}
	err = steps()
	stop()
	return errors.Join(<-ended, err)
}

// verify adds up the counts: each record must be in them once.
func verify(ctx context.Context, o options, log commitlog.Log) error {
	table, err := view.Open(ctx, app, log, counts, view.Config{})
	if err != nil {
		return err
	}
	defer table.Close()
	if err := table.Ready(ctx); err != nil {
		return err
	}
	sum := int64(0)
	for entry, err := range table.All(ctx) {
		if err != nil {
			return err
		}
		sum += entry.Value
	}
	if sum != int64(o.records) {
		return fmt.Errorf("the counts add up to %d, want %d", sum, o.records)
	}
	return nil
}
