package api

import (
	"context"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// initProducerID answers InitProducerId, versions 0 to 5. With a transactional id it fences the id's previous user and
// aborts what that left open, all in one answer (S10): nothing is in flight afterwards, so CONCURRENT_TRANSACTIONS is
// never needed.
func (s *Server) initProducerID(ctx context.Context, req *kmsg.InitProducerIDRequest) (kmsg.Response, error) {
	resp := req.ResponseKind().(*kmsg.InitProducerIDResponse)
	p, code := s.initProducer(req)
	// A refusal waits too: it may speak of another owner's record that is not durable (S-48).
	refused, err := s.e.WaitCode(ctx, p.LSN, kerr.CoordinatorNotAvailable)
	if err != nil {
		return nil, err
	}
	if refused != 0 {
		code = refused
	}
	if resp.ErrorCode = code; code == 0 {
		resp.ProducerID, resp.ProducerEpoch = p.ID, p.Epoch
	} else {
		resp.ProducerID, resp.ProducerEpoch = -1, -1
	}
	return resp, nil
}

func (s *Server) initProducer(req *kmsg.InitProducerIDRequest) (engine.Producer, int16) {
	if s.e.Full() {
		return engine.Producer{}, kerr.CoordinatorNotAvailable.Code
	}
	if req.TransactionalID == nil {
		return s.e.NewProducerID()
	}
	timeout := time.Duration(req.TransactionTimeoutMillis) * time.Millisecond
	pid, epoch := int64(-1), int16(-1)
	if req.Version >= 3 {
		pid, epoch = req.ProducerID, req.ProducerEpoch
	}
	switch {
	case *req.TransactionalID == "" || (pid < 0) != (epoch < 0):
		return engine.Producer{}, kerr.InvalidRequest.Code
	case timeout <= 0 || timeout > s.c.MaxTransactionTimeout:
		return engine.Producer{}, kerr.InvalidTransactionTimeout.Code
	}
	return s.e.InitProducer(*req.TransactionalID, pid, epoch, timeout)
}
