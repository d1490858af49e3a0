package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
)

// Hooks is what the host does when the membership moves. They are called one at a time, never concurrently, and Run
// waits for them. While one runs, heartbeats go on; its context ends when membership is lost or Run must stop.
type Hooks interface {
	// Prepare comes before the member joins again: every task commits what it has with the old generation, then the
	// commit gate closes. Tasks go on working; only commits wait. The context also ends when the rebalance timeout is
	// nearly over. An error is logged and the member joins all the same, so a task that could not commit must have
	// aborted or keep its effects out of the next generation (S-6).
	Prepare(ctx context.Context) error
	// Assigned opens the gate with a new generation: revoked tasks are dropped, new ones start, and each kept one is
	// checked against the committed offsets first (S-6). It should return soon; restores go on behind it. An error
	// ends Run: the member leaves the group first.
	Assigned(ctx context.Context, a Assignment) error
	// Lost says that this worker owns nothing any more: every task aborts, the gate is closed. It joins as new next.
	Lost()
}

// Assignment is what this member owns in one generation.
type Assignment struct {
	Member     commitlog.Member // commits of the tasks carry it
	Partitions []int32          // ascending; of every topic of the processor. Owned by the host. May be empty
}

// UserData is what each member tells the leader, beside its topics.
type UserData struct {
	WorkerID string  // the same for all groups of one worker, stable over restarts
	Edition  uint32  // of the processor; shown to tools
	Warm     []int32 // partitions whose state this worker holds; the leader prefers it for them
}

// Config is what a Member is made with.
type Config struct {
	Groups commitlog.Groups // required
	Clock  clock.Clock      // nil: clock.System
	Group  string           // consumer group; required
	Topics []string         // input topics, co-partitioned; at least one
	// Partitions is the number of partitions that each of Topics has; at least 1. All members of a group give the same.
	Partitions int32
	// Instance is the static instance id: a worker that restarts within the session timeout keeps its partitions
	// without a rebalance. "": dynamic, its partitions move as soon as it leaves.
	Instance string
	WorkerID string // for UserData; "": none
	// SessionTimeout is the silence after which the group goes on without this member. 0: 10 s. Kafka: 6 s to 30 min.
	SessionTimeout time.Duration
	// RebalanceTimeout is the time that Prepare and the join may take together. 0: 60 s.
	RebalanceTimeout time.Duration
	HeartbeatEvery   time.Duration // 0: a third of SessionTimeout
	// BackoffMin and BackoffMax bound the wait between two tries of a call that failed for a while; it doubles, and each
	// wait is drawn from its upper half. 0: 100 ms and 5 s, at most HeartbeatEvery for heartbeats.
	BackoffMin, BackoffMax time.Duration
	// LeaveTimeout bounds the farewell when Run stops. 0: 2 s.
	LeaveTimeout time.Duration
	// UserData is asked before each join, on the goroutine of Run; WorkerID is filled in. It must not block. nil: WorkerID
	// only.
	UserData func() UserData
	// Random gives the bits for jitter, on the goroutine of Run. nil: no jitter.
	Random func() uint64
	Logger *slog.Logger // nil: discards
	Hooks  Hooks        // required
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.System
	}
	if c.SessionTimeout == 0 {
		c.SessionTimeout = 10 * time.Second
	}
	if c.RebalanceTimeout == 0 {
		c.RebalanceTimeout = 60 * time.Second
	}
	if c.HeartbeatEvery == 0 {
		c.HeartbeatEvery = c.SessionTimeout / 3
	}
	if c.BackoffMin == 0 {
		c.BackoffMin = 100 * time.Millisecond
	}
	if c.BackoffMax == 0 {
		c.BackoffMax = max(5*time.Second, c.BackoffMin)
	}
	if c.LeaveTimeout == 0 {
		c.LeaveTimeout = 2 * time.Second
	}
	if c.UserData == nil {
		c.UserData = func() UserData { return UserData{} }
	}
	if c.Random == nil {
		c.Random = func() uint64 { return 0 }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// validate reports every fault at once.
func (c Config) validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("member: Config."+format, args...))
	}
	if c.Groups == nil {
		fault("Groups is nil, want a log")
	}
	if c.Group == "" {
		fault("Group is empty, want the name of the consumer group")
	}
	if len(c.Topics) == 0 {
		fault("Topics is empty, want the processor's inputs")
	}
	if c.Partitions < 1 {
		fault("Partitions is %d, want at least 1", c.Partitions)
	}
	if c.SessionTimeout < time.Millisecond {
		fault("SessionTimeout is %v, want at least 1ms", c.SessionTimeout)
	}
	if c.RebalanceTimeout < time.Millisecond {
		fault("RebalanceTimeout is %v, want at least 1ms", c.RebalanceTimeout)
	}
	if c.HeartbeatEvery <= 0 || c.HeartbeatEvery >= c.SessionTimeout {
		fault("HeartbeatEvery is %v, want more than 0 and less than SessionTimeout %v", c.HeartbeatEvery, c.SessionTimeout)
	}
	if c.BackoffMin < 0 || c.BackoffMax < c.BackoffMin {
		fault("BackoffMin is %v and BackoffMax %v, want 0 < min <= max", c.BackoffMin, c.BackoffMax)
	}
	if c.LeaveTimeout < 0 {
		fault("LeaveTimeout is %v, want 0 or more", c.LeaveTimeout)
	}
	if c.Hooks == nil {
		fault("Hooks is nil, want the host of the tasks")
	}
	return errors.Join(faults...)
}
