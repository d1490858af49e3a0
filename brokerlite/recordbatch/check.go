package recordbatch

import "strconv"

// Check says whether b is what a producer may send for one partition: exactly one batch, of magic 2, whole, intact, not
// a marker, with fields that agree with each other (S1). maxBytes bounds the size; 0 means no bound. Errors are *Fault.
// It does not look at the records themselves: CheckRecords does.
func Check(b []byte, maxBytes int) error {
	if len(b) < HeaderBytes {
		return corrupt("size", 0, int64(len(b)), "at least "+strconv.Itoa(HeaderBytes))
	}
	batch := Batch(b)
	if batch.Magic() != Magic {
		return invalid("magic", atMagic, int64(batch.Magic()), "2")
	}
	if maxBytes > 0 && len(b) > maxBytes {
		return &Fault{Kind: ErrTooLarge, What: "size", Got: int64(len(b)), Want: "at most " + strconv.Itoa(maxBytes)}
	}
	switch size := batch.DeclaredBytes(); {
	case size < HeaderBytes || size > int64(len(b)):
		return corrupt("length", atLength, size-PrefixBytes, strconv.Itoa(len(b)-PrefixBytes))
	case size < int64(len(b)):
		return invalid("bytes after the first batch", int(size), int64(len(b))-size, "0: one batch per partition")
	}
	if err := batch.VerifyCRC(); err != nil {
		return err
	}
	return batch.checkFields()
}

// checkFields holds an intact batch from a producer against the rules of the single fields.
func (b Batch) checkFields() error {
	count, last := int64(b.Count()), int64(b.LastOffsetDelta())
	switch {
	case b.BaseOffset() != 0:
		return invalid("base offset", atBaseOffset, b.BaseOffset(), "0 from a producer")
	case b.Attributes()&^knownAttributes != 0:
		return invalid("attributes", atAttributes, int64(b.Attributes()), "no bit above 6")
	case b.Control():
		return invalid("attributes", atAttributes, int64(b.Attributes()), "no control bit: the broker alone writes markers")
	case b.DeleteHorizon():
		return invalid("attributes", atAttributes, int64(b.Attributes()), "no delete horizon: compaction alone sets it")
	case b.Compression() > Zstd:
		return &Fault{Kind: ErrUnsupported, What: "compression", At: atAttributes, Got: int64(b.Compression()),
			Want: "0 to 4"}
	case count <= 0:
		return invalid("record count", atCount, count, "at least 1")
	case last != count-1:
		return invalid("last offset delta", atLastOffsetDelta, last, "record count - 1 = "+strconv.FormatInt(count-1, 10))
	case b.Compression() == None && count > int64(len(b)-HeaderBytes)/minRecordBytes:
		return invalid("record count", atCount, count, "what the bytes can hold")
	case b.ProducerID() >= 0 && b.ProducerEpoch() < 0:
		return invalid("producer epoch", atProducerEpoch, int64(b.ProducerEpoch()), "at least 0 with a producer id")
	case b.ProducerID() >= 0 && b.BaseSequence() < 0:
		return invalid("base sequence", atBaseSequence, int64(b.BaseSequence()), "at least 0 with a producer id")
	case b.ProducerID() < 0 && b.Transactional():
		return invalid("producer id", atProducerID, b.ProducerID(), "at least 0 in a transaction")
	}
	return nil
}
