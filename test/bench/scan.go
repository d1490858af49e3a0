package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// scan reads the input once, as plainly as the contract allows.
func scan(ctx context.Context, o options, log commitlog.Log) error {
	reader, err := log.OpenReader(ctx, commitlog.ReaderConfig{})
	if err != nil {
		return err
	}
	for p := range int32(o.partitions) {
		reader.Seek(commitlog.Partition{Topic: input.Name(), Index: p}, 0)
	}
	records, bytes := 0, 0
	for records < o.records {
		batch, err := reader.Poll(ctx, time.Second)
		if err != nil {
			return errors.Join(err, reader.Close())
		}
		if batch == nil {
			continue
		}
		for i := range batch.Records {
			bytes += len(batch.Records[i].Key) + len(batch.Records[i].Value)
		}
		records += len(batch.Records)
		batch.Release()
	}
	if want := o.records * (8 + o.valueBytes); records != o.records || bytes != want {
		err = fmt.Errorf("read %d records of %d bytes, want %d of %d", records, bytes, o.records, want)
	}
	return errors.Join(err, reader.Close())
}
