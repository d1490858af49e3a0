package worker

import (
	"context"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
)

// controlClient lets the unit and its tasks share one reader of the control topic. The token is a lock whose waiting ends
// with a context; it is held over I/O, which a mutex must not be.
type controlClient struct {
	token chan struct{}
	topic *control.Topic
}

func openControl(ctx context.Context, log commitlog.Log, name string) (*controlClient, error) {
	t, err := control.Open(ctx, log, name)
	if err != nil {
		return nil, err
	}
	return &controlClient{token: make(chan struct{}, 1), topic: t}, nil
}

func (c *controlClient) with(ctx context.Context, f func() error) error {
	select {
	case c.token <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.token }()
	return f()
}

// refresh reads to the end. The state is a copy of what the caller may look at while others read on.
func (c *controlClient) refresh(ctx context.Context) (st *control.State, err error) {
	err = c.with(ctx, func() error {
		s, err := c.topic.Refresh(ctx)
		if err == nil {
			st = s.Clone()
		}
		return err
	})
	return st, err
}

func (c *controlClient) write(ctx context.Context, e control.Event) (accepted bool, err error) {
	err = c.with(ctx, func() error {
		accepted, err = c.topic.Write(ctx, e)
		return err
	})
	return accepted, err
}

func (c *controlClient) close() { _ = c.topic.Close() } // a reader has nothing to lose
