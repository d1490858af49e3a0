package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/topology/edition"
)

// rebuild replays the input into the next edition and lets it serve.
func rebuild(ctx context.Context, log commitlog.Log) error {
	editions, err := edition.Open(ctx, app, log, "count")
	if err != nil {
		return err
	}
	result, err := editions.Rebuild(ctx, edition.RebuildConfig{})
	if err := errors.Join(err, editions.Close()); err != nil {
		return err
	}
	if !result.Serving || !result.Equal {
		return fmt.Errorf("%s, want it equal and serving", result)
	}
	return nil
}
