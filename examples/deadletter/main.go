// Command deadletter sends payments of which some are not worth the name: bytes that are no JSON, and an amount that the
// handler refuses. Each becomes a dead letter with its bytes and the reason; all others are counted.
//
//	go run ./examples/deadletter [DIR]
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
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/examples/internal/args"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// Payment is an amount in cents.
type Payment struct{ Cents int64 }

var (
	payments = processor.NewStream("payments", codec.String, codec.JSON[Payment]())
	raw      = processor.NewStream("payments", codec.String, codec.String) // the same topic, for who writes nonsense
	totals   = processor.NewTable("totals", codec.String, codec.Int64)
)

var app = topology.MustNew("shop", processor.New("payments",
	processor.On(payments, func(ctx processor.Context, account string, p Payment) error {
		if p.Cents <= 0 {
			return processor.Permanent(fmt.Errorf("a payment of %d cents", p.Cents)) // no retry can mend it
		}
		total, _ := totals.Get(ctx, account)
		totals.Put(ctx, account, total+p.Cents)
		return nil
	}),
	processor.Owns(totals),
	processor.OnError(processor.ErrorPolicy{Retries: 3, Then: processor.DeadLetter}),
))

func main() {
	dir := args.Directory("deadletter", "deadletter-data", "Sends good payments and bad ones, and prints the total and the dead letters.")
	if err := run(context.Background(), dir, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir string, out io.Writer) error {
	data, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	w, err := worker.New(app, data, worker.Config{StateDir: filepath.Join(dir, "state"), Partitions: 1, Logger: slog.Default()})
	if err != nil {
		return errors.Join(err, data.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }() // ends at stop, and is waited for
	if err = pay(ctx, data); err == nil {
		err = w.Settled(ctx)
	}
	if err == nil {
		err = report(ctx, data, out)
	}
	stop()
	return errors.Join(err, <-ended, data.Close())
}
