// Package recordbatch is the Kafka v2 record batch, to bytes and back.
//
// The same bytes travel in Produce and Fetch, lie in the segments of brokerlite and are read by the embedded driver, so
// this package is on the hot path of all three and allocates nothing per record. It knows no topics, no requests and no
// files.
//
// Writing a batch and reading it again:
//
//	var e recordbatch.Encoder
//	e.Begin(nil, recordbatch.None)
//	e.Append([]byte("alice"), []byte("1"), nil, 1700000000000)
//	batch, err := e.End(recordbatch.NoProducer)
//
//	var d recordbatch.Decoder
//	c, _, err := d.Open(recordbatch.Batch(batch), nil)
//	for c.Next() {
//		use(c.Key, c.Value, c.Timestamp, c.Offset) // borrowed from batch
//	}
//	err = c.Err()
//
// Promises: what Encoder writes, Check accepts and Decoder gives back unchanged, nil and empty kept apart; a decoder
// never panics and never holds more memory than its limit, whatever the bytes are. Timestamps are int64 milliseconds
// since 1970, -1 for none.
//
// Limits: magic 2 only. A batch spans at most 2^31-1 bytes and offsets; a decompressed batch has the size limit of its
// Decoder.
//
// The format is Apache Kafka's (KIP-98, KIP-82 for headers, KIP-110 for zstd, KIP-534 for delete horizons). Rules named
// S1 to S15 are those of brokerlite's protocol notes.
package recordbatch
