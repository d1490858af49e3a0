package recordbatch

// CheckRecords reads every record of a batch that Check accepted, as a broker must where it looks inside (S3): that
// they can be read, that offset deltas run 0, 1, 2 without a gap, that timestamps are not below -1 and, with needKeys
// (a compacted topic), that no key is nil. It gives the index of the faulty record, -1 for a fault of the whole batch
// or none. spill is as in Decoder.Open and may be used again afterwards.
func (d *Decoder) CheckRecords(b Batch, spill []byte, needKeys bool) (index int, grown []byte, err error) {
	c, spill, err := d.Open(b, spill)
	if err != nil {
		return -1, spill, err
	}
	n := 0
	for ; c.Next(); n++ {
		switch {
		case c.previous != int64(n):
			return n, spill, invalid("offset delta", c.at, c.previous, "one more than the record before")
		case c.Timestamp < -1:
			return n, spill, invalid("timestamp", c.at, c.Timestamp, "at least -1")
		case needKeys && c.Key == nil:
			return n, spill, invalid("key", c.at, -1, "a key: the topic is compacted")
		}
	}
	if err := c.Err(); err != nil {
		return n, spill, err
	}
	return -1, spill, nil
}
