// Command fraud plays a short story with the bank of package fraud: limits, profiles, payments and a refund, then what became
// of them.
//
//	go run ./examples/fraud/cmd [DIR]
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/examples/fraud"
	"github.com/millrun/millrun/examples/internal/args"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/worker"
)

func main() {
	dir := args.Directory("fraud", "fraud-data", "Plays a short story with a bank that looks for fraud.")
	if err := run(context.Background(), dir, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir string, out io.Writer) error {
	data, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	err = play(ctx, data, dir, out)
	return errors.Join(err, data.Close())
}

// play runs the bank while the story is told.
func play(ctx context.Context, data commitlog.Log, dir string, out io.Writer) error {
	// The topic of the limits is a table: old values of a country may go, and no time ends one.
	err := data.CreateTopic(ctx, commitlog.TopicSpec{Name: fraud.Countries.Name(), Partitions: 1, Config: map[string]string{"cleanup.policy": "compact"}})
	if err != nil && !errors.Is(err, commitlog.ErrTopicExists) {
		return err
	}
	if err := tell(ctx, data, fraud.CountryLimits, "DE", fraud.Country{LimitCents: 100_000}); err != nil {
		return err
	}
	w, err := worker.New(fraud.App, data, worker.Config{StateDir: filepath.Join(dir, "state"), Partitions: 2, Logger: slog.Default()})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }() // ends at stop, and is waited for
	if err = story(ctx, data, w); err == nil {
		err = report(ctx, data, out)
	}
	stop()
	return errors.Join(err, <-ended)
}

// story lets the bank finish after each step, copies of tables included, so that it always ends the same way.
func story(ctx context.Context, data commitlog.Log, w *worker.Worker) error {
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, step := range []func() error{
		func() error { return tell(ctx, data, fraud.ProfileChanges, "max", fraud.Profile{Trusted: true}) },
		func() error { return pay(ctx, data, "ann", 90_000, "DE", at) },
		func() error { return pay(ctx, data, "max", 500_000, "DE", at) },
		func() error { return tell(ctx, data, fraud.Refunds, "ann", fraud.Refund{Cents: 20_000, At: at}) },
		func() error { return tell(ctx, data, fraud.Refunds, "bob", fraud.Refund{Cents: 1, At: at}) },
		func() error { return pay(ctx, data, "ann", 40_000, "DE", at.Add(time.Hour)) },
		func() error { return pay(ctx, data, "ann", 40_000, "DE", at.Add(2*time.Hour)) },
		func() error { return pay(ctx, data, "zoe", 100, "XX", at) },
	} {
		if err := step(); err != nil {
			return err
		}
		if err := w.Settled(ctx); err != nil {
			return err
		}
	}
	return nil
}

func pay(ctx context.Context, data commitlog.Log, account string, cents int64, country string, at time.Time) error {
	return tell(ctx, data, fraud.Payments, account, fraud.Payment{Cents: cents, Country: country, At: at})
}

// tell writes one record.
func tell[V any](ctx context.Context, data commitlog.Log, stream *processor.Stream[string, V], key string, value V) error {
	p, err := producer.Open(ctx, data, stream, producer.Config{Partitions: 2})
	if err != nil {
		return err
	}
	_, err = p.Send(ctx, key, value)
	return errors.Join(err, p.Close())
}

// report prints balances, alerts and dead letters.
func report(ctx context.Context, data commitlog.Log, out io.Writer) error {
	v, err := view.Open(ctx, fraud.App, data, fraud.Balances, view.Config{})
	if err != nil {
		return err
	}
	defer v.Close()
	if err := v.Ready(ctx); err != nil {
		return err
	}
	for e, err := range v.All(ctx) {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "balance of %s: %d cents in %d payments\n", e.Key, e.Value.Cents, e.Value.Payments)
	}
	if err := dump(ctx, data, fraud.Alerts.Name(), "", out); err != nil {
		return err
	}
	return dump(ctx, data, "bank.fraud.dead-letters", "millrun-error", out)
}

// dump prints the committed records of a topic, by partition, and one of their headers.
func dump(ctx context.Context, data commitlog.Log, topic, header string, out io.Writer) error {
	parts := []commitlog.Partition{{Topic: topic}, {Topic: topic, Index: 1}}
	ends, err := data.Offsets(ctx, parts, commitlog.End, commitlog.ReadCommitted)
	if err != nil {
		return err
	}
	reader, err := data.OpenReader(ctx, commitlog.ReaderConfig{})
	if err != nil {
		return err
	}
	defer reader.Close()
	for _, end := range ends {
		reader.Seek(end.Partition, 0)
		for next := int64(0); next < end.Offset; {
			batch, err := reader.Poll(ctx, time.Second)
			if err != nil {
				return err
			}
			if batch == nil {
				continue
			}
			for _, r := range batch.Records {
				fmt.Fprintf(out, "%s: %s %s\n", topic, r.Key, r.Value)
				for _, h := range r.Headers {
					if h.Key == header {
						fmt.Fprintf(out, "  %s\n", h.Value)
					}
				}
			}
			next = batch.Next
			batch.Release()
		}
		reader.Drop(end.Partition)
	}
	return nil
}
