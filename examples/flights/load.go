package flights

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/examples/internal/rows"
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
	last, err := rows.Last(ctx, log, Departures.Name(), partitions)
	if err != nil {
		return fmt.Errorf("load flights: %w", err)
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
func queueRows(ctx context.Context, out *producer.Producer[string, Event], until int, last []int64) error {
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
		if int64(row.Number) <= last[commitlog.Murmur2.Partition([]byte(e.Flight()), int32(len(last)))] {
			continue
		}
		if err := out.QueueWith(ctx, e.Flight(), e, processor.Meta{
			Timestamp: e.Scheduled,
			Headers:   []commitlog.Header{rows.Header(int64(row.Number))},
		}); err != nil {
			return fmt.Errorf("row %d: %w", row.Number, err)
		}
	}
	return nil
}

// ensureStreams makes the public topics if they are missing, and tells how many partitions the departures have.
func ensureStreams(ctx context.Context, log commitlog.Log, partitions int32) (int, error) {
	return rows.EnsureTopics(ctx, log, partitions, Departures.Name(), Cancellations.Name())
}
