package recordbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/klauspost/compress/s2"
)

func TestDecompressionStopsAtTheLimit(t *testing.T) {
	for c := Gzip; c <= Zstd; c++ {
		b := build(t, c, NoProducer, []Record{{Value: make([]byte, 1<<20)}})
		if len(b) > 1<<17 {
			t.Fatalf("%v: sample has %d bytes, want a small one", c, len(b))
		}
		d := Decoder{MaxBytes: 1 << 19}
		_, spill, err := d.Open(b, nil)
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v: 1 MiB under a limit of 512 KiB: %v", c, err)
		}
		if cap(spill) > 1<<20 {
			t.Errorf("%v: %d bytes were allocated", c, cap(spill))
		}
		d = Decoder{MaxBytes: 1<<20 + 64}
		if _, _, err := d.Open(b, make([]byte, 3, 10)); err != nil {
			t.Errorf("%v: 1 MiB under a limit just above: %v", c, err)
		}
	}
}

func TestSnappyOfTheJavaClientsIsRead(t *testing.T) {
	want := sampleRecords()
	plain := build(t, None, NoProducer, want)
	packed := []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")
	for records := plain.RecordBytes(); len(records) > 0; {
		n := min(len(records), 5000)
		block := s2.EncodeSnappy(nil, records[:n])
		packed = append(binary.BigEndian.AppendUint32(packed, uint32(len(block))), block...)
		records = records[n:]
	}
	b := Batch(append(append([]byte{}, plain[:HeaderBytes]...), packed...))
	b[atAttributes+1] |= byte(Snappy)
	got := decode(t, b)
	if len(got) != len(want) || !bytes.Equal(got[5].Value, want[5].Value) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
}

func TestDamagedRecordsAreFaults(t *testing.T) {
	plain := sample(3)
	for _, test := range []struct {
		name string
		at   int
		to   byte
	}{
		{"record longer than the batch", HeaderBytes, 0xff},
		{"record shorter than its parts", HeaderBytes, 0x02},
		{"offset delta that does not rise", HeaderBytes + 4 + 2 + 108 - 4, 0},
		{"key longer than the record", HeaderBytes + 5, 0x7e},
	} {
		b := append([]byte{}, plain...)
		b[test.at] = test.to
		var d Decoder
		var into Decoded
		var fault *Fault
		if err := d.Decode(b, &into); !errors.As(err, &fault) || !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	var d Decoder
	var into Decoded
	if err := d.Decode(Batch(plain[:len(plain)-1]), &into); !errors.Is(err, ErrCorrupt) || len(into.Records) != 2 {
		t.Errorf("cut last record: %d records, %v", len(into.Records), err)
	}
	into.Reset()
	if err := d.Decode(Batch(append(plain, 0)), &into); !errors.Is(err, ErrCorrupt) || len(into.Records) != 3 {
		t.Errorf("a byte too many: %d records, %v", len(into.Records), err)
	}
}

// Whatever the bytes are: no panic, no memory beyond the limit, and what Check and CheckRecords accept is read whole.
func FuzzDecode(f *testing.F) {
	for c := None; c <= Zstd; c++ {
		f.Add([]byte(build(f, c, NoProducer, sampleRecords())))
	}
	f.Add(AppendMarker(nil, Marker{}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d := Decoder{MaxBytes: 1 << 20}
		for rest := raw; ; {
			b, after, err := Next(rest)
			if b == nil {
				if err == nil && len(rest) > 0 {
					t.Fatal("bytes are left without an error")
				}
				return
			}
			rest = after
			var into Decoded
			err = d.Decode(b, &into)
			if len(into.Spill) > d.MaxBytes {
				t.Fatalf("%d bytes decompressed", len(into.Spill))
			}
			if err == nil && int32(len(into.Records)) != b.Count() {
				t.Fatalf("%d records, header says %d", len(into.Records), b.Count())
			}
			if b.Control() {
				_, _ = ParseMarker(b) // must not panic; most random markers are faulty
			}
			b.SetBaseOffset(0)
			b.seal()
			if Check(b, 0) != nil {
				continue
			}
			if _, _, err := d.CheckRecords(b, nil, false); err == nil && int32(len(into.Records)) != b.Count() {
				t.Fatal("CheckRecords accepts what Decode does not read")
			}
		}
	})
}
