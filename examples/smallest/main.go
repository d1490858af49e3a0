// Command smallest is the program of the README: it counts clicks per user and keeps the counts in a table, until it is
// interrupted. Started again it goes on where it was.
package main

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"os"
	"os/signal"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	data, err := embedded.Open("data") // the log: a directory
	if err != nil {
		log.Fatal(err)
	}
	slog.Info("counting clicks until interrupted", "log", "data", "tables", "data/state")
	cfg := worker.Config{StateDir: "data/state", Partitions: 8, Logger: slog.Default()} // where a task that stops says why
	err = errors.Join(worker.Run(ctx, app, data, cfg), data.Close())
	if err != nil {
		log.Fatal(err)
	}
}
