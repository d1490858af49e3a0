package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/examples/flights"
)

const demoWorkName = "demo-work"

// newDemoWork is the child process of the demo: it loads departures and counts them, reporting on standard output.
func newDemoWork(s streams) *cobra.Command {
	var dir string
	var until int
	c := &cobra.Command{
		Use:    demoWorkName,
		Short:  "Load and count departures, for the demo",
		Hidden: true,
		Args:   exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			return demoWork(c.Context(), s, dir, until)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "directory of log and tables")
	c.Flags().IntVar(&until, "until", 0, "load up to this row and then wait for the end of standard input; 0: load all and end")
	return c
}

func demoWork(ctx context.Context, s streams, dir string, until int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with this process
		io.Copy(io.Discard, s.in) // an error is an end too
		cancel()
	}()
	log, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	reports := json.NewEncoder(s.out)
	err = flights.Work(ctx, log, flights.WorkConfig{
		StateDir: filepath.Join(dir, "state"),
		Load:     flights.LoadConfig{Until: until},
		Progress: func(p flights.Progress) {
			if reports.Encode(p) != nil {
				cancel() // nobody listens
			}
		},
	})
	if err == nil && until > 0 {
		<-ctx.Done()
	}
	return errors.Join(err, log.Close())
}
