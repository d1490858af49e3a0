package worker_test

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
	"github.com/millrun/millrun/worker"
)

var (
	exampleVisits = processor.NewStream("visits", codec.String, codec.String)
	exampleCounts = processor.NewTable("visits-per-user", codec.String, codec.Int64)
	exampleApp    = topology.MustNew("site", processor.New("counter",
		processor.On(exampleVisits, func(ctx processor.Context, user, page string) error {
			if page == "" {
				return errors.New("a visit to nowhere")
			}
			n, _ := exampleCounts.Get(ctx, user)
			exampleCounts.Put(ctx, user, n+1)
			return nil
		}),
		processor.Owns(exampleCounts),
	))
)

// A program whose one job it is to process ends with Run.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	data, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		log.Fatal(err)
	}
	defer data.Close()
	ctx, stop := context.WithCancel(context.Background()) // a program: signal.NotifyContext
	stop()                                                // and here: at once
	err = worker.Run(ctx, exampleApp, data, worker.Config{StateDir: filepath.Join(dir, "state"), Partitions: 2})
	fmt.Println(err)
	// Output: <nil>
}

// New names every fault of the Config.
func ExampleConfig() {
	_, err := worker.New(exampleApp, nil, worker.Config{Partitions: -1, Only: []string{"counters"}})
	fmt.Println(err)
	// Output:
	// worker: the log is nil
	// worker: Config.Partitions is -1, want 0 or more
	// worker: Config.Only names processor "counters", which application site does not have
}

// Status tells where each task stands, Settled waits until all that was sent is handled. A record that fails without a policy
// stops its task.
func ExampleWorker() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	data, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		log.Fatal(err)
	}
	defer data.Close()
	w, err := worker.New(exampleApp, data, worker.Config{StateDir: filepath.Join(dir, "state"), Partitions: 1})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }() // ends with stop, and is waited for
	in, err := producer.Open(ctx, data, exampleVisits, producer.Config{Partitions: 1})
	if err != nil {
		log.Fatal(err)
	}
	for _, page := range []string{"/", "/prices", "", "/"} {
		if _, err := in.Send(ctx, "ann", page); err != nil {
			log.Fatal(err)
		}
	}
	err = w.Settled(ctx)
	fmt.Println(errors.Is(err, worker.ErrStopped))
	task := w.Status().Processors[0].Tasks[0]
	fmt.Println(task.Phase, task.Records, task.Inputs[0].Committed, task.Stopped.Record)
	stop()
	fmt.Println(<-ended)
	// Output:
	// true
	// parked 2 2 visits/0@2
	// processor counter: task stopped at visits/0@2: a visit to nowhere
}
