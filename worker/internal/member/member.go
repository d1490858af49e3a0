package member

import "context"

// Member is one worker's membership in one group.
type Member struct {
	config Config
	rejoin chan struct{}
}

// New makes a member that has not joined. It fails only on a Config that cannot work, and then names every fault.
func New(c Config) (*Member, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Member{config: c, rejoin: make(chan struct{}, 1)}, nil
}

// Rejoin asks for a rebalance soon: the host's UserData changed in a way the leader should know, or partitions were
// added. Safe for concurrent use; several calls before the next join count as one.
func (m *Member) Rejoin() {
	select {
	case m.rejoin <- struct{}{}:
	default:
	}
}

// Run joins and stays a member until ctx ends, then leaves, which hands a dynamic member's partitions over at once;
// a static member stays for its session timeout, so that a restart finds its place kept. The host stops and commits
// its tasks before it ends ctx. Run returns nil after that; commitlog.ErrFenced when another process has the instance
// id; the error of Assigned; or an error of the log that no retry can heal (not authorized, unsupported, closed).
// In the last cases Lost has been called. All goroutines it started are gone when it returns. Call it once.
func (m *Member) Run(ctx context.Context) error {
	l := &loop{
		config:  m.config,
		machine: newMachine(m.config),
		values:  context.WithoutCancel(ctx),
		results: make(chan event, 1),
		beats:   make(chan event),
	}
	return l.run(ctx, m.rejoin)
}
