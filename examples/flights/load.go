package flights

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
)

// LoadConfig are the settings of Load; the zero value loads everything.
type LoadConfig struct {
	Partitions int32 // of the streams, if they are not there yet; 0: 4
	Until      int   // the last row to load; 0: all
}

// Load puts the departures on the log, each once, however often Load was killed before: the partitions of the stream are
// written in the order of the rows, so the last record of a partition tells which rows it has. Only one Load may run at a
// time. All rows are durable when it returns nil.
func Load(ctx context.Context, log commitlog.Log, cfg LoadConfig) error {
	partitions, err := ensureStreams(ctx, log, cfg.Partitions)
	if err != nil {
		return fmt.Errorf("load flights: %w", err)
	}
	last, err := lastRows(ctx, log, partitions)
	if err != nil {
		return fmt.Errorf("load flights: find the last row: %w", err)
	}
	out, err := producer.Open(ctx, log, Departures, producer.Config{})
	if err != nil {
		return fmt.Errorf("load flights: %w", err)
	}
	err = queueRows(ctx, out, cfg.Until, last)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("load flights: %w", err)
	}
	return nil
}

// queueRows queues the rows that the log does not have yet: those above the last row of their partition.
func queueRows(ctx context.Context, out *producer.Producer[string, Event], until int, last []int) error {
	for row, err := range Rows() {
		if err != nil {
			return err
		}
		if until > 0 && row.Number > until {
			return nil
		}
		e, err := row.Event()
		if err != nil {
			return err
		}
		if row.Number <= last[commitlog.Murmur2.Partition([]byte(e.Flight()), int32(len(last)))] {
			continue
		}
		if err := out.QueueWith(ctx, e.Flight(), e, processor.Meta{
			Timestamp: e.Scheduled,
			Headers:   []commitlog.Header{{Key: RowHeader, Value: strconv.AppendInt(nil, int64(row.Number), 10)}},
		}); err != nil {
			return fmt.Errorf("row %d: %w", row.Number, err)
		}
	}
	return nil
}

// ensureStreams makes the public topics if they are missing, and tells how many partitions the departures have. They are
// kept for ever: the year 2013 is older than any retention.
func ensureStreams(ctx context.Context, log commitlog.Log, partitions int32) (int, error) {
	if partitions == 0 {
		partitions = 4
	}
	for _, name := range []string{Departures.Name(), Cancellations.Name()} {
		err := log.CreateTopic(ctx, commitlog.TopicSpec{Name: name, Partitions: partitions,
			Config: map[string]string{"retention.ms": "-1"}})
		if err != nil && !errors.Is(err, commitlog.ErrTopicExists) {
			return 0, fmt.Errorf("create topic %s: %w", name, err)
		}
	}
	topics, err := log.Topics(ctx, Departures.Name())
	if err != nil {
		return 0, err
	}
	if len(topics) != 1 {
		return 0, fmt.Errorf("topic %s: %w", Departures.Name(), commitlog.ErrUnknownTopic)
	}
	return int(topics[0].Partitions), nil
}

// lastRows gives for each partition the number of its last row, 0 for an empty one. It looks one offset back, then two,
// four and so on: an offset need not hold a record.
func lastRows(ctx context.Context, log commitlog.Log, partitions int) ([]int, error) {
	starts, ends, err := bounds(ctx, log, Departures.Name(), partitions)
	if err != nil {
		return nil, err
	}
	last := make([]int, partitions)
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
		err := scan(ctx, log, from, to, func(p commitlog.Partition, r commitlog.Record) (err error) {
			last[p.Index], err = rowNumber(r)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return last, nil
}

// rowNumber reads RowHeader.
func rowNumber(r commitlog.Record) (int, error) {
	for _, h := range r.Headers {
		if h.Key == RowHeader {
			return strconv.Atoi(string(h.Value))
		}
	}
	return 0, fmt.Errorf("the record at offset %d has no header %q: not written by Load", r.Offset, RowHeader)
}
