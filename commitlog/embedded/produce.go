package embedded

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/commitlog"
)

// mergeBytes bounds the batch that calls of one partition share. A single call may exceed it.
const mergeBytes = 512 << 10

// outgoing is the batch for one partition in a request, with the calls it holds.
type outgoing struct {
	partition commitlog.Partition
	calls     []*appendCall
	batch     []byte
	count     int32
}

// send writes all calls, in rounds of at most one batch for each partition.
func (w *writer) send(queue []*appendCall) {
	for len(queue) > 0 {
		if w.stale {
			if err := w.renew(w.life); err != nil {
				w.answer(queue, -1, fmt.Errorf("nothing was written: %w", err))
				return
			}
		}
		var round []*outgoing
		round, queue = w.round(queue)
		w.produce(round, false)
		for _, out := range round {
			w.buffers = append(w.buffers, out.batch[:0])
		}
	}
}

// round takes calls for one request off the queue and encodes them; what does not fit waits for the next round.
func (w *writer) round(queue []*appendCall) (round []*outgoing, rest []*appendCall) {
	byPartition := make(map[commitlog.Partition]*outgoing)
	sizes := make(map[commitlog.Partition]int)
	for _, call := range queue {
		out := byPartition[call.partition]
		if out == nil {
			out = &outgoing{partition: call.partition}
			byPartition[call.partition] = out
			round = append(round, out)
		} else if sizes[call.partition]+call.bytes > mergeBytes {
			sizes[call.partition] = mergeBytes // later calls must not overtake this one
			rest = append(rest, call)
			continue
		}
		sizes[call.partition] += call.bytes
		out.calls = append(out.calls, call)
	}
	kept := round[:0]
	for _, out := range round {
		if w.encode(out) {
			kept = append(kept, out)
		}
	}
	return kept, rest
}

// encode builds the batch of the calls that were not abandoned; false if there is none left or it could not be built.
func (w *writer) encode(out *outgoing) bool {
	buffer := []byte(nil)
	if n := len(w.buffers); n > 0 {
		buffer, w.buffers = w.buffers[n-1], w.buffers[:n-1]
	}
	w.encoder.Begin(buffer, w.compression)
	now := w.log.clock.Now()
	var kept, dropped []*appendCall
	for _, call := range out.calls {
		call.mu.Lock()
		if call.mu.abandoned {
			dropped = append(dropped, call)
		} else {
			call.mu.taken = true
			w.scratch = encode(&w.encoder, call.records, now, w.scratch)
			kept = append(kept, call)
		}
		call.mu.Unlock()
	}
	w.answer(dropped, -1, context.Canceled)
	if len(kept) == 0 {
		w.buffers = append(w.buffers, w.encoder.Abandon())
		return false
	}
	out.calls, out.count = kept, int32(w.encoder.Count())
	p := w.producer
	p.Sequence = w.next[out.partition]
	batch, err := w.encoder.End(p)
	if err != nil {
		w.buffers = append(w.buffers, batch)
		w.answer(kept, -1, corruptError(err))
		return false
	}
	out.batch = batch
	return true
}

// produce sends one round and ends its calls. Batches that the broker refuses because it has forgotten the producer are
// sent once more under a new id; again says that this is that time.
func (w *writer) produce(round []*outgoing, again bool) {
	if len(round) == 0 {
		return
	}
	results := make(map[commitlog.Partition]kmsg.ProduceResponseTopicPartition, len(round))
	err := retry(w.life, func() (int16, string, error) { return w.log.produce(w.life, nil, round, results) })
	if err != nil {
		w.stale = true
		for _, out := range round {
			w.answer(out.calls, -1, fmt.Errorf("%w: %w", commitlog.ErrUnknownOutcome, err))
		}
		return
	}
	var refused []*outgoing
	for _, out := range round {
		if !w.settle(out, results[out.partition], !again) {
			refused = append(refused, out)
		}
	}
	if len(refused) == 0 {
		return
	}
	if err := w.renew(w.life); err != nil {
		w.stale = true
		for _, out := range refused {
			w.answer(out.calls, -1, fmt.Errorf("nothing was written: %w", err))
		}
		return
	}
	for _, out := range refused {
		recordbatch.Batch(out.batch).SetProducer(w.producer) // sequence 0
	}
	w.produce(refused, true)
}

// produce is one Produce request; results gets the partitions' answers. It gives the first temporary code, so that retry
// sends the same batches again: those that were taken are known by their sequence.
func (l *Log) produce(ctx context.Context, id *string, batches []*outgoing,
	results map[commitlog.Partition]kmsg.ProduceResponseTopicPartition) (int16, string, error) {
	req := kmsg.NewPtrProduceRequest()
	req.Version = 12
	req.TransactionID = id
	req.Acks = -1
	req.TimeoutMillis = millis(requestTimeout)
	topics := make(map[string]int, 1)
	for _, out := range batches {
		at, ok := topics[out.partition.Topic]
		if !ok {
			at = len(req.Topics)
			topics[out.partition.Topic] = at
			t := kmsg.NewProduceRequestTopic()
			t.Topic = out.partition.Topic
			req.Topics = append(req.Topics, t)
		}
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition, p.Records = out.partition.Index, out.batch
		req.Topics[at].Partitions = append(req.Topics[at].Partitions, p)
	}
	resp, err := req.RequestWith(ctx, l)
	if err != nil {
		return 0, "", err
	}
	var first int16
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			results[commitlog.Partition{Topic: t.Topic, Index: p.Partition}] = p
			if temporary(p.ErrorCode) && first == 0 {
				first = p.ErrorCode
			}
		}
	}
	for _, out := range batches {
		if _, ok := results[out.partition]; !ok {
			return 0, "", fmt.Errorf("%w: %v", errNoAnswer, out.partition)
		}
	}
	return first, "", nil
}

// settle ends the calls of one batch by its answer; false if mayRenew and the batch must go again under a new producer id.
func (w *writer) settle(out *outgoing, result kmsg.ProduceResponseTopicPartition, mayRenew bool) bool {
	switch result.ErrorCode {
	case 0, codeDuplicateSequence:
		w.next[out.partition] = recordbatch.AddSequence(w.next[out.partition], out.count)
		base := result.BaseOffset
		if result.ErrorCode != 0 {
			base = -1 // written by an earlier try; where, the broker no longer knows
		}
		w.answer(out.calls, base, nil)
		return true
	case codeOutOfOrderSequence, codeUnknownProducer, codeInvalidProducerEpoch, codeInvalidProducerMapping:
		if mayRenew { // nothing was written: the broker has forgotten this producer
			return false
		}
		w.stale = true
	case codeTooLarge, codeListTooLarge, codeInvalidRecord, codeInvalidTimestamp:
		if len(out.calls) > 1 {
			w.alone(out.calls)
			return true
		}
	}
	w.answer(out.calls, -1, w.log.partitionError(result.ErrorCode, text(result.ErrorMessage)))
	return true
}

// alone sends calls one by one whose shared batch was refused: the fault is of one of them, or of the sharing.
func (w *writer) alone(calls []*appendCall) {
	for _, call := range calls {
		out := &outgoing{partition: call.partition, calls: []*appendCall{call}}
		if w.encode(out) {
			w.produce([]*outgoing{out}, false)
			w.buffers = append(w.buffers, out.batch[:0])
		}
	}
}
