// Package rows is what the examples share that bring the rows of some source onto a log and count them: each row once, however
// often the program was killed.
//
// Rows are numbered from 1 on, in an order that the source keeps. A row's number travels in the header "row". One loader at a
// time writes each partition in the order of the rows, so the last record of a partition tells which rows it has, and the next
// loader goes on behind it.
package rows

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/millrun/millrun/commitlog"
)

// HeaderKey is the key of the record header that carries the number of a row, in decimal digits.
const HeaderKey = "row"

// Header makes the header of a row.
func Header(row int64) commitlog.Header {
	return commitlog.Header{Key: HeaderKey, Value: strconv.AppendInt(nil, row, 10)}
}

// Parse reads what a handler's Context has under HeaderKey.
func Parse(value []byte, ok bool) (int64, error) {
	if !ok {
		return 0, fmt.Errorf("the record has no header %q: not written by a loader", HeaderKey)
	}
	return strconv.ParseInt(string(value), 10, 64)
}

// Number reads the header. A record without it was written by somebody else, which is an error.
func Number(r commitlog.Record) (int64, error) {
	for _, h := range r.Headers {
		if h.Key == HeaderKey {
			return strconv.ParseInt(string(h.Value), 10, 64)
		}
	}
	return 0, fmt.Errorf("the record at offset %d has no header %q: not written by a loader", r.Offset, HeaderKey)
}

// EnsureTopics makes topics that are missing, and tells how many partitions the first one has. They are kept for ever: rows may
// be older than any retention. partitions 0: 4.
func EnsureTopics(ctx context.Context, log commitlog.Log, partitions int32, topics ...string) (int, error) {
	if partitions == 0 {
		partitions = 4
	}
	for _, name := range topics {
		err := log.CreateTopic(ctx, commitlog.TopicSpec{Name: name, Partitions: partitions,
			Config: map[string]string{"retention.ms": "-1"}})
		if err != nil && !errors.Is(err, commitlog.ErrTopicExists) {
			return 0, fmt.Errorf("create topic %s: %w", name, err)
		}
	}
	return Width(ctx, log, topics[0])
}

// Width tells how many partitions a topic has.
func Width(ctx context.Context, log commitlog.Log, topic string) (int, error) {
	found, err := log.Topics(ctx, topic)
	if err != nil {
		return 0, err
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("topic %s: %w", topic, commitlog.ErrUnknownTopic)
	}
	return int(found[0].Partitions), nil
}

// Last gives for each partition the number of its last row, 0 for an empty one. It looks one offset back, then two, four and
// so on: an offset need not hold a record.
func Last(ctx context.Context, log commitlog.Log, topic string, partitions int) ([]int64, error) {
	starts, ends, err := Bounds(ctx, log, topic, partitions)
	if err != nil {
		return nil, err
	}
	last := make([]int64, partitions)
	for back, missing := int64(1), true; missing; back *= 2 {
		missing = false
		var from, to []commitlog.Position
		for p, end := range ends {
			if start := starts[p]; last[p] == 0 && start.Offset < end.Offset {
				missing = missing || end.Offset-back > start.Offset
				start.Offset = max(start.Offset, end.Offset-back)
				from, to = append(from, start), append(to, end)
			}
		}
		err := Scan(ctx, log, from, to, func(p commitlog.Partition, r commitlog.Record) (err error) {
			last[p.Index], err = Number(r)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("find the last row: %w", err)
		}
	}
	return last, nil
}
