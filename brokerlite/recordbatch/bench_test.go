package recordbatch

import "testing"

const benchRecords = 4096

// sample is a batch of records of 100 bytes: a key of 10, a value of 90.
func sample(n int) []byte {
	var e Encoder
	e.Begin(nil, None)
	key, value := []byte("key-000000"), make([]byte, 90)
	for i := range n {
		key[9] = '0' + byte(i%10)
		e.Append(key, value, nil, 1700000000000+int64(i))
	}
	b, err := e.End(NoProducer)
	if err != nil {
		panic(err)
	}
	return b
}

func BenchmarkEncode(b *testing.B) {
	var e Encoder
	var buf []byte
	key, value := []byte("key-000000"), make([]byte, 90)
	b.ReportAllocs()
	b.SetBytes(100)
	for b.Loop() {
		if e.Count() == 0 {
			e.Begin(buf[:0], None)
		}
		e.Append(key, value, nil, 1700000000000+int64(e.Count()))
		if e.Count() == benchRecords {
			buf, _ = e.End(NoProducer)
		}
	}
}

func BenchmarkCursor(b *testing.B) {
	batch := Batch(sample(benchRecords))
	var d Decoder
	var c Cursor
	var sum int
	b.ReportAllocs()
	b.SetBytes(100)
	for b.Loop() {
		if !c.Next() {
			c, _, _ = d.Open(batch, nil)
			c.Next()
		}
		sum += len(c.Key) + len(c.Value)
	}
}

func BenchmarkDecode(b *testing.B) {
	batch := Batch(sample(benchRecords))
	var d Decoder
	var into Decoded
	b.ReportAllocs()
	b.SetBytes(100)
	for n := 0; b.Loop(); n++ {
		if n%benchRecords == 0 {
			into.Reset()
			if err := d.Decode(batch, &into); err != nil {
				b.Fatal(err)
			}
		}
	}
}
