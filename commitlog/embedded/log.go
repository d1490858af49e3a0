package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
)

// Log is the log of one data directory in this process. Safe for concurrent use.
type Log struct {
	dir        string // as Open was given it, for sentences
	broker     *brokerlite.Broker
	clock      clock.Clock
	unregister func() // takes its metrics away; may be called again
}

var _ commitlog.Log = (*Log)(nil)

// Open takes the data directory, creating it if need be, recovers what it holds and gives a log with default settings.
// It fails when another process has the directory, or when the broker's own metadata is damaged (commitlog.ErrCorrupt) or of
// an unknown version.
func Open(dir string) (*Log, error) { return OpenConfig(dir, Config{}) }

// OpenConfig is Open with settings.
func OpenConfig(dir string, c Config) (*Log, error) {
	c = c.withDefaults()
	broker, err := brokerlite.Open(dir, c.Broker)
	if errors.Is(err, brokerlite.ErrDamaged) {
		return nil, fmt.Errorf("embedded: open %s: %w: %w", dir, commitlog.ErrCorrupt, err)
	}
	if err != nil {
		return nil, fmt.Errorf("embedded: open %s: %w", dir, err)
	}
	unregister, err := register(c.Metrics, broker)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("embedded: open %s: %w", dir, err), broker.Close())
	}
	return &Log{dir: dir, broker: broker, clock: c.Clock, unregister: unregister}, nil
}

// Broker is the broker under this log, to serve it on a port or to ask for its faults. It closes with the log.
func (l *Log) Broker() *brokerlite.Broker { return l.broker }

// Close closes the broker and releases the directory. Readers, writers and transactors still open say ErrClosed from then
// on. A second call does nothing.
func (l *Log) Close() error {
	l.unregister()
	if err := l.broker.Close(); err != nil {
		return fmt.Errorf("embedded: close: %w", err)
	}
	return nil
}

// Request gives a request to the broker, so that the log can stand behind kmsg's RequestWith. Errors are sentinels of
// commitlog: the context's own wrapped in ErrUnavailable, ErrClosed, ErrStorage after the broker failed, ErrUnsupported
// for a request it does not serve.
func (l *Log) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", commitlog.ErrUnavailable, context.Cause(ctx))
	}
	resp, err := l.broker.Handle(ctx, brokerlite.Embedded, req)
	if err == nil {
		return resp, nil
	}
	name := kmsg.NameForKey(req.Key())
	switch {
	case errors.Is(err, brokerlite.ErrClosed):
		return nil, fmt.Errorf("%w: %s: %w", commitlog.ErrClosed, name, err)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %s: %w", commitlog.ErrUnavailable, name, context.Cause(ctx))
	case l.broker.Err() != nil:
		return nil, fmt.Errorf("%w: %s: %w", commitlog.ErrStorage, name, err)
	}
	return nil, fmt.Errorf("%w: %s version %d: %w", commitlog.ErrUnsupported, name, req.GetVersion(), err)
}
