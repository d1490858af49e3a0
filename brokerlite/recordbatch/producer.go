package recordbatch

// Producer is who wrote a batch and where it stands among the producer's batches for that partition.
type Producer struct {
	ID            int64 // -1: none; then Epoch and Sequence are -1 too
	Epoch         int16
	Sequence      int32 // of the first record
	Transactional bool
}

// NoProducer marks a batch that is neither idempotent nor transactional.
var NoProducer = Producer{ID: -1, Epoch: -1, Sequence: -1}
