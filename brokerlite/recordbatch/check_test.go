package recordbatch

import (
	"encoding/binary"
	"errors"
	"testing"
)

func TestCheckNamesEachBrokenRule(t *testing.T) {
	reseal := func(b Batch) []byte { b.seal(); return b }
	put32 := func(b []byte, at int, v int32) []byte { binary.BigEndian.PutUint32(b[at:], uint32(v)); return b }
	tests := []struct {
		name  string
		spoil func(b []byte) []byte
		kind  error
		at    int
	}{
		{"nothing there", func(b []byte) []byte { return nil }, ErrCorrupt, 0},
		{"cut header", func(b []byte) []byte { return b[:60] }, ErrCorrupt, 0},
		{"cut records", func(b []byte) []byte { return b[:len(b)-1] }, ErrCorrupt, atLength},
		{"negative length", func(b []byte) []byte { return put32(b, atLength, -1) }, ErrCorrupt, atLength},
		{"two batches", func(b []byte) []byte { return append(b, b...) }, ErrInvalid, -1},
		{"old magic", func(b []byte) []byte { b[atMagic] = 1; return b }, ErrInvalid, atMagic},
		{"flipped bit", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, ErrCorrupt, atCRC},
		{"base offset", func(b []byte) []byte { Batch(b).SetBaseOffset(1); return b }, ErrInvalid, atBaseOffset},
		{"control bit", func(b []byte) []byte { b[22] |= bitControl; return reseal(b) }, ErrInvalid, atAttributes},
		{"delete horizon", func(b []byte) []byte { b[22] |= bitDeleteHorizon; return reseal(b) }, ErrInvalid, atAttributes},
		{"unknown bit", func(b []byte) []byte { b[21] = 1; return reseal(b) }, ErrInvalid, atAttributes},
		{"unknown compression", func(b []byte) []byte { b[22] |= 5; return reseal(b) }, ErrUnsupported, atAttributes},
		{"no records", func(b []byte) []byte { return reseal(put32(b, atCount, 0)) }, ErrInvalid, atCount},
		{"negative count", func(b []byte) []byte { return reseal(put32(b, atCount, -5)) }, ErrInvalid, atCount},
		{"count and delta differ", func(b []byte) []byte { return reseal(put32(b, atCount, 2)) }, ErrInvalid, atLastOffsetDelta},
		{"more records than bytes", func(b []byte) []byte {
			put32(b, atLastOffsetDelta, 1<<20-1)
			return reseal(put32(b, atCount, 1<<20))
		}, ErrInvalid, atCount},
		{"epoch missing", func(b []byte) []byte { Batch(b).SetProducer(Producer{7, -1, 0, false}); return b }, ErrInvalid, atProducerEpoch},
		{"sequence missing", func(b []byte) []byte { Batch(b).SetProducer(Producer{7, 0, -1, false}); return b }, ErrInvalid, atBaseSequence},
		{"transaction of nobody", func(b []byte) []byte { Batch(b).SetProducer(Producer{-1, -1, -1, true}); return b }, ErrInvalid, atProducerID},
	}
	for _, test := range tests {
		err := Check(test.spoil(sample(3)), 0)
		var fault *Fault
		if !errors.Is(err, test.kind) || !errors.As(err, &fault) {
			t.Errorf("%s: %v, want %v", test.name, err, test.kind)
		} else if test.at >= 0 && fault.At != test.at {
			t.Errorf("%s: fault at byte %d, want %d: %v", test.name, fault.At, test.at, err)
		}
	}
}

func TestCheckTakesWhatProducersSend(t *testing.T) {
	b := Batch(sample(3))
	b.SetLeaderEpoch(0) // sarama sends 0, franz-go -1; neither means anything
	if err := Check(b, len(b)); err != nil {
		t.Error(err)
	}
	if err := Check(b, len(b)-1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte above the limit: %v", err)
	}
}

func TestCheckRecordsLooksInside(t *testing.T) {
	b := build(t, None, NoProducer, []Record{{Key: []byte("a")}, {Value: []byte("no key")}, {Key: []byte("c"), Timestamp: -1}})
	var d Decoder
	if i, _, err := d.CheckRecords(b, nil, false); err != nil || i != -1 {
		t.Errorf("without need of keys: record %d: %v", i, err)
	}
	if i, _, err := d.CheckRecords(b, nil, true); !errors.Is(err, ErrInvalid) || i != 1 {
		t.Errorf("nil key in a compacted topic: record %d: %v", i, err)
	}
	b = build(t, Gzip, NoProducer, []Record{{Key: []byte("a")}, {Key: make([]byte, 100), Timestamp: -2}})
	if i, _, err := d.CheckRecords(b, nil, true); !errors.Is(err, ErrInvalid) || i != 1 {
		t.Errorf("timestamp -2: record %d: %v", i, err)
	}
}

func TestPatchesKeepTheChecksumRight(t *testing.T) {
	b := Batch(sample(2))
	b.SetBaseOffset(1 << 40)
	b.SetLeaderEpoch(9)
	if err := b.VerifyCRC(); err != nil {
		t.Error("S2: ", err)
	}
	b.SetProducer(Producer{5, 6, 7, true})
	b.SetLogAppendTime(12345)
	if err := b.VerifyCRC(); err != nil {
		t.Error(err)
	}
	for _, r := range decode(t, b) {
		if r.Timestamp != 12345 {
			t.Errorf("S6: record has timestamp %d, want that of the append", r.Timestamp)
		}
	}
	b.ClearLogAppendTime()
	if r := decode(t, b)[1]; r.Timestamp != 1700000000001 || b.VerifyCRC() != nil {
		t.Errorf("timestamp is %d after the bit is cleared", r.Timestamp)
	}
}

func TestWalkStopsAtACutTailAndAtDamage(t *testing.T) {
	one := sample(1)
	two := append(append([]byte{}, one...), sample(2)...)
	b, rest, err := Next(two)
	if err != nil || len(b) != len(one) || len(rest) != len(two)-len(one) {
		t.Fatalf("first: %d bytes, rest %d, %v", len(b), len(rest), err)
	}
	if b, rest, err = Next(rest); err != nil || b.Count() != 2 || len(rest) != 0 {
		t.Fatalf("second: %v, rest %d, %v", b.Count(), len(rest), err)
	}
	if b, _, err = Next(rest); b != nil || err != nil {
		t.Errorf("end: %v, %v", b, err)
	}
	for _, n := range []int{1, 11, 12, 60, len(one) - 1} {
		if b, rest, err := Next(one[:n]); err != ErrShort || b != nil || len(rest) != n {
			t.Errorf("%d bytes: %v, rest %d, %v", n, b, len(rest), err)
		}
	}
	binary.BigEndian.PutUint32(one[atLength:], 48)
	if _, _, err := Next(one); !errors.Is(err, ErrCorrupt) {
		t.Errorf("length below the header: %v", err)
	}
}

func TestSequencesWrapAfterTheHighest(t *testing.T) {
	for _, test := range [][3]int32{{0, 1, 1}, {2147483647, 1, 0}, {2147483646, 3, 1}} {
		if got := AddSequence(test[0], test[1]); got != test[2] {
			t.Errorf("%d + %d is %d, want %d", test[0], test[1], got, test[2])
		}
	}
}
