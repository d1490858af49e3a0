// Package brokerlite is a durable log broker that lives inside a process and speaks in the requests of the Kafka
// protocol.
//
//	b, err := brokerlite.Open("data", brokerlite.Config{})
//	if err != nil { ... }
//	defer b.Close()
//	answer, err := b.Handle(ctx, brokerlite.Embedded, kmsg.NewPtrMetadataRequest())
//
// Promises: what was acknowledged is on the disk (one sync serves all that came in meanwhile); nobody reads what a power
// cut could take back; a transaction takes effect in one step; a retry of an idempotent producer never writes twice, not
// even across a crash. One process owns a data directory.
//
// Limits: one node, no replication; acks=1 means the same as acks=all.
package brokerlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/millrun/millrun/brokerlite/internal/api"
	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Embedded is the principal of calls from the same process. It may do everything. Group members that join under it are
// known to die with the process and are not restored by Open.
const Embedded = "embedded"

// ErrClosed is what Handle says after Close.
var ErrClosed = errors.New("brokerlite: closed")

// ErrUnsupported is what Handle says to a request or version that is not served; ApiVersions lists those that are.
var ErrUnsupported = errors.New("brokerlite: request not served")

// Broker owns a data directory. Safe for concurrent use.
type Broker struct {
	engine *engine.Engine
	server *api.Server

	// calls is held for reading by every Handle and for writing by Close, which so waits for them.
	calls  sync.RWMutex
	closed atomic.Bool
}

// Open takes the data directory dir, creating it if need be, and recovers what it holds. It fails when another owner has
// the directory, when a file is of an unknown version, or when the metadata is damaged (ErrDamaged); a damaged partition does not fail
// Open, it answers KAFKA_STORAGE_ERROR while the others go on.
func Open(dir string, c Config) (*Broker, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	e, err := engine.Open(dir, c.engine())
	if err != nil {
		return nil, fmt.Errorf("brokerlite: %w", marked(err))
	}
	return &Broker{engine: e, server: api.New(e, c.api())}, nil
}

// Handle answers one request. The error is for requests that have no answer: the broker is closed or has failed (Err),
// ctx ended, or the key or version of the request is not served. A Produce request with acks 0 is answered with nil, nil.
//
// ctx ends the wait, not the effect: a write whose wait was cut short may have happened. The bytes of req are not used
// after Handle returns; the bytes of the answer belong to the caller.
func (b *Broker) Handle(ctx context.Context, principal string, req kmsg.Request) (kmsg.Response, error) {
	b.calls.RLock()
	defer b.calls.RUnlock()
	if b.closed.Load() {
		return nil, ErrClosed
	}
	if err := b.engine.Err(); err != nil {
		return nil, fmt.Errorf("brokerlite: stopped: %w", err)
	}
	resp, err := b.server.Handle(ctx, principal, req)
	switch {
	case err == nil:
		return resp, nil
	case b.closed.Load() || errors.Is(err, engine.ErrClosed):
		return nil, ErrClosed
	case errors.Is(err, api.ErrUnsupported):
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil, err
	case b.engine.Err() != nil:
		return nil, fmt.Errorf("brokerlite: stopped: %w", b.engine.Err())
	}
	return nil, fmt.Errorf("brokerlite: %s: %w", kmsg.NameForKey(req.Key()), err)
}

// Close ends waiting requests, writes a snapshot and releases the directory. A second call does nothing and returns nil.
func (b *Broker) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	b.engine.Stop()
	b.calls.Lock()
	defer b.calls.Unlock()
	if err := b.engine.Close(); err != nil {
		return fmt.Errorf("brokerlite: close: %w", err)
	}
	return nil
}

// Err is the fault that stopped the broker, nil while it works. Only Open on the directory, after the cause is gone, helps.
func (b *Broker) Err() error { return b.engine.Err() }

// Failed is closed when Err becomes non-nil. It stays open if the broker is merely closed.
func (b *Broker) Failed() <-chan struct{} { return b.engine.Failed() }

// ClusterID names the log that lives in the directory; it never changes.
func (b *Broker) ClusterID() string { return b.engine.ClusterID() }
