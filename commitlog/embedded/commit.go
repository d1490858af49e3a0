package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/commitlog"
)

// Commit implements commitlog.Transactor.
func (t *transactor) Commit(ctx context.Context, offsets ...commitlog.GroupOffsets) ([]commitlog.Position, error) {
	if err := t.ready(); err != nil {
		return nil, fmt.Errorf("commit: %w", t.verdict(ctx, err))
	}
	t.phase = open
	if err := t.prepare(ctx, offsets); err != nil {
		return nil, fmt.Errorf("commit: %w", t.verdict(ctx, t.breakUp(err)))
	}
	ends := t.ends()
	if !t.sent {
		t.settle()
		return ends, nil
	}
	f, answered := t.fly(ctx, t.endTxn(true))
	switch {
	case !answered:
		return nil, fmt.Errorf("commit: %w", t.breakUp(fmt.Errorf("%w: %w", commitlog.ErrUnknownOutcome, context.Cause(ctx))))
	case f.err == nil:
		t.settle()
		return ends, nil
	case f.code == 0: // no answer at all
		return nil, fmt.Errorf("commit: %w", t.breakUp(fmt.Errorf("%w: %w", commitlog.ErrUnknownOutcome, f.err)))
	}
	return nil, fmt.Errorf("commit: %w", t.verdict(ctx, t.breakUp(&produceError{f.code, f.err})))
}

// prepare brings everything but the end to the broker.
func (t *transactor) prepare(ctx context.Context, offsets []commitlog.GroupOffsets) error {
	for _, to := range t.written {
		if to.encoder.Count() == 0 {
			continue
		}
		if err := t.seal(ctx, to); err != nil {
			return err
		}
	}
	if err := t.outbox.wait(ctx); err != nil {
		return err
	}
	for _, o := range offsets {
		if len(o.Offsets) == 0 {
			continue
		}
		t.sent = true
		if err := t.commitOffsets(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// commitOffsets stages one group's offsets; the generation is checked here and nowhere else (S-3).
func (t *transactor) commitOffsets(ctx context.Context, o commitlog.GroupOffsets) error {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.Version = 5
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = t.c.ID, t.producer.ID, t.producer.Epoch
	m := o.Member
	req.Group, req.Generation, req.MemberID, req.InstanceID = m.Group, m.Generation, m.ID, optional(m.InstanceID)
	for topic, positions := range positionsByTopic(o.Offsets) {
		q := kmsg.NewTxnOffsetCommitRequestTopic()
		q.Topic = topic
		for _, position := range positions {
			p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			p.Partition, p.Offset, p.LeaderEpoch = position.Partition.Index, position.Offset, -1
			p.Metadata = &position.Metadata
			q.Partitions = append(q.Partitions, p)
		}
		req.Topics = append(req.Topics, q)
	}
	var refused int16
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, t.log)
		if err != nil {
			return 0, "", err
		}
		for _, q := range resp.Topics {
			for _, p := range q.Partitions {
				if p.ErrorCode != 0 {
					refused = p.ErrorCode
					return p.ErrorCode, fmt.Sprintf("group %s, %s/%d", m.Group, q.Topic, p.Partition), nil
				}
			}
		}
		refused = 0
		return 0, "", nil
	})
	if err != nil && refused != 0 {
		return &produceError{refused, err}
	}
	return err
}

// ends gives the offsets after the last records, in the order partitions were first written.
func (t *transactor) ends() []commitlog.Position {
	ends := make([]commitlog.Position, 0, len(t.written))
	for _, to := range t.written {
		ends = append(ends, commitlog.Position{Partition: to.partition, Offset: t.outbox.end(to.partition)})
	}
	return ends
}

// settle leaves a transaction that is decided: nothing of it is under way any more.
func (t *transactor) settle() {
	for _, to := range t.written {
		to.encoder.Abandon()
		to.touched = false
	}
	for _, to := range t.targets {
		to.sequence = 0
	}
	t.written, t.phase, t.fault, t.sent = t.written[:0], idle, nil, false
	t.outbox.reset()
}

// verdict turns the fault of a transaction that did not reach its end into what the contract says about it. The fencing
// codes mean two things: our own timeout, or another producer. Only a new epoch tells: ours is refused if another has the
// id.
func (t *transactor) verdict(ctx context.Context, err error) error {
	if errors.Is(err, commitlog.ErrClosed) || errors.Is(err, commitlog.ErrAborted) || errors.Is(err, commitlog.ErrUnknownOutcome) {
		return err
	}
	var refused *produceError
	if errors.As(err, &refused) {
		switch refused.code {
		case codeInvalidProducerEpoch, codeProducerFenced:
			switch renewed := t.Renew(ctx); {
			case renewed == nil:
				t.breakUp(err)
				return fmt.Errorf("%w: the log had ended it: %w", commitlog.ErrAborted, errors.New(err.Error()))
			case errors.Is(renewed, commitlog.ErrFenced):
				return fmt.Errorf("%w: %w", commitlog.ErrFenced, errors.Join(err, renewed))
			default:
				return fmt.Errorf("%w: %w", commitlog.ErrAborted, errors.Join(errors.New(err.Error()), renewed))
			}
		case codeTooLarge, codeListTooLarge, codeInvalidRecord:
			t.forgetLimits()
		case codeIllegalGeneration, codeUnknownMember, codeFencedInstance, codeInvalidProducerMapping:
			return err // ErrNotMember, ErrFenced
		}
	}
	return fmt.Errorf("%w: %w", commitlog.ErrAborted, err)
}
