package group

import (
	"errors"
	"fmt"
	"time"
)

// Config is what a Machine is made with.
type Config struct {
	// MinSessionTimeout and MaxSessionTimeout bound what JoinGroup may ask for; outside: INVALID_SESSION_TIMEOUT.
	// 0: 6 s and 30 min, as Kafka.
	MinSessionTimeout, MaxSessionTimeout time.Duration
	// InitialRebalanceDelay is how long the first rebalance of an empty group waits for more members; each new one
	// starts the wait again, up to the rebalance timeout. 0: none (Kafka: 3 s).
	InitialRebalanceDelay time.Duration
	// MaxMembers bounds one group, pending members included. A join above it: GROUP_MAX_SIZE_REACHED. 0: 10,000.
	MaxMembers int
	// MaxGroups bounds the groups known. A join or commit that would add one more: GROUP_MAX_SIZE_REACHED for a join,
	// COORDINATOR_NOT_AVAILABLE for a commit. 0: 100,000.
	MaxGroups int
	// MaxMetadataBytes bounds the text kept with an offset; above: OFFSET_METADATA_TOO_LARGE. 0: 4096, as Kafka.
	MaxMetadataBytes int
	// Random gives the bits of generated member ids. Required; a test passes a seeded source.
	Random func() uint64
	// Exists says whether a partition exists; offsets of others are refused with UNKNOWN_TOPIC_OR_PARTITION. Required.
	// It is called during Step and StageOffsets and must not call the machine.
	Exists func(topic string, partition int32) bool
}

func (c Config) withDefaults() Config {
	if c.MinSessionTimeout == 0 {
		c.MinSessionTimeout = 6 * time.Second
	}
	if c.MaxSessionTimeout == 0 {
		c.MaxSessionTimeout = 30 * time.Minute
	}
	if c.MaxMembers == 0 {
		c.MaxMembers = 10_000
	}
	if c.MaxGroups == 0 {
		c.MaxGroups = 100_000
	}
	if c.MaxMetadataBytes == 0 {
		c.MaxMetadataBytes = 4096
	}
	return c
}

// validate reports every fault at once.
func (c Config) validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("group: Config."+format, args...))
	}
	if c.MinSessionTimeout < time.Millisecond {
		fault("MinSessionTimeout is %v, want at least 1ms", c.MinSessionTimeout)
	}
	if c.MaxSessionTimeout < c.MinSessionTimeout {
		fault("MaxSessionTimeout is %v, below MinSessionTimeout %v", c.MaxSessionTimeout, c.MinSessionTimeout)
	}
	if c.InitialRebalanceDelay < 0 {
		fault("InitialRebalanceDelay is %v, want 0 or more", c.InitialRebalanceDelay)
	}
	if c.MaxMembers < 1 {
		fault("MaxMembers is %d, want at least 1", c.MaxMembers)
	}
	if c.MaxGroups < 1 {
		fault("MaxGroups is %d, want at least 1", c.MaxGroups)
	}
	if c.MaxMetadataBytes < 0 {
		fault("MaxMetadataBytes is %d, want 0 or more", c.MaxMetadataBytes)
	}
	if c.Random == nil {
		fault("Random is nil, want a source of bits for member ids")
	}
	if c.Exists == nil {
		fault("Exists is nil, want the look-up of partitions")
	}
	return errors.Join(faults...)
}
