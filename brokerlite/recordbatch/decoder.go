package recordbatch

// DefaultMaxBytes bounds what one compressed batch may become: 64 MiB.
const DefaultMaxBytes = 64 << 20

// Decoder opens batches for reading. Its zero value is ready; one goroutine. It keeps what decompression needs and the
// header keys it has seen, so that decoding allocates nothing per record.
type Decoder struct {
	// MaxBytes bounds the decompressed size of one batch in bytes; above it a batch is ErrTooLarge. 0: DefaultMaxBytes.
	MaxBytes int

	decompressor decompressor
	keys         map[string]string
}

// Open prepares the records of b for reading. Records of a batch that is not compressed are borrowed from b; others are
// decompressed, appended to spill and borrowed from there. The spill that comes back replaces the caller's: it must
// live, unchanged, as long as the records are used. Open does not verify the checksum.
func (d *Decoder) Open(b Batch, spill []byte) (Cursor, []byte, error) {
	if b.Compression() == None {
		return openCursor(b, b.RecordBytes()), spill, nil
	}
	limit := d.MaxBytes
	if limit == 0 {
		limit = DefaultMaxBytes
	}
	start := len(spill)
	spill, err := d.decompressor.decompress(b.Compression(), b.RecordBytes(), spill, limit)
	if err != nil {
		return Cursor{}, spill, err
	}
	c := openCursor(b, spill[start:])
	c.at = 0
	return c, spill, nil
}

// Decoded is where Decode puts records: slices to be reused with Reset.
type Decoded struct {
	Records []Record
	Headers []Header // one backing array for all Records[i].Headers
	Spill   []byte   // what was decompressed
}

// Reset empties the slices and keeps their space. Records given out before must no longer be used.
func (d *Decoded) Reset() {
	d.Records, d.Headers, d.Spill = d.Records[:0], d.Headers[:0], d.Spill[:0]
}

// Decode appends the records of b to into. After an error into holds the records before the fault.
func (d *Decoder) Decode(b Batch, into *Decoded) error {
	c, spill, err := d.Open(b, into.Spill)
	if err != nil {
		return err
	}
	into.Spill = spill
	first, firstHeader, space := len(into.Records), len(into.Headers), cap(into.Headers)
	for c.Next() {
		r := Record{Key: c.Key, Value: c.Value, Timestamp: c.Timestamp, Offset: c.Offset}
		if c.HeaderCount > 0 {
			start := len(into.Headers)
			for h := c.Headers(); h.Next(); {
				into.Headers = append(into.Headers, Header{Key: d.Intern(h.Key), Value: h.Value})
			}
			r.Headers = into.Headers[start:len(into.Headers):len(into.Headers)]
		}
		into.Records = append(into.Records, r)
	}
	if cap(into.Headers) != space {
		// The array moved while it grew: point all records at where it is now.
		first, firstHeader = 0, 0
	}
	for i, at := first, firstHeader; i < len(into.Records); i++ {
		if n := len(into.Records[i].Headers); n > 0 {
			into.Records[i].Headers = into.Headers[at : at+n : at+n]
			at += n
		}
	}
	return c.Err()
}

// maxInterned bounds the header keys a Decoder remembers, and maxInternedBytes the size of each. Beyond them a key is a
// new string each time.
const (
	maxInterned      = 1024
	maxInternedBytes = 256
)

// Intern gives key as a string and remembers it, because header keys repeat from record to record.
func (d *Decoder) Intern(key []byte) string {
	if s, ok := d.keys[string(key)]; ok {
		return s
	}
	s := string(key)
	if len(d.keys) < maxInterned && len(key) <= maxInternedBytes {
		if d.keys == nil {
			d.keys = make(map[string]string)
		}
		d.keys[s] = s
	}
	return s
}
