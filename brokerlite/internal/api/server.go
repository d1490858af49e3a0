// Package api is what the broker answers: one request of the Kafka protocol per file, on top of package engine. Each file
// says which versions it serves; ApiVersions offers exactly those.
package api

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/millrun/millrun/brokerlite/internal/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Config is what requests need of brokerlite.Config.
type Config struct {
	DefaultPartitions     int32
	MaxPartitions         int32
	AutoCreateTopics      bool
	StrictReplication     bool
	MaxTransactionTimeout time.Duration
	AdvertisedHost        string
	AdvertisedPort        int32
}

// Server answers requests. Safe for concurrent use.
type Server struct {
	e        *engine.Engine
	c        Config
	requests map[int16]served
	turn     atomic.Uint32 // where the next fetch begins, so that no partition starves
}

// node is the id of the one broker there is.
const node = 1

// served is one request type: its versions and what answers it.
type served struct {
	key      kmsg.Key
	min, max int16
	handle   func(s *Server, ctx context.Context, principal string, req kmsg.Request) (kmsg.Response, error)
}

// New makes a server over an engine.
func New(e *engine.Engine, c Config) *Server {
	s := &Server{e: e, c: c, requests: map[int16]served{}}
	for _, r := range table() {
		s.requests[r.key.Int16()] = r
	}
	return s
}

// table lists what is served. Versions left out above are those that name topics by id where the answer cannot, and what
// belongs to the first transaction protocol.
func table() []served {
	return []served{
		{kmsg.Produce, 3, 12, on((*Server).produce)},
		{kmsg.Fetch, 4, 18, on((*Server).fetch)},
		{kmsg.ListOffsets, 1, 10, on((*Server).listOffsets)},
		{kmsg.Metadata, 0, 13, on((*Server).metadata)},
		{kmsg.OffsetCommit, 2, 9, (*Server).group},
		{kmsg.OffsetFetch, 1, 9, (*Server).group},
		{kmsg.FindCoordinator, 0, 6, on((*Server).findCoordinator)},
		{kmsg.JoinGroup, 0, 9, (*Server).group},
		{kmsg.Heartbeat, 0, 4, (*Server).group},
		{kmsg.LeaveGroup, 0, 5, (*Server).group},
		{kmsg.SyncGroup, 0, 5, (*Server).group},
		{kmsg.DescribeGroups, 0, 6, (*Server).group},
		{kmsg.ListGroups, 0, 5, (*Server).group},
		{kmsg.ApiVersions, 0, 4, on((*Server).apiVersions)},
		{kmsg.CreateTopics, 2, 7, on((*Server).createTopics)},
		{kmsg.DeleteTopics, 1, 6, on((*Server).deleteTopics)},
		{kmsg.DeleteRecords, 0, 2, on((*Server).deleteRecords)},
		{kmsg.InitProducerID, 0, 5, on((*Server).initProducerID)},
		{kmsg.OffsetForLeaderEpoch, 2, 4, on((*Server).offsetForLeaderEpoch)},
		{kmsg.EndTxn, 5, 5, on((*Server).endTxn)},
		{kmsg.TxnOffsetCommit, 5, 5, on((*Server).txnOffsetCommit)},
		{kmsg.DescribeConfigs, 1, 4, on((*Server).describeConfigs)},
		{kmsg.CreatePartitions, 0, 3, on((*Server).createPartitions)},
		{kmsg.DeleteGroups, 0, 2, (*Server).group},
		{kmsg.IncrementalAlterConfigs, 0, 1, on((*Server).incrementalAlterConfigs)},
	}
}

// on lets a method that wants its own request type answer. The key has been looked up, so the type is right.
func on[R kmsg.Request](handle func(*Server, context.Context, R) (kmsg.Response, error)) func(*Server, context.Context, string, kmsg.Request) (kmsg.Response, error) {
	return func(s *Server, ctx context.Context, _ string, req kmsg.Request) (kmsg.Response, error) {
		r, ok := req.(R)
		if !ok {
			return nil, fmt.Errorf("request of key %d is a %T", req.Key(), req)
		}
		return handle(s, ctx, r)
	}
}

// ErrUnsupported says that a request or its version is not served.
var ErrUnsupported = errors.New("request not served")

// Handle answers one request. See brokerlite.Broker.Handle.
func (s *Server) Handle(ctx context.Context, principal string, req kmsg.Request) (kmsg.Response, error) {
	r, found := s.requests[req.Key()]
	if !found {
		return nil, fmt.Errorf("%w: %s", ErrUnsupported, kmsg.NameForKey(req.Key()))
	}
	if v := req.GetVersion(); v < r.min || v > r.max {
		if r.key == kmsg.ApiVersions {
			return s.unsupportedApiVersions(), nil
		}
		return nil, fmt.Errorf("%w: %s version %d, want %d to %d", ErrUnsupported, r.key.Name(), v, r.min, r.max)
	}
	return r.handle(s, ctx, principal, req)
}

// refusal turns an error of the engine into a code and words; what has no code ends the request.
func refusal(err error) (code int16, why *string, fatal error) {
	if err == nil {
		return 0, nil, nil
	}
	var r *engine.Refusal
	if errors.As(err, &r) {
		return r.Kind.Code, kmsg.StringPtr(r.Why), nil
	}
	return 0, nil, err
}

// find looks a partition up for data requests, by name or, in versions that have them, by id.
func (s *Server) find(byID bool, topic string, id [16]byte, index int32) (*partition.Partition, int16) {
	catalog := s.e.Catalog()
	t, unknown := catalog.Topic(topic), kerr.UnknownTopicOrPartition.Code
	if byID {
		t, unknown = catalog.TopicByID(id), kerr.UnknownTopicID.Code
	}
	if t == nil {
		return nil, unknown
	}
	p := t.Partition(index)
	if p == nil {
		return nil, kerr.UnknownTopicOrPartition.Code
	}
	return p, p.Code()
}

// epochCode compares the leader epoch a client believes in, -1 for none, with the partition's (S27).
func epochCode(believed, epoch int32) int16 {
	switch {
	case believed < 0 || believed == epoch:
		return 0
	case believed < epoch:
		return kerr.FencedLeaderEpoch.Code
	}
	return kerr.UnknownLeaderEpoch.Code
}
