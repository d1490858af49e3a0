package rows

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
)

// Read gives what a table of app holds, through a view: all that was committed when it was called.
func Read[V any](ctx context.Context, app *topology.Topology, log commitlog.Log, table *processor.Table[string, V]) (map[string]V, error) {
	found, err := read(ctx, app, log, table)
	if err != nil {
		return nil, fmt.Errorf("read table %s: %w", table.Name(), err)
	}
	return found, nil
}

func read[V any](ctx context.Context, app *topology.Topology, log commitlog.Log, table *processor.Table[string, V]) (map[string]V, error) {
	v, err := view.Open(ctx, app, log, table, view.Config{})
	if err != nil {
		return nil, err
	}
	if err := v.Ready(ctx); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	found := map[string]V{}
	for entry, err := range v.All(ctx) {
		if err != nil {
			return nil, errors.Join(err, v.Close())
		}
		found[entry.Key] = entry.Value
	}
	return found, v.Close()
}
