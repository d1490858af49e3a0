package rows

import (
	"context"
	"errors"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// Bounds gives start and end of each partition of a topic, for a reader of committed records.
func Bounds(ctx context.Context, log commitlog.Log, topic string, partitions int) (starts, ends []commitlog.Position, err error) {
	all := make([]commitlog.Partition, partitions)
	for p := range all {
		all[p] = commitlog.Partition{Topic: topic, Index: int32(p)}
	}
	if starts, err = log.Offsets(ctx, all, commitlog.Start, commitlog.ReadCommitted); err != nil {
		return nil, nil, err
	}
	ends, err = log.Offsets(ctx, all, commitlog.End, commitlog.ReadCommitted)
	return starts, ends, err
}

// Scan calls each for the committed records of partitions, from the one position to the other, which excludes its offset.
// Bytes are valid in the call.
func Scan(ctx context.Context, log commitlog.Log, from, to []commitlog.Position,
	each func(commitlog.Partition, commitlog.Record) error) error {
	reader, err := log.OpenReader(ctx, commitlog.ReaderConfig{})
	if err != nil {
		return err
	}
	ends := map[commitlog.Partition]int64{} // of the partitions that are not read to their end
	for i, p := range from {
		if p.Offset < to[i].Offset {
			ends[p.Partition] = to[i].Offset
			reader.Seek(p.Partition, p.Offset)
		}
	}
	for len(ends) > 0 {
		batch, err := reader.Poll(ctx, time.Second)
		if err == nil && batch != nil {
			err = scanBatch(batch, ends, each)
		}
		if err != nil {
			return errors.Join(err, reader.Close())
		}
	}
	return reader.Close()
}

func scanBatch(batch *commitlog.Batch, ends map[commitlog.Partition]int64,
	each func(commitlog.Partition, commitlog.Record) error) error {
	defer batch.Release()
	end, wanted := ends[batch.Partition]
	if !wanted {
		return nil
	}
	for _, r := range batch.Records {
		if r.Offset >= end {
			break
		}
		if err := each(batch.Partition, r); err != nil {
			return err
		}
	}
	if batch.Next >= end {
		delete(ends, batch.Partition)
	}
	return nil
}
