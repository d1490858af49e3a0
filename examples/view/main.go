// Command view writes to a stream and reads its own writes: each deposit is sent, and the view is asked for a balance that
// includes it. This is how a web handler answers with what it just changed.
//
//	go run ./examples/view [DIR]
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

// Deposit is an amount in cents.
type Deposit struct{ Cents int64 }

var (
	deposits = processor.NewStream("deposits", codec.String, codec.JSON[Deposit]())
	balances = processor.NewTable("balances", codec.String, codec.Int64)
)

var app = topology.MustNew("bank", processor.New("accounts",
	processor.On(deposits, func(ctx processor.Context, account string, d Deposit) error {
		balance, _ := balances.Get(ctx, account)
		balances.Put(ctx, account, balance+d.Cents)
		return nil
	}),
	processor.Owns(balances),
))

func main() {
	dir := args.Directory("view", "view-data", "Makes deposits, and asks a view for balances that include them.")
	if err := run(context.Background(), dir, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

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
	err = bank(ctx, data, filepath.Join(dir, "views"), out)
	stop()
	return errors.Join(err, <-ended, data.Close())
}

// bank makes deposits and asks for the balance after each, then for all accounts from b on. The view keeps its copy in dir, so
// that the next program need not read the whole table again.
func bank(ctx context.Context, data commitlog.Log, dir string, out io.Writer) error {
	in, err := producer.Open(ctx, data, deposits, producer.Config{Partitions: 2})
	if err != nil {
		return err
	}
	defer in.Close()
	table, err := view.Open(ctx, app, data, balances, view.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer table.Close()
	for _, account := range []string{"ann", "bob", "ann", "cy"} {
		position, err := in.Send(ctx, account, Deposit{Cents: 500})
		if err != nil {
			return err
		}
		balance, _, err := table.Get(ctx, account, view.AtLeast(position)) // waits until the deposit counts
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s has %d\n", account, balance)
	}
	for entry, err := range table.Range(ctx, "b", "z") {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "from b on: %s %d\n", entry.Key, entry.Value)
	}
	return nil
}
