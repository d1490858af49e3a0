package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// txnOffsetCommit answers TxnOffsetCommit, version 5: the group joins the transaction and the offsets wait for its end
// (S16). Member, generation and instance id are checked as for OffsetCommit.
func (s *Server) txnOffsetCommit(ctx context.Context, req *kmsg.TxnOffsetCommitRequest) (kmsg.Response, error) {
	resp, lsn, code := s.e.StageOffsets(req)
	if code == 0 || lsn > 0 {
		refused, err := s.e.WaitCode(ctx, lsn, kerr.CoordinatorNotAvailable)
		if err != nil {
			return nil, err
		}
		if refused != 0 {
			code = refused
		}
	}
	if code != 0 {
		resp = refuseTxnOffsets(req, code)
	}
	return resp, nil
}

func refuseTxnOffsets(req *kmsg.TxnOffsetCommitRequest, code int16) *kmsg.TxnOffsetCommitResponse {
	resp := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewTxnOffsetCommitResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}
