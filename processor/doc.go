// Package processor is what you write Millrun programs in: streams, tables, handlers and what to do about errors.
//
//	var (
//		clicks = processor.NewStream("clicks", codec.String, codec.JSON[Click]())
//		counts = processor.NewTable("clicks-per-user", codec.String, codec.Int64)
//	)
//
//	var counter = processor.New("click-counter",
//		processor.On(clicks, func(ctx processor.Context, user string, _ Click) error {
//			n, _ := counts.Get(ctx, user)
//			counts.Put(ctx, user, n+1)
//			return nil
//		}),
//		processor.Owns(counts),
//	)
//
// Everything here is a declaration: nothing starts, opens or connects. Package topology checks declarations together, package
// worker runs them. Handles (streams and tables) and processors are immutable and may be package variables, shared freely.
//
// What a handler does to tables and streams takes effect with the commit that also moves past its record, or not at all: a
// handler that returns an error, panics or meets a fault has changed nothing. Handlers of one partition run one at a time;
// records of one key come in the order of the log.
//
// A handler is a function of its record, its context and its tables: then a rebuild from offset zero gives the same tables.
// Nothing tells it that it is replayed. For time, chance and identifiers use ctx.Timestamp, ctx.Rand and ctx.ID.
package processor
