// Command count sends a few clicks, counts them per user, and prints the counts from a view. What it counted stays in its
// directory: run it twice and the counts double.
//
//	go run ./examples/count [DIR]
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/examples/internal/args"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// Click is one visit to a page.
type Click struct{ URL string }

var (
	clicks = processor.NewStream("clicks", codec.String, codec.JSON[Click]())
	counts = processor.NewTable("clicks-per-user", codec.String, codec.Int64)
)

var app = topology.MustNew("clicks", processor.New("click-counter",
	processor.On(clicks, func(ctx processor.Context, user string, _ Click) error {
		n, _ := counts.Get(ctx, user)
		counts.Put(ctx, user, n+1)
		return nil
	}),
	processor.Owns(counts),
))

func main() {
	dir := args.Directory("count", "count-data", "Sends a few clicks, counts them per user, and prints the counts from a view.")
	if err := run(context.Background(), dir, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run opens the log, keeps a worker on it while the clicks are sent and counted, and stops it.
func run(ctx context.Context, dir string, out io.Writer) error {
	data, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	w, err := worker.New(app, data, worker.Config{StateDir: filepath.Join(dir, "state"), Partitions: 2, Logger: slog.Default()})
	if err != nil {
		return errors.Join(err, data.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }() // ends at stop, and is waited for
	err = clickAndCount(ctx, data, w, out)
	stop()
	return errors.Join(err, <-ended, data.Close())
}

func clickAndCount(ctx context.Context, data commitlog.Log, w *worker.Worker, out io.Writer) error {
	in, err := producer.Open(ctx, data, clicks, producer.Config{Partitions: 2})
	if err != nil {
		return err
	}
	for _, user := range []string{"alice", "bob", "alice", "carol", "alice", "bob"} {
		if err := in.Queue(ctx, user, Click{URL: "/"}); err != nil {
			return errors.Join(err, in.Close())
		}
	}
	if err := in.Close(); err != nil { // nil: all clicks are on the disk
		return err
	}
	if err := w.Settled(ctx); err != nil { // nil: all of them are counted and committed
		return err
	}
	table, err := view.Open(ctx, app, data, counts, view.Config{})
	if err != nil {
		return err
	}
	defer table.Close()
	if err := table.Ready(ctx); err != nil {
		return err
	}
	for _, user := range []string{"alice", "bob", "carol"} {
		n, _, err := table.Get(ctx, user)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s %d\n", user, n)
	}
	return nil
}
