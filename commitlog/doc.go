// Package commitlog is what Millrun asks of a log: the one contract between the runtime and whatever holds the records.
//
// Three logs keep it: brokerlite in this process (commitlog/embedded), brokerlite over TCP, and Apache Kafka
// (commitlog/kafka). The suite in commitlog/logtest says so of each.
//
// Reading what a topic holds:
//
//	log, err := embedded.Open("data")
//	reader, err := log.OpenReader(ctx, commitlog.ReaderConfig{})
//	reader.Seek(commitlog.Partition{Topic: "clicks", Index: 0}, 0)
//	for {
//		batch, err := reader.Poll(ctx, time.Second)
//		if batch != nil {
//			handle(batch.Records) // borrowed until Release
//			position = batch.Next // not the last record's offset: markers and holes take offsets too
//			batch.Release()
//		}
//	}
//
// Promises that hold for every method here and are not repeated there:
//   - Methods are safe for concurrent use unless a type says otherwise.
//   - A call whose context ends returns soon (the driver gives the connection up if it must) with the context's error in
//     the chain. The effect of a write is then unknown: the request may have arrived.
//   - Temporary faults (no leader, coordinator moving, broker restarting) are retried inside the driver until the
//     context ends; the error then wraps ErrUnavailable and the cause.
//   - Errors wrap one of the sentinels below; errors.Is tells which.
//   - Timestamps are int64 milliseconds since 1970; -1 means none.
//   - Positions are offsets to read next, never offsets of last records.
//
// Limits are those of Kafka: a batch above the topic's max.message.bytes is ErrTooLarge, offset metadata has at most
// MaxOffsetMetadataBytes.
package commitlog
