package commitlog_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
)

// with opens a log in a temporary directory, with the topic "in" of one partition.
func with(use func(ctx context.Context, l commitlog.Log) error) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := embedded.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	err = l.CreateTopic(ctx, commitlog.TopicSpec{Name: "in", Partitions: 1})
	if err == nil {
		err = use(ctx, l)
	}
	if err := errors.Join(err, l.Close()); err != nil {
		log.Fatal(err)
	}
}

var in = commitlog.Partition{Topic: "in"}

// write appends values without keys and gives the position of the first.
func write(ctx context.Context, l commitlog.Log, values ...string) (first commitlog.Position, err error) {
	w, err := l.OpenWriter(ctx, commitlog.WriterConfig{})
	if err != nil {
		return first, err
	}
	records := make([]commitlog.Record, len(values))
	for i, v := range values {
		records[i] = commitlog.Record{Value: []byte(v), Timestamp: -1}
	}
	first, err = w.Append(ctx, in, records)
	return first, errors.Join(err, w.Close())
}

// Positions are text on their way through headers.
func ExamplePosition() {
	p := commitlog.Position{Partition: commitlog.Partition{Topic: "orders", Index: 3}, Offset: 42}
	fmt.Println(p)
	back, err := commitlog.ParsePosition("orders/3@42")
	fmt.Println(back == p, err)
	_, err = commitlog.ParsePosition("orders@42")
	fmt.Println(err)
	// Output:
	// orders/3@42
	// true <nil>
	// commitlog: position "orders@42": want topic/partition@offset
}

// Each family of clients has its own way from a key to a partition.
func ExamplePartitioner() {
	for _, p := range []commitlog.Partitioner{commitlog.Murmur2, commitlog.FNV1a, commitlog.CRC32} {
		fmt.Println(p.Name(), p.Partition([]byte("alice"), 8))
	}
	// Output:
	// murmur2 5
	// fnv1a 1
	// crc32 7
}

// Append returns when the records are durable.
func ExampleWriter() {
	with(func(ctx context.Context, l commitlog.Log) error {
		first, err := write(ctx, l, "a", "b")
		fmt.Println(first, err)
		return err
	})
	// Output: in/0@0 <nil>
}

// A reader is told where to begin, and says where to go on.
func ExampleReader() {
	with(func(ctx context.Context, l commitlog.Log) error {
		if _, err := write(ctx, l, "a", "b", "c"); err != nil {
			return err
		}
		r, err := l.OpenReader(ctx, commitlog.ReaderConfig{})
		if err != nil {
			return err
		}
		defer r.Close()
		r.Seek(in, 1)
		for next := int64(1); next < 3; {
			b, err := r.Poll(ctx, time.Second)
			if err != nil {
				return err
			}
			if b == nil {
				continue // nothing came within a second
			}
			for _, record := range b.Records {
				fmt.Printf("%d %s\n", record.Offset, record.Value)
			}
			next = b.Next
			b.Release()
		}
		return nil
	})
	// Output:
	// 1 b
	// 2 c
}

// What a transaction appends is there for readers once it is committed. The marker of its end takes an offset.
func ExampleTransactor() {
	with(func(ctx context.Context, l commitlog.Log) error {
		t, err := l.OpenTransactor(ctx, commitlog.TransactorConfig{ID: "example"})
		if err != nil {
			return err
		}
		defer t.Close()
		record := commitlog.Record{Value: []byte("a"), Timestamp: -1}
		if err := t.Append(ctx, in, []commitlog.Record{record, record}); err != nil {
			return err
		}
		written, err := t.Commit(ctx)
		if err != nil {
			return err
		}
		ends, err := l.Offsets(ctx, []commitlog.Partition{in}, commitlog.End, commitlog.ReadCommitted)
		fmt.Println(written, ends, err)
		return err
	})
	// Output: [in/0@2] [in/0@3] <nil>
}

func ExampleAdmin() {
	with(func(ctx context.Context, l commitlog.Log) error {
		err := l.CreateTopic(ctx, commitlog.TopicSpec{Name: "in"})
		fmt.Println(errors.Is(err, commitlog.ErrTopicExists))
		if err := l.SetTopicConfig(ctx, "in", map[string]string{"retention.ms": "-1"}); err != nil {
			return err
		}
		settings, err := l.TopicConfig(ctx, "in")
		if err != nil {
			return err
		}
		topics, err := l.Topics(ctx)
		fmt.Println(settings["retention.ms"], topics[0].Name, topics[0].Partitions, err)
		_, err = l.Topics(ctx, "out")
		fmt.Println(errors.Is(err, commitlog.ErrUnknownTopic))
		return nil
	})
	// Output:
	// true
	// -1 in 1 <nil>
	// true
}

// A fault of one partition says which; callers branch on what it wraps.
func ExamplePartitionError() {
	with(func(ctx context.Context, l commitlog.Log) error {
		r, err := l.OpenReader(ctx, commitlog.ReaderConfig{})
		if err != nil {
			return err
		}
		defer r.Close()
		r.Seek(in, 7)
		_, err = r.Poll(ctx, time.Minute)
		var fault *commitlog.PartitionError
		fmt.Println(errors.As(err, &fault), errors.Is(err, commitlog.ErrOutOfRange))
		return nil
	})
	// Output: true true
}
