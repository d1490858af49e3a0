package edition_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/edition"
	"github.com/millrun/millrun/worker"
)

var (
	sales  = processor.NewStream("sales", codec.String, codec.Int64)
	totals = processor.NewTable("totals", codec.String, codec.Int64)
	shop   = topology.MustNew("shop", processor.New("totals",
		processor.On(sales, func(ctx processor.Context, branch string, cents int64) error {
			total, _ := totals.Get(ctx, branch)
			totals.Put(ctx, branch, total+cents)
			return nil
		}),
		processor.Owns(totals),
	))
)

// selling runs the shop on a log in a temporary directory, sends ten sales, and calls do.
func selling(do func(ctx context.Context, e *edition.Editions) error) {
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
	in, err := producer.Open(ctx, data, sales, producer.Config{Partitions: 1})
	if err != nil {
		log.Fatal(err)
	}
	for i := range int64(10) {
		if err := in.Queue(ctx, "north", i); err != nil {
			log.Fatal(err)
		}
	}
	w, err := worker.New(shop, data, worker.Config{StateDir: filepath.Join(dir, "state")})
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }() // ends with stop, and is waited for
	e, err := edition.Open(ctx, shop, data, "totals")
	if err != nil {
		log.Fatal(err)
	}
	err = errors.Join(in.Close(), w.Settled(ctx))
	if err == nil {
		err = do(ctx, e)
	}
	err = errors.Join(err, e.Close())
	stop()
	if err := errors.Join(err, <-ended, data.Close()); err != nil {
		log.Fatal(err)
	}
}

// Replay everything, compare, and let the new tables take over if they are equal.
func ExampleEditions_Rebuild() {
	selling(func(ctx context.Context, e *edition.Editions) error {
		result, err := e.Rebuild(ctx, edition.RebuildConfig{})
		fmt.Println(result, err)
		all, err := e.List(ctx)
		for _, info := range all {
			fmt.Println(info.Number, info.State)
		}
		return err
	})
	// Output:
	// edition 2 serves: 10 records read, 1 entries compared, equal (exact) <nil>
	// 1 retired
	// 2 serving
}

// Hold lets somebody look at the comparison before the new tables take over.
func ExampleEditions_Switch() {
	selling(func(ctx context.Context, e *edition.Editions) error {
		result, err := e.Rebuild(ctx, edition.RebuildConfig{ByHand: true})
		if err != nil {
			return err
		}
		fmt.Println(result.Equal, result.Serving)
		if err := e.Switch(ctx, result.Edition); err != nil { // or Cancel
			return err
		}
		return nil
	})
	// Output: true false
}

// A retired edition keeps its topics and directories until nobody wants to look at it any more.
func ExampleEditions_Drop() {
	selling(func(ctx context.Context, e *edition.Editions) error {
		if _, err := e.Rebuild(ctx, edition.RebuildConfig{}); err != nil {
			return err
		}
		if err := e.Drop(ctx, 1); err != nil {
			return err
		}
		all, err := e.List(ctx)
		for _, info := range all {
			fmt.Println(info.Number, info.State)
		}
		return err
	})
	// Output:
	// 1 dropped
	// 2 serving
}

// Before a worker has run the processor there is nothing to rebuild.
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
	e, err := edition.Open(context.Background(), shop, data, "totals")
	if err != nil {
		log.Fatal(err)
	}
	_, err = e.Rebuild(context.Background(), edition.RebuildConfig{})
	fmt.Println(errors.Is(err, edition.ErrNoEdition))
	fmt.Println(e.Close())
	// Output:
	// true
	// <nil>
}
