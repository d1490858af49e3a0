package producer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
)

var exampleDeposits = processor.NewStream("deposits", codec.String, codec.Int64)

// openExample gives a producer on a log in a temporary directory.
func openExample() (in *producer.Producer[string, int64], done func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	data, err := embedded.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	in, err = producer.Open(context.Background(), data, exampleDeposits, producer.Config{Partitions: 1})
	if err != nil {
		log.Fatal(err)
	}
	return in, func() {
		if err := data.Close(); err != nil {
			log.Fatal(err)
		}
		os.RemoveAll(dir)
	}
}

// A missing topic is made only if the Config says how wide.
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
	_, err = producer.Open(context.Background(), data, exampleDeposits, producer.Config{})
	fmt.Println(errors.Is(err, commitlog.ErrUnknownTopic))
	// Output: true
}

// Send is for one record: it is durable when its position comes back.
func ExampleProducer_Send() {
	in, done := openExample()
	defer done()
	at, err := in.Send(context.Background(), "ann", 500)
	fmt.Println(at, err)
	fmt.Println(in.Close())
	// Output:
	// deposits/0@0 <nil>
	// <nil>
}

// SendWith sets time and headers; SendTombstone deletes the key in a compacted topic.
func ExampleProducer_SendWith() {
	in, done := openExample()
	defer done()
	at, err := in.SendWith(context.Background(), "ann", 500, processor.Meta{Timestamp: time.Unix(1_700_000_000, 0),
		Headers: []commitlog.Header{{Key: "from", Value: []byte("branch 7")}}})
	fmt.Println(at, err)
	at, err = in.SendTombstone(context.Background(), "ann")
	fmt.Println(at, err, in.Close())
	// Output:
	// deposits/0@0 <nil>
	// deposits/0@1 <nil> <nil>
}

// Queue is for many records. Close, and Flush in between, tell whether all of them are there.
func ExampleProducer_Queue() {
	in, done := openExample()
	defer done()
	ctx := context.Background()
	for cents := range int64(1000) {
		if err := in.Queue(ctx, "ann", cents); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(in.Flush(ctx))
	at, err := in.Send(ctx, "ann", 1)
	fmt.Println(at, err, in.Close())
	// Output:
	// <nil>
	// deposits/0@1000 <nil> <nil>
}
