package view

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/vfs"
)

// Config says where a view keeps its copy and what it follows. The zero Config: all partitions, in memory.
type Config struct {
	// Dir is the directory for copies on disk; several views may share it, but only one of each table: a second one is refused
	// at once. It holds a directory for each changelog that is followed. A view that is opened again there reads only what the
	// log has gained. "": in memory.
	Dir string
	// Partitions are the partitions of the table that are followed, each once. nil: all. A number that the table does not have
	// ends the view as soon as the table is there.
	Partitions []int32
	// Logger hears of copies that are moved aside, filled anew or cannot be removed. nil: silent.
	Logger *slog.Logger
	// Clock and FS are seams for the test kit; their types cannot be named outside this module. nil: the machine's.
	Clock clock.Clock
	FS    vfs.FS
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = clock.System
	}
	if c.FS == nil {
		c.FS = vfs.OS
	}
	if c.Partitions != nil {
		c.Partitions = slices.Sorted(slices.Values(c.Partitions))
	}
	return c
}

// validate reports every fault.
func (c Config) validate() error {
	var faults []error
	if c.Partitions != nil && len(c.Partitions) == 0 {
		faults = append(faults, errors.New("view: config: Partitions is empty, so there is nothing to follow: nil means all"))
	}
	seen := map[int32]bool{}
	for _, p := range c.Partitions {
		switch {
		case p < 0:
			faults = append(faults, fmt.Errorf("view: config: Partitions has %d: want 0 or more", p))
		case seen[p]:
			faults = append(faults, fmt.Errorf("view: config: Partitions has %d twice", p))
		}
		seen[p] = true
	}
	return errors.Join(faults...)
}
