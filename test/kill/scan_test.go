package kill

import (
	"context"
	"errors"
	"time"

	"github.com/millrun/millrun/commitlog"
)

func partitions(topic string) []commitlog.Partition {
	all := make([]commitlog.Partition, countPartitions)
	for p := range all {
		all[p] = commitlog.Partition{Topic: topic, Index: int32(p)}
	}
	return all
}

// scan calls each for all committed records of a topic of countPartitions, as far as it goes at the call.
func scan(ctx context.Context, log commitlog.Log, topic string, each func(p int32, r commitlog.Record) error) error {
	ends, err := log.Offsets(ctx, partitions(topic), commitlog.End, commitlog.ReadCommitted)
	if err != nil {
		return err
	}
	reader, err := log.OpenReader(ctx, commitlog.ReaderConfig{})
	if err != nil {
		return err
	}
	for _, end := range ends {
		reader.Seek(end.Partition, 0)
		for next := int64(0); next < end.Offset; {
			batch, err := reader.Poll(ctx, time.Second)
			if err != nil {
				return errors.Join(err, reader.Close())
			}
			if batch == nil {
				continue
			}
			for _, r := range batch.Records {
				if err == nil && r.Offset < end.Offset {
					err = each(end.Partition.Index, r)
				}
			}
			next = batch.Next
			batch.Release()
			if err != nil {
				return errors.Join(err, reader.Close())
			}
		}
		reader.Drop(end.Partition)
	}
	return reader.Close()
}
