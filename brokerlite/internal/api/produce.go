package api

import (
	"context"
	"errors"
	"syscall"

	"github.com/millrun/millrun/brokerlite/internal/partition"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// produce answers Produce, versions 3 to 12. Every partition carries one batch of magic 2. acks 1 and -1 wait for the
// sync (S-52); with acks 0 there is no answer. Version 12 adds partitions to the transaction (KIP-890).
func (s *Server) produce(ctx context.Context, req *kmsg.ProduceRequest) (kmsg.Response, error) {
	if err := s.e.Admit(ctx); err != nil && !errors.Is(err, syscall.ENOSPC) {
		return nil, err
	}
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	var newest wal.LSN
	var waits []produceWait
	for _, t := range req.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic = t.Topic
		rt.Partitions = make([]kmsg.ProduceResponseTopicPartition, len(t.Partitions))
		for i := range t.Partitions {
			lsn := s.producePartition(req, t.Topic, &t.Partitions[i], &rt.Partitions[i])
			waits = append(waits, produceWait{lsn, &rt.Partitions[i]})
			newest = max(newest, lsn)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	if req.Acks == 0 {
		return nil, nil
	}
	if err := s.e.Wait(ctx, newest); err == nil && len(waits) == 1 {
		return resp, nil
	}
	// That the newest is durable does not say it of the others: a full disk may have refused one, and had room for the next.
	for _, w := range waits {
		if err := s.e.Wait(ctx, w.lsn); errors.Is(err, syscall.ENOSPC) {
			*w.answer = producePartitionError(w.answer.Partition, kerr.KafkaStorageError.Code, "disk full")
		} else if err != nil {
			return nil, err
		}
	}
	return resp, nil
}

type produceWait struct {
	lsn    wal.LSN
	answer *kmsg.ProduceResponseTopicPartition
}

func producePartitionError(index int32, code int16, why string) kmsg.ProduceResponseTopicPartition {
	r := kmsg.NewProduceResponseTopicPartition()
	r.Partition, r.ErrorCode, r.BaseOffset = index, code, -1
	if why != "" {
		r.ErrorMessage = kmsg.StringPtr(why)
	}
	return r
}

// producePartition appends one batch and fills in its answer, which may leave when the LSN is durable.
func (s *Server) producePartition(req *kmsg.ProduceRequest, topic string, in *kmsg.ProduceRequestTopicPartition, out *kmsg.ProduceResponseTopicPartition) wal.LSN {
	t := s.e.Catalog().Topic(topic)
	p := t.Partition(in.Partition)
	refuse := func(code int16, why string) wal.LSN {
		*out = producePartitionError(in.Partition, code, why)
		return 0
	}
	switch {
	case p == nil:
		return refuse(kerr.UnknownTopicOrPartition.Code, "")
	case req.Acks < -1 || req.Acks > 1:
		return refuse(kerr.InvalidRequiredAcks.Code, "")
	case s.e.Full():
		return refuse(kerr.KafkaStorageError.Code, "disk full")
	}
	if bad := p.Validate(in.Records, t.MaxBytes, s.e.Now()); bad != nil {
		refuse(bad.Code, bad.Why)
		if bad.Record >= 0 {
			r := kmsg.NewProduceResponseTopicPartitionErrorRecord()
			r.RelativeOffset, r.ErrorMessage = int32(bad.Record), kmsg.StringPtr(bad.Why)
			out.ErrorRecords = append(out.ErrorRecords, r)
		}
		return 0
	}
	a, code := s.appendBatch(req, p, in.Records)
	if code != 0 {
		refuse(code, "")
		return a.LSN // what the refusal speaks of may not be durable (S-48)
	}
	*out = kmsg.NewProduceResponseTopicPartition()
	out.Partition, out.BaseOffset, out.LogAppendTime, out.LogStartOffset = in.Partition, a.Base, a.AppendTime, a.LogStart
	return a.LSN
}

func (s *Server) appendBatch(req *kmsg.ProduceRequest, p *partition.Partition, b recordbatch.Batch) (partition.Appended, int16) {
	inTransaction := req.TransactionID != nil
	switch {
	case b.Compression() == recordbatch.Zstd && req.Version < 7:
		return partition.Appended{}, kerr.UnsupportedCompressionType.Code
	case b.Transactional() != inTransaction:
		return partition.Appended{}, kerr.InvalidRecord.Code
	case inTransaction:
		return s.e.AppendTransactional(*req.TransactionID, p, b, req.Version >= 12)
	}
	return s.e.Append(p, b)
}
