package member

import (
	"context"
	"sync"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// loop owns the machine of one Run and performs its effects.
type loop struct {
	config  Config
	machine *machine
	values  context.Context // of Run, without its end

	results chan event // ends of tasks; the task under way has room for its one
	beats   chan event // answers to heartbeats
	running sync.WaitGroup

	cancelTask  context.CancelFunc
	cancelBeats context.CancelFunc
}

// run takes events until the machine is done and everything started here is gone.
func (l *loop) run(ctx context.Context, rejoin <-chan struct{}) error {
	defer l.running.Wait()
	stop := ctx.Done()
	f := l.machine.step(event{start: true})
	for {
		l.perform(f)
		if f.done {
			return f.err
		}
		select {
		case <-stop:
			stop = nil
			f = l.machine.step(event{stop: true})
		case e := <-l.results:
			l.cancelTask()
			f = l.machine.step(e)
		case e := <-l.beats:
			f = l.machine.step(e)
		case <-rejoin:
			f = l.machine.step(event{rejoin: true})
		}
	}
}

func (l *loop) perform(f effects) {
	if f.cancel {
		l.cancelTask()
	}
	if f.quiet {
		l.cancelBeats()
	}
	if f.beat {
		l.beat()
	}
	if f.run != taskNone {
		l.begin(f.run, f.wait)
	}
}

// begin runs a task in a goroutine of its own, which run waits for.
func (l *loop) begin(t task, wait time.Duration) {
	ctx, cancel := context.WithCancel(l.values)
	l.cancelTask = cancel
	work := l.work(t, wait)
	l.running.Add(1)
	go func() {
		defer l.running.Done()
		e := work(ctx)
		e.taskDone = true
		l.results <- e
	}()
}

// work prepares what the task needs from the machine; what it returns runs beside the loop and must not touch it.
func (l *loop) work(t task, wait time.Duration) func(context.Context) event {
	member, topics := l.machine.member, l.config.Topics
	switch t {
	case taskJoin:
		request := l.joinRequest()
		return func(ctx context.Context) (e event) {
			e.joined, e.err = l.config.Groups.Join(ctx, request)
			return e
		}
	case taskSync:
		joined := l.machine.joined
		return func(ctx context.Context) event { return l.sync(ctx, joined) }
	case taskAssign:
		a := Assignment{Member: member, Partitions: append([]int32{}, l.machine.assign...)}
		l.config.Logger.Debug("assignment", "group", member.Group, "member", member.ID,
			"generation", member.Generation, "topics", topics, "partitions", a.Partitions)
		return func(ctx context.Context) event { return event{err: l.config.Hooks.Assigned(ctx, a)} }
	case taskPrepare:
		return func(ctx context.Context) event { return l.prepare(ctx, member) }
	case taskLost:
		l.config.Logger.Debug("membership lost", "group", l.config.Group, "partitions", l.machine.assign)
		return func(context.Context) event { l.config.Hooks.Lost(); return event{} }
	case taskBackoff:
		timer := l.config.Clock.NewTimer(wait)
		return func(ctx context.Context) event {
			defer timer.Stop()
			select {
			case <-timer.C():
			case <-ctx.Done():
			}
			return event{}
		}
	}
	return func(ctx context.Context) event { return l.leave(ctx, member) } // taskLeave
}

// joinRequest says who joins and what it owns. A member that has just been told its generation is over still names what
// it works on, so that the leader can let it keep that.
func (l *loop) joinRequest() commitlog.JoinRequest {
	m, c := l.machine, l.config
	data := c.UserData()
	data.WorkerID = c.WorkerID
	s := subscription{topics: c.Topics, userData: appendUserData(nil, data), generation: -1}
	if m.held {
		s.owned, s.generation = m.assign, m.member.Generation
	}
	return commitlog.JoinRequest{
		Member:           m.member,
		Protocols:        []commitlog.Protocol{{Name: protocolName, Metadata: appendSubscription(nil, s)}},
		SessionTimeout:   c.SessionTimeout,
		RebalanceTimeout: c.RebalanceTimeout,
	}
}

func (l *loop) sync(ctx context.Context, joined commitlog.Joined) (e event) {
	c := l.config
	var assignments map[string][]byte
	if joined.Leader && len(joined.Members) > 0 {
		var odd []string
		assignments, odd = plan(joined.Members, c.Topics, c.Partitions)
		if len(odd) > 0 {
			c.Logger.Warn("members with another subscription get no partitions", "group", c.Group,
				"generation", joined.Member.Generation, "members", odd, "topics", c.Topics)
		}
	}
	b, err := c.Groups.Sync(ctx, joined.Member, joined.Protocol, assignments)
	if err != nil {
		return event{err: err}
	}
	e.partitions, e.err = readAssignment(b, c.Topics)
	return e
}

// prepare lets the host commit. It gets what is left of the rebalance timeout after the heartbeat that brought the news
// may have been late and the join itself takes a moment.
func (l *loop) prepare(ctx context.Context, member commitlog.Member) event {
	c := l.config
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := c.Clock.AfterFunc(max(c.RebalanceTimeout/2, c.RebalanceTimeout-2*c.HeartbeatEvery), cancel)
	defer limit.Stop()
	if err := c.Hooks.Prepare(ctx); err != nil {
		c.Logger.Warn("not everything was committed before the rebalance", "group", c.Group,
			"generation", member.Generation, "error", err)
	}
	return event{}
}

func (l *loop) leave(ctx context.Context, member commitlog.Member) event {
	c := l.config
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := c.Clock.AfterFunc(c.LeaveTimeout, cancel)
	defer limit.Stop()
	if err := c.Groups.Leave(ctx, member); err != nil && classify(err) != classLost {
		c.Logger.Warn("left without a farewell; the others wait for the session timeout", "group", c.Group,
			"member", member.ID, "error", err)
	}
	return event{}
}

// beat begins heartbeats for the generation the machine is in, in a goroutine that run waits for. It ends when it is
// cancelled, or with an answer after which no more are wanted.
func (l *loop) beat() {
	ctx, cancel := context.WithCancel(l.values)
	l.cancelBeats = cancel
	member := l.machine.member
	series, random := l.machine.series, l.config.Random()
	timer := l.config.Clock.NewTimer(l.config.HeartbeatEvery)
	l.running.Add(1)
	go func() {
		defer l.running.Done()
		defer cancel()
		defer timer.Stop()
		for failures := 0; ; {
			select {
			case <-timer.C():
			case <-ctx.Done():
				return
			}
			err := heartbeat(ctx, l.config, member)
			next := l.config.HeartbeatEvery
			failures++
			if classify(err) != classRetry {
				failures = 0
			} else {
				next = min(next, l.config.backoff(failures-1, random))
			}
			select {
			case l.beats <- event{beat: true, series: series, err: err}:
			case <-ctx.Done():
				return
			}
			if k := classify(err); k == classLost || k == classFatal {
				return
			}
			timer.Reset(next)
		}
	}()
}

// heartbeat asks once and gives up after a session timeout: then the answer would come too late anyway.
func heartbeat(ctx context.Context, c Config, member commitlog.Member) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := c.Clock.AfterFunc(c.SessionTimeout, cancel)
	defer limit.Stop()
	return c.Groups.Heartbeat(ctx, member)
}
