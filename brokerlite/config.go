package brokerlite

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/api"
	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/millrun/millrun/brokerlite/internal/settings"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/vfs"
)

// Flush says when an acknowledgement leaves.
type Flush int8

const (
	// FlushAlways answers after the write-ahead log is synced. The default.
	FlushAlways Flush = iota
	// FlushOS answers once the bytes were handed to the operating system. A power cut may then take acknowledged
	// records back; the end of the process may not. Never the default.
	FlushOS
)

// String gives "always" or "os".
func (f Flush) String() string {
	if f == FlushOS {
		return "os"
	}
	return "always"
}

// Config are the settings of a broker. The zero value of each field means its default, and the zero Config is a durable
// broker on the real disk. Open copies it; later changes have no effect.
type Config struct {
	// FS is where the data directory lives. Nil: the operating system's file system.
	FS vfs.FS
	// Clock gives time stamps and timers. Nil: the machine's clock.
	Clock clock.Clock
	// Logger receives what an operator must know: recovery, damage, a full disk. Nil: nothing is logged.
	Logger *slog.Logger

	// Flush says when an acknowledgement leaves. Zero: FlushAlways.
	Flush Flush
	// SegmentBytes is the size at which a segment is sealed for topics without segment.bytes of their own. Bytes;
	// zero: 1 GiB; at least 64 KiB, below 2 GiB.
	SegmentBytes int64
	// WALFileBytes is the size of one file of the write-ahead log. Bytes; zero: 64 MiB. It must hold the largest
	// batch twice.
	WALFileBytes int64
	// CheckpointBytes is how much is written to the write-ahead log between two snapshots; it bounds the work after a
	// crash. Bytes; zero: 256 MiB.
	CheckpointBytes int64

	// DefaultPartitions is used where a request leaves the number to the broker. Zero: 1.
	DefaultPartitions int32
	// MaxPartitions is the most partitions one topic may have. Zero: 10,000.
	MaxPartitions int32
	// MaxMessageBytes is the largest batch taken for topics without max.message.bytes of their own. Bytes; zero:
	// 1,048,588 as in Kafka.
	MaxMessageBytes int32
	// AutoCreateTopics lets Metadata create a topic that it is asked about and that does not exist, when the request
	// allows it. False: asking never creates.
	AutoCreateTopics bool
	// StrictReplication refuses a replication factor above 1. False: it is taken and answered with 1, because many
	// programs carry a hard-coded 3.
	StrictReplication bool

	// MinSessionTimeout and MaxSessionTimeout bound what a group member may ask for. Zero: 6 s and 30 min.
	MinSessionTimeout, MaxSessionTimeout time.Duration
	// MaxGroupMembers is the most members one group may have. Zero: 10,000.
	MaxGroupMembers int
	// InitialRebalanceDelay is how long the first join of an empty group waits for company. Zero: not at all.
	InitialRebalanceDelay time.Duration

	// MaxTransactionTimeout is the longest a client may ask to keep a transaction open. Zero: 15 min.
	MaxTransactionTimeout time.Duration
	// ProducerIDExpiration is the idle time after which the broker forgets a producer's last sequence numbers. Zero:
	// 24 h.
	ProducerIDExpiration time.Duration
	// MaxProducersPerPartition bounds the remembered producers of one partition; above it the one idle longest is
	// forgotten, never one with an open transaction. Zero: 10,000.
	MaxProducersPerPartition int

	// AdvertisedHost and AdvertisedPort are what Metadata and FindCoordinator answer. Empty and zero: "localhost" and
	// 9092. A broker without a listener is never dialled, so they matter to tools only.
	AdvertisedHost string
	AdvertisedPort int32
}

// withDefaults fills what is zero.
func (c Config) withDefaults() Config {
	set(&c.SegmentBytes, 1<<30)
	set(&c.WALFileBytes, 64<<20)
	set(&c.CheckpointBytes, 256<<20)
	set(&c.DefaultPartitions, 1)
	set(&c.MaxPartitions, 10_000)
	set(&c.MaxMessageBytes, 1_048_588)
	set(&c.MinSessionTimeout, 6*time.Second)
	set(&c.MaxSessionTimeout, 30*time.Minute)
	set(&c.MaxGroupMembers, 10_000)
	set(&c.MaxTransactionTimeout, 15*time.Minute)
	set(&c.ProducerIDExpiration, 24*time.Hour)
	set(&c.MaxProducersPerPartition, 10_000)
	set(&c.AdvertisedHost, "localhost")
	set(&c.AdvertisedPort, 9092)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = clock.System
	}
	if c.FS == nil {
		c.FS = vfs.OS
	}
	return c
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate reports every fault at once.
func (c Config) validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(c.Flush != FlushAlways && c.Flush != FlushOS, "Flush is %d, want FlushAlways or FlushOS", c.Flush)
	fault(c.SegmentBytes < 64<<10 || c.SegmentBytes >= 2<<30,
		"SegmentBytes is %d, want %d to %d", c.SegmentBytes, 64<<10, 2<<30-1)
	fault(c.MaxMessageBytes < 64, "MaxMessageBytes is %d, want at least 64", c.MaxMessageBytes)
	fault(c.WALFileBytes < 2*int64(c.MaxMessageBytes)+8192,
		"WALFileBytes is %d, want twice MaxMessageBytes and 8 KiB, at least %d", c.WALFileBytes, 2*int64(c.MaxMessageBytes)+8192)
	fault(c.CheckpointBytes < 0, "CheckpointBytes is %d, want a positive number", c.CheckpointBytes)
	fault(c.MaxPartitions < 1, "MaxPartitions is %d, want at least 1", c.MaxPartitions)
	fault(c.DefaultPartitions < 1 || c.DefaultPartitions > c.MaxPartitions,
		"DefaultPartitions is %d, want 1 to MaxPartitions (%d)", c.DefaultPartitions, c.MaxPartitions)
	fault(c.MinSessionTimeout < 0 || c.MinSessionTimeout > c.MaxSessionTimeout,
		"MinSessionTimeout is %v, want 0 to MaxSessionTimeout (%v)", c.MinSessionTimeout, c.MaxSessionTimeout)
	fault(c.MaxGroupMembers < 1, "MaxGroupMembers is %d, want at least 1", c.MaxGroupMembers)
	fault(c.InitialRebalanceDelay < 0, "InitialRebalanceDelay is %v, want 0 or more", c.InitialRebalanceDelay)
	fault(c.MaxTransactionTimeout < 0, "MaxTransactionTimeout is %v, want a positive duration", c.MaxTransactionTimeout)
	fault(c.ProducerIDExpiration < 0, "ProducerIDExpiration is %v, want a positive duration", c.ProducerIDExpiration)
	fault(c.MaxProducersPerPartition < 1, "MaxProducersPerPartition is %d, want at least 1", c.MaxProducersPerPartition)
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("brokerlite: config: %w", errors.Join(faults...))
}

func (c Config) engine() engine.Config {
	return engine.Config{FS: c.FS, Clock: c.Clock, Logger: c.Logger, NoSync: c.Flush == FlushOS,
		WALFileBytes: c.WALFileBytes, CheckpointBytes: c.CheckpointBytes,
		Topics:            settings.Defaults{SegmentBytes: c.SegmentBytes, MaxMessageBytes: c.MaxMessageBytes},
		MinSessionTimeout: c.MinSessionTimeout, MaxSessionTimeout: c.MaxSessionTimeout,
		MaxGroupMembers: c.MaxGroupMembers, InitialRebalanceDelay: c.InitialRebalanceDelay,
		ProducerIDExpiration: c.ProducerIDExpiration, MaxProducersPerPartition: c.MaxProducersPerPartition}
}

func (c Config) api() api.Config {
	return api.Config{DefaultPartitions: c.DefaultPartitions, MaxPartitions: c.MaxPartitions,
		AutoCreateTopics: c.AutoCreateTopics, StrictReplication: c.StrictReplication,
		MaxTransactionTimeout: c.MaxTransactionTimeout,
		AdvertisedHost:        c.AdvertisedHost, AdvertisedPort: c.AdvertisedPort}
}
