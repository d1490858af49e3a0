package recordbatch

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sampleRecords are the cases that other encodings like to lose: nil and empty, headers in order and twice, times before
// and far behind the first, sizes around the steps of a varint.
func sampleRecords() []Record {
	return []Record{
		{Key: []byte("alice"), Value: []byte("1"), Timestamp: 1700000000000},
		{Key: nil, Value: nil, Timestamp: 1700000000001},
		{Key: []byte{}, Value: []byte{}, Timestamp: 1699999999000},
		{Key: []byte("h"), Value: nil, Timestamp: 1700000086400000, Headers: []Header{
			{"b", []byte("2")}, {"a", []byte("1")}, {"b", nil}, {"", []byte{}}}},
		{Key: bytes.Repeat([]byte("k"), 63), Value: bytes.Repeat([]byte("v"), 64), Timestamp: 1700000000000},
		{Key: bytes.Repeat([]byte("k"), 8191), Value: bytes.Repeat([]byte("v"), 8192), Timestamp: 0},
	}
}

// build encodes records with base offset 100 and numbers them so.
func build(t testing.TB, c Compression, p Producer, records []Record) Batch {
	t.Helper()
	var e Encoder
	e.Begin(nil, c)
	for i := range records {
		r := &records[i]
		e.Append(r.Key, r.Value, r.Headers, r.Timestamp)
		r.Offset = 100 + int64(i)
	}
	raw, err := e.End(p)
	if err != nil {
		t.Fatal(err)
	}
	b := Batch(raw)
	b.SetBaseOffset(100)
	return b
}

func decode(t testing.TB, b Batch) []Record {
	t.Helper()
	var d Decoder
	var into Decoded
	if err := d.Decode(b, &into); err != nil {
		t.Fatal(err)
	}
	return into.Records
}

func TestEveryCompressionGivesRecordsBackUnchanged(t *testing.T) {
	for c := None; c <= Zstd; c++ {
		t.Run(c.String(), func(t *testing.T) {
			want := sampleRecords()
			b := build(t, c, Producer{ID: 7, Epoch: 3, Sequence: 2147483645, Transactional: true}, want)
			if diff := cmp.Diff(want, decode(t, b)); diff != "" {
				t.Errorf("records differ (-want +got):\n%s", diff)
			}
			if b.Compression() != c {
				t.Errorf("batch says %v", b.Compression())
			}
			header := fmt.Sprint(b.BaseOffset(), b.LastOffset(), b.NextOffset(), b.Count(), b.LeaderEpoch(), b.ProducerID(),
				b.ProducerEpoch(), b.BaseSequence(), b.LastSequence(), b.Transactional(), b.Control(), b.BaseTimestamp(),
				b.MaxTimestamp(), b.DeclaredBytes() == int64(len(b)))
			if want := "100 105 106 6 -1 7 3 2147483645 2 true false 1700000000000 1700000086400000 true"; header != want {
				t.Errorf("header is %s, want %s", header, want)
			}
			if err := b.VerifyCRC(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHeadersShareOneArray(t *testing.T) {
	var records []Record
	for i := range 50 {
		records = append(records, Record{Key: []byte("k"), Headers: []Header{{fmt.Sprint("h", i), []byte{byte(i)}}}})
	}
	b := build(t, None, NoProducer, records)
	var d Decoder
	var into Decoded
	for range 2 { // once while the array grows, once appended to what is there
		if err := d.Decode(b, &into); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range into.Records {
		if want := &into.Headers[i]; len(r.Headers) != 1 || &r.Headers[0] != want || want.Key != records[i%50].Headers[0].Key {
			t.Fatalf("record %d has headers %v outside the array", i, r.Headers)
		}
	}
}

func TestAppendingAfterOtherBytesLeavesThem(t *testing.T) {
	var e Encoder
	e.Begin([]byte("before"), Zstd)
	e.Append([]byte("k"), bytes.Repeat([]byte("v"), 1000), nil, -1)
	out, err := e.End(NoProducer)
	if err != nil {
		t.Fatal(err)
	}
	if string(out[:6]) != "before" {
		t.Errorf("bytes before the batch are %q", out[:6])
	}
	if err := Check(out[6:], 0); err != nil {
		t.Error(err)
	}
	e.Begin(out[:6], None)
	e.Append([]byte("k"), nil, nil, -1)
	if got := e.Abandon(); string(got) != "before" {
		t.Errorf("an abandoned batch leaves %q", got)
	}
}

func TestAnEmptyBatchIsNotBuilt(t *testing.T) {
	var e Encoder
	e.Begin([]byte("before"), None)
	if out, err := e.End(NoProducer); err == nil || string(out) != "before" {
		t.Errorf("End without records gives %q, %v", out, err)
	}
}

func TestSizesKnownBeforehandHold(t *testing.T) {
	for _, r := range sampleRecords() {
		var e Encoder
		e.Begin(nil, None)
		e.Append(r.Key, r.Value, r.Headers, r.Timestamp)
		out, _ := e.End(NoProducer)
		if got := SingleBytes(r.Key, r.Value, r.Headers); got != len(out) {
			t.Errorf("SingleBytes is %d, the batch has %d", got, len(out))
		}
		if got := HeaderBytes + MaxRecordBytes(r.Key, r.Value, r.Headers); got < len(out) {
			t.Errorf("MaxRecordBytes allows %d, the batch has %d", got, len(out))
		}
	}
}

func TestEncodingAndDecodingAllocateNothingPerRecord(t *testing.T) {
	var e Encoder
	var d Decoder
	var into Decoded
	var buf []byte
	key, value, headers := []byte("key"), make([]byte, 90), []Header{{"trace", []byte("x")}}
	round := func() {
		e.Begin(buf[:0], None)
		for i := range 1000 {
			e.Append(key, value, headers, int64(i))
		}
		buf, _ = e.End(NoProducer)
		into.Reset()
		if err := d.Decode(buf, &into); err != nil {
			t.Fatal(err)
		}
	}
	round()
	if n := testing.AllocsPerRun(20, round); n > 0 {
		t.Errorf("1000 records cost %v allocations, want 0", n)
	}
}
