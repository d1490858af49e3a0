package githistory

import (
	"context"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/examples/internal/rows"
)

// WorkConfig are the settings of Work.
type WorkConfig struct {
	// StateDir is where the worker keeps its tables.
	StateDir string
	// Load says what to load.
	Load LoadConfig
	// Progress is called every 20 ms and at the end, by one goroutine; nil: not called.
	Progress func(Progress)
}

// Progress tells how far Work is, in rows.
type Progress = rows.Progress

// Work runs App on log while it loads the history, and returns nil when all that was to be loaded is in the tables. The worker
// stops with it. After a kill, call it again.
func Work(ctx context.Context, log commitlog.Log, cfg WorkConfig) error {
	if _, err := ensureTopics(ctx, log, cfg.Load.Partitions); err != nil {
		return fmt.Errorf("githistory: %w", err)
	}
	return rows.Work(ctx, App, log, rows.WorkConfig{
		StateDir: cfg.StateDir,
		Input:    History.Name(),
		Load:     func(ctx context.Context) error { return Load(ctx, log, cfg.Load) },
		Progress: cfg.Progress,
	})
}
