package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

// with runs a worker of app while do lasts.
func with(ctx context.Context, app *topology.Topology, data commitlog.Log, dir string,
	do func(context.Context, *worker.Worker) error) error {
	w, err := worker.New(app, data, worker.Config{StateDir: filepath.Join(dir, "state"), Partitions: 2, Logger: slog.Default()})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }() // ends at stop, and is waited for
	err = do(ctx, w)
	stop()
	return errors.Join(err, <-ended)
}

// sell sends a thousand sales and two hundred refunds.
func sell(ctx context.Context, data commitlog.Log) error {
	in, err := producer.Open(ctx, data, sales, producer.Config{Partitions: 2})
	if err != nil {
		return err
	}
	for i := int64(0); i < 1000 && err == nil; i++ {
		shop := []string{"north", "south", "east", "west"}[i%4]
		if err = in.Queue(ctx, shop, Sale{Cents: 100}); err == nil && i%5 == 0 {
			err = in.Queue(ctx, shop, Sale{Cents: -40})
		}
	}
	return errors.Join(err, in.Close())
}

// replay rebuilds the table with the code that is running, and tells how the two compare.
func replay(ctx context.Context, data commitlog.Log, out io.Writer) error {
	editions, err := edition.Open(ctx, first, data, "totals")
	if err != nil {
		return err
	}
	result, err := editions.Rebuild(ctx, edition.RebuildConfig{})
	if err == nil {
		fmt.Fprintln(out, result)
	}
	return errors.Join(err, editions.Close())
}

// report prints the table.
func report(ctx context.Context, app *topology.Topology, data commitlog.Log, out io.Writer) error {
	table, err := view.Open(ctx, app, data, totals, view.Config{})
	if err != nil {
		return err
	}
	defer table.Close()
	if err := table.Ready(ctx); err != nil {
		return err
	}
	for _, shop := range []string{"east", "north", "south", "west"} {
		total, _, err := table.Get(ctx, shop)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s %d\n", shop, total)
	}
	return nil
}
