package embedded

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/brokerlite/recordbatch"
)

// initProducer asks for a producer id and epoch. id nil is an idempotent producer. old is the id and epoch so far, or
// NoProducer: with them a producer that was fenced is refused instead of fencing its successor back (KIP-360).
func (l *Log) initProducer(ctx context.Context, id *string, timeout time.Duration, old recordbatch.Producer) (
	recordbatch.Producer, error) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.Version = 5
	req.TransactionalID = id
	req.TransactionTimeoutMillis = millis(timeout)
	req.ProducerID, req.ProducerEpoch = old.ID, old.Epoch
	p := recordbatch.Producer{Transactional: id != nil}
	err := retry(ctx, func() (int16, string, error) {
		resp, err := req.RequestWith(ctx, l)
		if err != nil {
			return 0, "", err
		}
		p.ID, p.Epoch = resp.ProducerID, resp.ProducerEpoch
		return resp.ErrorCode, "", nil
	})
	return p, err
}
