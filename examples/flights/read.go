package flights

import (
	"context"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/examples/internal/rows"
	"github.com/millrun/millrun/processor"
)

// Read gives what the four tables hold, through views: all that was committed when it was called.
func Read(ctx context.Context, log commitlog.Log) (t Tables, err error) {
	for _, part := range []struct {
		table *processor.Table[string, Totals]
		into  *map[string]Totals
	}{{Carriers, &t.Carriers}, {Airports, &t.Airports}, {Planes, &t.Planes}, {AirportDays, &t.AirportDays}} {
		if *part.into, err = rows.Read(ctx, App, log, part.table); err != nil {
			return Tables{}, err
		}
	}
	return t, nil
}

// Cancelled reads the stream cancellations, committed records only, and tells how often each row number is on it.
func Cancelled(ctx context.Context, log commitlog.Log) (map[int]int, error) {
	found, err := cancelled(ctx, log)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", Cancellations.Name(), err)
	}
	return found, nil
}

func cancelled(ctx context.Context, log commitlog.Log) (map[int]int, error) {
	partitions, err := rows.Width(ctx, log, Cancellations.Name())
	if err != nil {
		return nil, err
	}
	starts, ends, err := rows.Bounds(ctx, log, Cancellations.Name(), partitions)
	if err != nil {
		return nil, err
	}
	found := map[int]int{}
	err = rows.Scan(ctx, log, starts, ends, func(_ commitlog.Partition, r commitlog.Record) error {
		row, err := rows.Number(r)
		found[int(row)]++
		return err
	})
	return found, err
}
