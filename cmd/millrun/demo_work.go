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

// newDemoWork is the child process of the demo: it loads rows and counts them, reporting on standard output.
func newDemoWork(s streams) *cobra.Command {
	var dir string
	var from source
	var until int64
	c := &cobra.Command{
		Use:    demoWorkName,
		Short:  "Load and count, for the demo",
		Hidden: true,
		Args:   exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			return demoWork(c.Context(), s, dir, from, until)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "directory of log and tables")
	c.Flags().StringVar(&from.repo, "repo", "", "a Git repository; default: the departures")
	c.Flags().Int64Var(&until, "until", 0, "load up to this row and then wait for the end of standard input; 0: load all and end")
	return c
}

func demoWork(ctx context.Context, s streams, dir string, from source, until int64) error {
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
	err = from.work(ctx, log, dir, until, func(p flights.Progress) {
		if reports.Encode(p) != nil {
			cancel() // nobody listens
		}
	})
	if err == nil && until > 0 {
		<-ctx.Done()
	}
	return errors.Join(err, log.Close())
}
