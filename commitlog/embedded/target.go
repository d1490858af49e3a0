package embedded

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/commitlog"
)

// target is a partition that a transactor writes to.
type target struct {
	partition  commitlog.Partition
	limits     topicLimits
	batchBytes int
	encoder    recordbatch.Encoder
	sequence   int32 // of the next batch; 0 at the start of each transaction, which has an epoch of its own
	touched    bool  // in the open transaction
}

// topicLimits are the rules of a topic that records are held against before they are taken.
type topicLimits struct {
	maxBytes int  // of a batch
	keyed    bool // compacted: records need a key
}

// target gives the partition's place; the first time it learns the topic's limits.
func (t *transactor) target(ctx context.Context, p commitlog.Partition) (*target, error) {
	to := t.targets[p]
	if to != nil && to.limits != (topicLimits{}) {
		return to, nil
	}
	limits, ok := t.limits[p.Topic]
	if !ok {
		config, err := t.log.TopicConfig(ctx, p.Topic)
		if err != nil {
			return nil, &commitlog.PartitionError{Partition: p, Offset: -1, Err: err}
		}
		if limits, err = readLimits(config); err != nil {
			return nil, &commitlog.PartitionError{Partition: p, Offset: -1, Err: err}
		}
		t.limits[p.Topic] = limits
	}
	if to == nil {
		to = &target{partition: p}
		t.targets[p] = to
	}
	to.limits, to.batchBytes = limits, min(t.c.BatchBytes, limits.maxBytes)
	return to, nil
}

// forgetLimits makes the next transaction ask for them again: the broker has refused what they allowed.
func (t *transactor) forgetLimits() {
	clear(t.limits)
	for _, to := range t.targets {
		to.limits = topicLimits{}
	}
}

func readLimits(config map[string]string) (topicLimits, error) {
	n, err := strconv.Atoi(config["max.message.bytes"])
	if err != nil {
		return topicLimits{}, fmt.Errorf("setting max.message.bytes is %q, want a number", config["max.message.bytes"])
	}
	return topicLimits{maxBytes: n, keyed: strings.Contains(config["cleanup.policy"], "compact")}, nil
}

// check refuses records that the topic would refuse, before any of them is taken.
func (to *target) check(records []commitlog.Record, scratch *[]recordbatch.Header) error {
	if err := checkTimestamps(to.partition, records); err != nil {
		return err
	}
	for i := range records {
		r := &records[i]
		if r.Key == nil && to.limits.keyed {
			return &commitlog.PartitionError{Partition: to.partition, Offset: -1, Err: fmt.Errorf(
				"%w: record %d has no key and the topic is compacted", commitlog.ErrInvalidRecord, i)}
		}
		headers := (*scratch)[:0]
		if len(r.Headers) > 0 {
			headers = appendHeaders(headers, r.Headers)
			*scratch = headers
		}
		if recordbatch.HeaderBytes+recordbatch.MaxRecordBytes(r.Key, r.Value, headers) <= to.limits.maxBytes {
			continue
		}
		if size := recordbatch.SingleBytes(r.Key, r.Value, headers); size > to.limits.maxBytes {
			return &commitlog.PartitionError{Partition: to.partition, Offset: -1, Err: fmt.Errorf(
				"%w: record %d makes a batch of %d bytes, max.message.bytes is %d", commitlog.ErrTooLarge, i, size, to.limits.maxBytes)}
		}
	}
	return nil
}
