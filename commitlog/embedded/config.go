package embedded

import (
	"log/slog"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

// Config says how the log in this process is opened. The zero value is a durable log on the disk of this machine.
type Config struct {
	// Broker are the broker's settings. Zero: its defaults.
	Broker brokerlite.Config
	// FS is where the directory lives. Nil: what Broker says, else the operating system's file system.
	FS vfs.FS
	// Clock gives timestamps and waits. Nil: what Broker says, else the machine's clock.
	Clock clock.Clock
	// Metrics is where Open registers the broker's metrics (docs/metrics.md), until Close. They are read from the broker's Stats
	// when somebody scrapes. Several logs of one process need prometheus.WrapRegistererWith, each with a label of its own. Nil:
	// no metrics.
	Metrics prometheus.Registerer
	// Logger receives what an operator must know. Nil: what Broker says, else nothing is logged.
	Logger *slog.Logger
}

// withDefaults moves the seams into the broker's settings, which the broker checks.
func (c Config) withDefaults() Config {
	if c.FS != nil {
		c.Broker.FS = c.FS
	}
	if c.Logger != nil {
		c.Broker.Logger = c.Logger
	}
	if c.Clock == nil {
		c.Clock = c.Broker.Clock
	}
	if c.Clock == nil {
		c.Clock = clock.System
	}
	c.Broker.Clock = c.Clock
	return c
}
