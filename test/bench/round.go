package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
)

// round measures everything once, in a directory of its own, which it removes.
func round(ctx context.Context, o options, n int, r *results) error {
	dir, err := os.MkdirTemp(o.dir, "millrun-bench-")
	if err != nil {
		return err
	}
	log, err := embedded.Open(filepath.Join(dir, "log"))
	if err == nil {
		err = errors.Join(measure(ctx, o, n, r, log, filepath.Join(dir, "state")), log.Close())
	}
	return errors.Join(err, os.RemoveAll(dir))
}

func measure(ctx context.Context, o options, n int, r *results, log commitlog.Log, stateDir string) error {
	steps := []struct {
		name string
		run  func() error
	}{
		{"append", func() error { return fill(ctx, o, log) }},
		{"scan", func() error { return scan(ctx, o, log) }},
	}
	for _, step := range steps {
		started := time.Now()
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		r.add(step.name, float64(o.records)/time.Since(started).Seconds())
	}
	return process(ctx, o, n, r, log, stateDir)
}
