package embedded

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/commitlog"
)

// flight is a request that changes who the producer is: EndTxn or InitProducerId. It goes on when the caller's context
// ends, since in this process its answer is never lost: the transactor learns it before its next step.
type flight struct {
	done     chan struct{} // closed after the other fields are set
	producer recordbatch.Producer
	err      error
	code     int16
}

// fly starts a request and waits for it; answered is false if the context ended first, and the flight is kept.
func (t *transactor) fly(ctx context.Context, request func(context.Context, *flight)) (f *flight, answered bool) {
	f = &flight{done: make(chan struct{}), producer: t.producer}
	// It ends with the broker's answer, at the latest when Close ends t.life; Close waits for it.
	go func() {
		defer close(f.done)
		request(t.life, f)
	}()
	t.flight = f
	return f, t.land(ctx) == nil
}

// land waits for the flight under way, if there is one, and takes over the producer it brought.
func (t *transactor) land(ctx context.Context) error {
	f := t.flight
	if f == nil {
		return nil
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", commitlog.ErrUnavailable, context.Cause(ctx))
	}
	t.flight = nil
	if f.err == nil {
		t.producer = f.producer
	}
	return nil
}

// endTxn is the flight that ends the transaction.
func (t *transactor) endTxn(commit bool) func(context.Context, *flight) {
	req := kmsg.NewPtrEndTxnRequest()
	req.Version = 5
	req.TransactionalID = t.c.ID
	req.ProducerID, req.ProducerEpoch = t.producer.ID, t.producer.Epoch
	req.Commit = commit
	return func(ctx context.Context, f *flight) {
		f.err = retry(ctx, func() (int16, string, error) {
			resp, err := req.RequestWith(ctx, t.log)
			if err != nil {
				return 0, "", err
			}
			f.code = resp.ErrorCode
			if resp.ErrorCode == 0 {
				f.producer.ID, f.producer.Epoch = resp.ProducerID, resp.ProducerEpoch
			}
			return resp.ErrorCode, "", nil
		})
	}
}

// newEpoch is the flight that fences everything sent before.
func (t *transactor) newEpoch() func(context.Context, *flight) {
	old := t.producer
	return func(ctx context.Context, f *flight) {
		f.producer, f.err = t.log.initProducer(ctx, &t.c.ID, t.c.Timeout, old)
	}
}
