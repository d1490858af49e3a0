package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/state/view"
)

// pay sends three good payments and two bad ones.
func pay(ctx context.Context, data commitlog.Log) error {
	in, err := producer.Open(ctx, data, raw, producer.Config{Partitions: 1})
	if err != nil {
		return err
	}
	for _, value := range []string{`{"Cents":500}`, `not JSON`, `{"Cents":700}`, `{"Cents":-1}`, `{"Cents":900}`} {
		if err := in.Queue(ctx, "ann", value); err != nil {
			return errors.Join(err, in.Close())
		}
	}
	return in.Close()
}

// report prints the total and the dead letters.
func report(ctx context.Context, data commitlog.Log, out io.Writer) error {
	table, err := view.Open(ctx, app, data, totals, view.Config{})
	if err != nil {
		return err
	}
	defer table.Close()
	if err := table.Ready(ctx); err != nil {
		return err
	}
	total, _, err := table.Get(ctx, "ann")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "ann %d\n", total)

	letters := commitlog.Partition{Topic: "shop.payments.dead-letters"}
	ends, err := data.Offsets(ctx, []commitlog.Partition{letters}, commitlog.End, commitlog.ReadCommitted)
	if err != nil {
		return err
	}
	reader, err := data.OpenReader(ctx, commitlog.ReaderConfig{})
	if err != nil {
		return err
	}
	defer reader.Close()
	reader.Seek(letters, 0)
	for next := int64(0); next < ends[0].Offset; {
		batch, err := reader.Poll(ctx, time.Second)
		if err != nil {
			return err
		}
		if batch == nil {
			continue
		}
		for _, letter := range batch.Records {
			fmt.Fprintf(out, "dead letter: %s %s\n", letter.Key, letter.Value)
			for _, h := range letter.Headers {
				fmt.Fprintf(out, "  %s: %s\n", h.Key, h.Value)
			}
		}
		next = batch.Next
		batch.Release()
	}
	return nil
}
