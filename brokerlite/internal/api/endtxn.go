package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// endTxn answers EndTxn, version 5: the transaction takes effect, or is dropped, with one durable record, and the producer
// gets a new epoch (KIP-890, S11). A repeat is recognised and gets the same answer.
func (s *Server) endTxn(ctx context.Context, req *kmsg.EndTxnRequest) (kmsg.Response, error) {
	resp := req.ResponseKind().(*kmsg.EndTxnResponse)
	p, code := s.e.EndTransaction(req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit)
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
