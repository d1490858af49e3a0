// Command rebuild replays a table from offset zero, twice: with the same code, which must give an equal table, and with new
// code that mends what the old code got wrong. Neither touches the events.
//
//	go run ./examples/rebuild [DIR]
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/examples/internal/args"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// Sale is an amount in cents, below zero for a refund.
type Sale struct{ Cents int64 }

var (
	sales  = processor.NewStream("sales", codec.String, codec.JSON[Sale]())
	totals = processor.NewTable("totals", codec.String, codec.Int64)
)

// program is the application with one way or the other to count.
func program(version string, add func(total, cents int64) int64) *topology.Topology {
	return topology.MustNew("shop", processor.New("totals",
		processor.On(sales, func(ctx processor.Context, shop string, s Sale) error {
			total, _ := totals.Get(ctx, shop)
			totals.Put(ctx, shop, add(total, s.Cents))
			return nil
		}),
		processor.Owns(totals), processor.Version(version),
	))
}

// The first program forgets refunds.
var (
	first  = program("1", func(total, cents int64) int64 { return total + max(0, cents) })
	second = program("2", func(total, cents int64) int64 { return total + cents })
)

func main() {
	dir := args.Directory("rebuild", "rebuild-data", "Replays a table with the code that made it, and again with code that mends it.")
	if err := run(context.Background(), dir, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir string, out io.Writer) error {
	data, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	err = with(ctx, first, data, dir, func(ctx context.Context, w *worker.Worker) error {
		if err := sell(ctx, data); err != nil {
			return err
		}
		if err := w.Settled(ctx); err != nil {
			return err
		}
		return errors.Join(report(ctx, first, data, out), replay(ctx, data, out))
	})
	if err == nil { // the changed Version rebuilds at the start, and takes over
		err = with(ctx, second, data, dir, func(ctx context.Context, w *worker.Worker) error {
			if err := w.Settled(ctx); err != nil {
				return err
			}
			return report(ctx, second, data, out)
		})
	}
	return errors.Join(err, data.Close())
}
