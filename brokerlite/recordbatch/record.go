package recordbatch

// Record is one record with its place in the log. Key and Value: nil and empty differ. Who decodes borrows the bytes
// from the batch, or from the space the batch was decompressed into.
type Record struct {
	Key, Value []byte
	Headers    []Header // order and duplicates kept; nil for none
	Timestamp  int64    // ms since 1970, -1 for none
	Offset     int64
}

// Header is one header of a record. A nil Value and an empty one differ.
type Header struct {
	Key   string
	Value []byte
}
