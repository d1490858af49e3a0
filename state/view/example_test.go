package view_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

var (
	exampleDeposits = processor.NewStream("deposits", codec.String, codec.Int64)
	exampleBalances = processor.NewTable("balances", codec.String, codec.Int64)
	exampleBank     = topology.MustNew("bank", processor.New("accounts",
		processor.On(exampleDeposits, func(ctx processor.Context, account string, cents int64) error {
			balance, _ := exampleBalances.Get(ctx, account)
			exampleBalances.Put(ctx, account, balance+cents)
			return nil
		}),
		processor.Owns(exampleBalances),
	))
)

// banking runs the bank on a log in a temporary directory while do lasts.
func banking(do func(ctx context.Context, data commitlog.Log, in *producer.Producer[string, int64]) error) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	data, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	in, err := producer.Open(ctx, data, exampleDeposits, producer.Config{Partitions: 2})
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { // ends with stop, and is waited for
		ended <- worker.Run(ctx, exampleBank, data, worker.Config{StateDir: filepath.Join(dir, "state"), Partitions: 2})
	}()
	err = errors.Join(do(ctx, data, in), in.Close())
	stop()
	if err := errors.Join(err, <-ended, data.Close()); err != nil {
		log.Fatal(err)
	}
}

// A read that includes what was just written.
func ExampleAtLeast() {
	banking(func(ctx context.Context, data commitlog.Log, in *producer.Producer[string, int64]) error {
		table, err := view.Open(ctx, exampleBank, data, exampleBalances, view.Config{})
		if err != nil {
			return err
		}
		defer table.Close()
		for range 2 {
			at, err := in.Send(ctx, "ann", 500)
			if err != nil {
				return err
			}
			balance, ok, err := table.Get(ctx, "ann", view.AtLeast(at))
			fmt.Println(balance, ok, err)
		}
		_, ok, err := table.Get(ctx, "bob")
		fmt.Println(ok, err)
		return nil
	})
	// Output:
	// 500 true <nil>
	// 1000 true <nil>
	// false <nil>
}

// Scans give entries or an error: a cut answer cannot look whole.
func ExampleView_Range() {
	banking(func(ctx context.Context, data commitlog.Log, in *producer.Producer[string, int64]) error {
		table, err := view.Open(ctx, exampleBank, data, exampleBalances, view.Config{})
		if err != nil {
			return err
		}
		defer table.Close()
		var sent []commitlog.Position
		for _, account := range []string{"dora", "ann", "cy", "bob"} {
			at, err := in.Send(ctx, account, 500)
			if err != nil {
				return err
			}
			sent = append(sent, at)
		}
		for entry, err := range table.Range(ctx, "b", "d", view.AtLeast(sent...)) { // from b on, below d
			if err != nil {
				return err
			}
			fmt.Println(entry.Key, entry.Value)
		}
		n := 0
		for _, err := range table.All(ctx) {
			if err != nil {
				return err
			}
			n++
		}
		fmt.Println(n, "accounts")
		return nil
	})
	// Output:
	// bob 500
	// cy 500
	// 4 accounts
}

// A view may be opened before any worker ran: until there is a table, it says so, and Ready waits.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	data, err := embedded.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer data.Close()
	ctx := context.Background()
	table, err := view.Open(ctx, exampleBank, data, exampleBalances, view.Config{})
	if err != nil {
		log.Fatal(err)
	}
	_, _, err = table.Get(ctx, "ann")
	fmt.Println(errors.Is(err, view.ErrNoTable))
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	fmt.Println(errors.Is(table.Ready(short), context.DeadlineExceeded))
	fmt.Println(table.Close())
	// Output:
	// true
	// true
	// <nil>
}

// A view on disk goes on, after the program was started again, from where it was.
func ExampleConfig() {
	banking(func(ctx context.Context, data commitlog.Log, in *producer.Producer[string, int64]) error {
		dir, err := os.MkdirTemp("", "views")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		at, err := in.Send(ctx, "ann", 500)
		if err != nil {
			return err
		}
		for range 2 {
			table, err := view.Open(ctx, exampleBank, data, exampleBalances, view.Config{Dir: dir})
			if err != nil {
				return err
			}
			balance, ok, err := table.Get(ctx, "ann", view.AtLeast(at))
			fmt.Println(balance, ok, err)
			if err := table.Close(); err != nil {
				return err
			}
		}
		return nil
	})
	// Output:
	// 500 true <nil>
	// 500 true <nil>
}

// Of several programs each may follow some of the partitions. One that is asked for another's key says where it is.
func ExampleNotHeldError() {
	banking(func(ctx context.Context, data commitlog.Log, in *producer.Producer[string, int64]) error {
		table, err := view.Open(ctx, exampleBank, data, exampleBalances, view.Config{Partitions: []int32{0}})
		if err != nil {
			return err
		}
		defer table.Close()
		if err := table.Ready(ctx); err != nil {
			return err
		}
		for _, account := range []string{"ann", "dan"} {
			_, _, err := table.Get(ctx, account)
			var elsewhere *view.NotHeldError
			if errors.As(err, &elsewhere) {
				fmt.Println(account, "is in partition", elsewhere.Partition)
				continue
			}
			fmt.Println(account, "is here", err)
		}
		return nil
	})
	// Output:
	// ann is here <nil>
	// dan is in partition 1
}

// What a health page may show of a view.
func ExampleView_Status() {
	banking(func(ctx context.Context, data commitlog.Log, in *producer.Producer[string, int64]) error {
		table, err := view.Open(ctx, exampleBank, data, exampleBalances, view.Config{})
		if err != nil {
			return err
		}
		at, err := in.Send(ctx, "ann", 500)
		if err != nil {
			return err
		}
		if _, _, err := table.Get(ctx, "ann", view.AtLeast(at)); err != nil {
			return err
		}
		s := table.Status()
		fmt.Println("edition", s.Edition, "of", s.Serving, "partitions", len(s.Partitions), "away", s.Away, "fault", s.Err)
		if err := table.Close(); err != nil {
			return err
		}
		fmt.Println(table.Status().Err)
		return nil
	})
	// Output:
	// edition 1 of 1 partitions 2 away <nil> fault <nil>
	// view: closed
}
