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

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Embedded is the principal of calls from the same process. It may do everything. Group members that join under it are
// known to die with the process and are not restored by Open.
const Embedded = "embedded"

// ErrClosed is what Handle says after Close.
var ErrClosed = errors.New("brokerlite: closed")

// Broker owns a data directory. Safe for concurrent use.
type Broker struct{}

// Open takes the data directory dir, creating it if need be, and recovers what it holds. It fails when another owner has
// the directory, when a file is of an unknown version, or when the metadata is damaged; a damaged partition does not fail
// Open, it answers KAFKA_STORAGE_ERROR while the others go on.
func Open(dir string, c Config) (*Broker, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	return nil, errors.New("brokerlite: not built yet")
}

// Handle answers one request. The error is for requests that have no answer: the broker is closed or has failed (Err),
// ctx ended, or the key or version of the request is not served. A Produce request with acks 0 is answered with nil, nil.
//
// ctx ends the wait, not the effect: a write whose wait was cut short may have happened. The bytes of req are not used
// after Handle returns; the bytes of the answer belong to the caller.
func (b *Broker) Handle(ctx context.Context, principal string, req kmsg.Request) (kmsg.Response, error) {
	return nil, ErrClosed
}

// Close ends waiting requests, writes a snapshot and releases the directory. A second call does nothing and returns nil.
func (b *Broker) Close() error { return nil }

// Err is the fault that stopped the broker, nil while it works. Only Open on the directory, after the cause is gone, helps.
func (b *Broker) Err() error { return nil }

// Failed is closed when Err becomes non-nil. It stays open if the broker is merely closed.
func (b *Broker) Failed() <-chan struct{} { return nil }
