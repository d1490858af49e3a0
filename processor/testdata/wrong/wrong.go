// Package wrong does not compile: each line with a "want" comment is a way to hold it wrong that the compiler must refuse.
package wrong

import (
	"context"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
)

type event struct{ At time.Time }

var (
	events = processor.NewStream("events", codec.String, codec.JSON[event]())
	totals = processor.NewTable("totals", codec.String, codec.Int64)
	number = processor.NewTable("number", codec.Int64, codec.Int64)
)

var (
	_ = processor.NewStream("s", codec.JSON[string](), codec.String)                                         // want "Canonical"
	_ = processor.NewTable("t", codec.JSON[event](), codec.Int64)                                            // want "Canonical"
	_ = processor.NewStream("s", codec.Func[string]("f", nil, nil), codec.String)                            // want "Canonical"
	_ = processor.NewTable("t", codec.Empty, codec.Int64)                                                    // want "Canonical"
	_ = processor.On(events, func(ctx processor.Context, key int64, e event) error { return nil })           // want "match"
	_ = processor.On(events, func(ctx processor.Context, key string, e string) error { return nil })         // want "match"
	_ = processor.On(events, func(ctx context.Context, key string, e event) error { return nil })            // want "match"
	_ = processor.On(totals, func(ctx processor.Context, key string, n int64) error { return nil })          // want "match"
	_ = processor.OnTombstone(events, func(ctx processor.Context, key string, e event) error { return nil }) // want "match"
	_ = processor.Owns(events)                                                                               // want "AnyTable"
	_ = processor.Emits(totals)                                                                              // want "AnyStream"
	_ = events.EventTime(func(n int64) time.Time { return time.Time{} })                                     // want "cannot use"
	_ = processor.New("p", processor.On)                                                                     // want "does not match processor.Edge"
)

func plain(ctx context.Context) {
	totals.Get(ctx, "a")           // want "processor.Context"
	totals.Put(ctx, "a", 1)        // want "processor.Context"
	events.Emit(ctx, "a", event{}) // want "processor.Context"
}

func derived(ctx processor.Context) {
	c, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	totals.Put(c, "a", 1)                        // want "processor.Context"
	totals.Put(ctx, 1, 1)                        // want "string"
	totals.Put(ctx, "a", "b")                    // want "int64"
	events.Emit(ctx, "a", 7)                     // want "event"
	for range processor.Prefix(ctx, number, 7) { // want "int64"
	}
}
