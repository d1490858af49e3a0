// Package codec turns typed values into bytes and back.
//
// A Codec is for values, a Key for keys. The difference is a promise: the bytes of a key are its identity. They decide the
// partition, the row in a table and the order of a scan, so equal keys must have equal bytes in every build of every program,
// for ever. JSON does not promise that, and JSON as a key does not compile:
//
//	clicks := processor.NewStream("clicks", codec.String, codec.JSON[Click]())
//
// Values change their type, and events come in several kinds: Version1 and Upcast keep old values readable, OneOf writes an
// interface by its cases. The name of the schema travels beside the bytes, as the record header millrun-schema.
//
// A codec never sees a tombstone (a record without a value): an empty value is empty, not nil, and deleting is a call of its
// own. Codecs are safe for concurrent use. Package codectest checks one that you wrote.
package codec

// Codec turns values of T into bytes and back. Safe for concurrent use.
type Codec[T any] interface {
	// Append appends the bytes of v to dst and returns the result, as append does. It keeps no part of dst. Equal values give
	// equal bytes within one build of the program.
	Append(dst []byte, v T) ([]byte, error)
	// Decode gives the value of data. It keeps no part of data and does not write to it; data is never nil.
	Decode(data []byte) (T, error)
	// Format names the bytes, as "json" or "int64". Plans show it, and a table whose format changes is another table.
	Format() string
}

// Key is a Codec whose bytes are the identity of the key: equal values give equal bytes in every build and on every machine,
// for ever. A key of a struct type is written with KeyFunc.
type Key[K any] interface {
	Codec[K]
	// Canonical does nothing; having it is the promise. JSON, which has no Canonical, is no Key: its field order and number
	// formats change with the program. Use String, Bytes, Int64 and their like, or KeyFunc for a type of your own.
	Canonical()
}

// KeyAppender is an optional ability of a Key that also serves values which cannot be a key: AppendKey refuses those. Float64
// has it, because NaN is a value but no identity.
type KeyAppender[K any] interface {
	Key[K]
	AppendKey(dst []byte, k K) ([]byte, error)
}

// KeyEncoder gives the function by which c encodes keys: AppendKey where c has it, else Append.
func KeyEncoder[K any](c Key[K]) func(dst []byte, k K) ([]byte, error) {
	if a, ok := c.(KeyAppender[K]); ok {
		return a.AppendKey
	}
	return c.Append
}

// Sortable is an optional ability of a Key. Scans run in the order of the key's bytes, or, where the Key has Sortable, of an
// order-preserving form that only the store uses: so -1 comes before 0. The two functions append to dst and are each other's
// inverse; they are called with bytes that the Key decodes. The log, hashing and other clients see the key's own bytes.
type Sortable interface {
	AppendSort(dst, key []byte) []byte
	AppendUnsort(dst, sorted []byte) []byte
}

// Faulty is an optional ability of a Codec that can be built wrongly: Fault says what is wrong with it, nil if nothing is.
// topology.New asks for it and reports the answer.
type Faulty interface{ Fault() error }
