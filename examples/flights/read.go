package flights

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/state/view"
)

// Read gives what the four tables hold, through views: all that was committed when it was called.
func Read(ctx context.Context, log commitlog.Log) (Tables, error) {
	t := newTables()
	for _, part := range []struct {
		table *processor.Table[string, Totals]
		rows  map[string]Totals
	}{{Carriers, t.Carriers}, {Airports, t.Airports}, {Planes, t.Planes}, {AirportDays, t.AirportDays}} {
		if err := readTable(ctx, log, part.table, part.rows); err != nil {
			return Tables{}, fmt.Errorf("read table %s: %w", part.table.Name(), err)
		}
	}
	return t, nil
}

func readTable(ctx context.Context, log commitlog.Log, table *processor.Table[string, Totals], rows map[string]Totals) error {
	v, err := view.Open(ctx, App, log, table, view.Config{})
	if err != nil {
		return err
	}
	if err := v.Ready(ctx); err != nil {
		return errors.Join(err, v.Close())
	}
	for entry, err := range v.All(ctx) {
		if err != nil {
			return errors.Join(err, v.Close())
		}
		rows[entry.Key] = entry.Value
	}
	return v.Close()
}

// Cancelled reads the stream cancellations, committed records only, and tells how often each row number is on it.
func Cancelled(ctx context.Context, log commitlog.Log) (map[int]int, error) {
	rows, err := cancelled(ctx, log)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", Cancellations.Name(), err)
	}
	return rows, nil
}

func cancelled(ctx context.Context, log commitlog.Log) (map[int]int, error) {
	topics, err := log.Topics(ctx, Cancellations.Name())
	if err != nil {
		return nil, err
	}
	if len(topics) != 1 {
		return nil, commitlog.ErrUnknownTopic
	}
	starts, ends, err := bounds(ctx, log, Cancellations.Name(), int(topics[0].Partitions))
	if err != nil {
		return nil, err
	}
	rows := map[int]int{}
	err = scan(ctx, log, starts, ends, func(_ commitlog.Partition, r commitlog.Record) error {
		row, err := rowNumber(r)
		rows[row]++
		return err
	})
	return rows, err
}
