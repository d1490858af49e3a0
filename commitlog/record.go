package commitlog

// Record is one record. Key and Value: nil and empty differ; a nil Value is a tombstone.
//
// In a Batch the bytes belong to the driver until Release; in Append they belong to the caller again when the call
// returns.
type Record struct {
	Key, Value []byte
	Headers    []Header // order and duplicates kept
	Timestamp  int64    // ms since 1970; -1 if the producer gave none. In Append: -1 means now, below -1 is refused
	Offset     int64    // set by the log, ignored by Append
}

// Header is one header of a record. Key is text; a nil Value and an empty one differ.
type Header struct {
	Key   string
	Value []byte
}
