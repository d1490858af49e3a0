package main

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/millrun/millrun/commitlog"
)

const batchRecords = 1000

// fill puts the input on the log: keys are the numbers below o.keys in an order that looks random and is always the same,
// values bytes that do not compress.
func fill(ctx context.Context, o options, log commitlog.Log) error {
	if err := log.CreateTopic(ctx, commitlog.TopicSpec{Name: input.Name(), Partitions: int32(o.partitions)}); err != nil {
		return err
	}
	writer, err := log.OpenWriter(ctx, commitlog.WriterConfig{})
	if err != nil {
		return err
	}
	queues := make([]chan []commitlog.Record, o.partitions)
	faults := make([]error, o.partitions)
	var appenders sync.WaitGroup
	for p := range queues {
		queues[p] = make(chan []commitlog.Record, 8)
		appenders.Go(func() { // ends when its queue is closed
			for batch := range queues[p] {
				if faults[p] == nil {
					_, faults[p] = writer.Append(ctx, commitlog.Partition{Topic: input.Name(), Index: int32(p)}, batch)
				}
			}
		})
	}
	deal(o, queues)
	appenders.Wait()
	return errors.Join(errors.Join(faults...), writer.Close())
}

// deal makes the records and hands them to their partitions in batches.
func deal(o options, queues []chan []commitlog.Record) {
	random := rand.New(rand.NewPCG(1, 2))
	value := make([]byte, o.valueBytes)
	for i := range value {
		value[i] = byte(random.Uint32())
	}
	keys := make([]byte, 8*o.keys)
	for k := range o.keys {
		binary.BigEndian.PutUint64(keys[8*k:], uint64(k))
	}
	batches := make([][]commitlog.Record, len(queues))
	for range o.records {
		k := random.IntN(o.keys)
		key := keys[8*k : 8*k+8 : 8*k+8]
		p := commitlog.Murmur2.Partition(key, int32(len(queues)))
		if batches[p] = append(batches[p], commitlog.Record{Key: key, Value: value, Timestamp: -1}); len(batches[p]) == batchRecords {
			queues[p] <- batches[p]
			batches[p] = make([]commitlog.Record, 0, batchRecords)
		}
	}
	for p, batch := range batches {
		if len(batch) > 0 {
			queues[p] <- batch
		}
		close(queues[p])
	}
}
