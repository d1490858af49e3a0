package state

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/vfs"
)

// Config says what a Store holds and where. It is read once, by Open.
type Config struct {
	// FS is the file system that Dir is on. nil is allowed only with an empty Dir.
	FS vfs.FS
	// Dir is the store's own directory, made if it is missing. "": the store lives in memory and dies with Close.
	Dir string
	// Tables are the tables in the store; every call names one by its index here. A store on disk that was made with other
	// names, or another order of them, is moved aside.
	Tables []TableConfig
	// Identity is what the contents were derived from (S-12). A store on disk with another one is moved aside.
	Identity Identity
	// WriteBuffer is the size in bytes of LevelDB's memory table. 0: 1 MiB.
	WriteBuffer int64
	// RestoreBytes is how much Restore holds for the next Commit before it writes some of it. 0: half of WriteBuffer.
	RestoreBytes int64
	// BlockCache is the size in bytes of LevelDB's cache of table blocks. 0: 1 MiB; negative: none.
	BlockCache int64
	// OpenFiles is how many table files LevelDB keeps open. 0: 16.
	OpenFiles int
	// BarrierBytes is how many written bytes make a barrier due. 0: 64 MiB.
	BarrierBytes int64
	// Logger gets one record for each store that is moved aside. nil: silent.
	Logger *slog.Logger
	// Clock tells when a barrier is due. nil: clock.System.
	Clock clock.Clock
}

// TableConfig declares one table.
type TableConfig struct {
	// Name is the table's name, or that of its changelog; it is compared, never interpreted.
	Name string
	// Sort appends to dst the form of a key that the store orders by; Unsort turns that form back. Both nil: the key itself.
	// They must be inverse to each other and are called from any goroutine.
	Sort, Unsort func(dst, key []byte) []byte
	// Schemas says that values carry the name of their schema: what Put takes and Get gives are entries of internal/schema. In
	// changelog records the name is a header. false: a value with a schema, which a newer program wrote, is an error that wraps
	// codec.ErrSchema where it is read.
	Schemas bool
	// Same tells of two entries with schemas whether their values are equal although their bytes are not, for Diff. nil: they
	// are not. Called from any goroutine.
	Same func(a, b []byte) bool
}

// Identity names the log and the topics that a store was filled from. Two topics of one name that were created at different
// times differ in their id.
type Identity struct {
	ClusterID  string
	Journal    [16]byte
	Changelogs [][16]byte // one per table that has one, in the caller's order
}

func (c Config) withDefaults() Config {
	if c.WriteBuffer == 0 {
		c.WriteBuffer = 1 << 20
	}
	if c.RestoreBytes == 0 {
		c.RestoreBytes = c.WriteBuffer / 2
	}
	if c.BlockCache == 0 {
		c.BlockCache = 1 << 20
	}
	if c.OpenFiles == 0 {
		c.OpenFiles = 16
	}
	if c.BarrierBytes == 0 {
		c.BarrierBytes = 64 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = clock.System
	}
	return c
}

// validate reports every fault.
func (c Config) validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("state: config: "+format, args...))
	}
	if c.Dir != "" && c.FS == nil {
		fault("Dir is %q, but there is no FS", c.Dir)
	}
	if c.WriteBuffer < 0 || c.RestoreBytes < 0 || c.OpenFiles < 0 || c.BarrierBytes < 0 {
		fault("WriteBuffer, RestoreBytes, OpenFiles or BarrierBytes is negative")
	}
	if len(c.Tables) > maxTables {
		fault("%d tables, at most %d fit", len(c.Tables), maxTables)
	}
	seen := map[string]bool{}
	for i, t := range c.Tables {
		if t.Name == "" || seen[t.Name] {
			fault("table %d has the name %q: want one that no other table has", i, t.Name)
		}
		seen[t.Name] = true
		if (t.Sort == nil) != (t.Unsort == nil) {
			fault("table %s has one of Sort and Unsort: want both or none", t.Name)
		}
	}
	return errors.Join(faults...)
}

func (c Config) tableNames() []string {
	var names []string
	for _, t := range c.Tables {
		names = append(names, t.Name)
	}
	return names
}
