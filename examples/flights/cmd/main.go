// Command flights loads the departures of 2013 onto a log, counts them, and compares the answers with the known ones. Stopped
// or killed, it goes on where it was.
//
//	go run ./examples/flights/cmd [DIR]
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/examples/flights"
	"github.com/millrun/millrun/examples/internal/args"
)

func main() {
	dir := args.Directory("flights", "flights-data", "Loads the departures of 2013, counts them, and compares the answers with the known ones.")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, dir)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir string) error {
	data, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	err = flights.Work(ctx, data, flights.WorkConfig{StateDir: filepath.Join(dir, "state")})
	if err != nil {
		return errors.Join(err, data.Close())
	}
	tables, err := flights.Read(ctx, data)
	if err := errors.Join(err, data.Close()); err != nil {
		return err
	}
	for _, c := range tables.Checks() {
		fmt.Printf("%-36s %v\n", c.What, c.Got)
		if !c.OK {
			err = errors.Join(err, fmt.Errorf("%s: got %v, expected %v", c.What, c.Got, c.Expected))
		}
	}
	return err
}
