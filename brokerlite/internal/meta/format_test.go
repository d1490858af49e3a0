package meta

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// sample has every field at a value of its own.
func sample() *Snapshot {
	return &Snapshot{
		LSN: 300, Clean: true, ClusterID: "cluster", NextHandle: 9, NextPID: 1000,
		Topics: []*Topic{{Name: "orders", ID: [16]byte{1, 2, 3, 15: 16}, Partitions: []Handle{7, 8},
			Settings: []Setting{{"cleanup.policy", "compact"}, {"segment.ms", "1"}}}},
		Partitions: []Partition{{Handle: 7, LogStart: 10, Next: 25,
			Segments:  []Segment{{0, 4096, 1700000000000, -1, 1600000000000, true}, {20, 128, -1, 21, 5, false}},
			Epochs:    []EpochStart{{0, 0}, {2, 20}},
			Producers: []Producer{{ID: 3, Epoch: 4, Timestamp: 5, Last: 6, Batches: []Window{{1, 2, 11, 12, -1}, {3, 6, 13, 16, 99}}}},
			Open:      []OpenTxn{{3, 11}}}, {Handle: 8}},
		Txns: []Txn{{TxnInit: TxnInit{"lane", 3, 4, -1, -1, 60000}, Result: 2, Open: true, Partitions: []Handle{7},
			Groups: []string{"g"}}},
		GroupsState: []byte{0xde, 0xad},
	}
}

func sampleRecords() map[string][]byte {
	end := &TxnEnd{ID: "lane", PID: 3, Epoch: 4, Commit: true, Timestamp: 1700000000000, MarkerEpoch: 5, NextPID: 3, NextEpoch: 5,
		Markers: []Marker{{Place{7, 20, 128}, 25, 2}}, Groups: []string{"g"}}
	topic := sample().Topics[0]
	return map[string][]byte{
		"batch head":          AppendBatchHead(nil, Place{Handle: 300, Segment: 20, At: 128}),
		"transaction end":     end.Append(nil),
		"topic":               topic.Append(nil),
		"topic deleted":       (&TopicGone{"orders", []Handle{7, 8}}).Append(nil),
		"partitions":          (&Partitions{"orders", []Handle{9}}).Append(nil),
		"configs":             (&Configs{"orders", []Setting{{"retention.ms", "-1"}}}).Append(nil),
		"log start":           LogStart{7, 12}.Append(nil),
		"producer id":         AppendNumber(nil, 1000),
		"transactional id":    (&TxnInit{"lane", 3, 4, 2, 32766, 60000}).Append(nil),
		"transaction offsets": (&TxnOffsets{"lane", "g", []byte{1, 2}}).Append(nil),
	}
}

// The fixed bytes: a round trip alone would hide a mistake made on both sides.
func TestBytesOnDiskStayAsTheyAre(t *testing.T) {
	var lines []string
	lines = append(lines, "snapshot "+hex.EncodeToString(sample().Encode()))
	for _, name := range []string{"batch head", "transaction end", "topic", "topic deleted", "partitions", "configs", "log start",
		"producer id", "transactional id", "transaction offsets"} {
		lines = append(lines, name+" "+hex.EncodeToString(sampleRecords()[name]))
	}
	got := strings.Join(lines, "\n") + "\n"
	file := filepath.Join("testdata", "format.hex")
	fixed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(fixed) {
		t.Errorf("bytes differ from %s, which are on disks already\n--- got\n%s--- want\n%s", file, got, fixed)
	}
}

func TestSnapshotComesBackWhole(t *testing.T) {
	s, err := Decode(sample().Encode())
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.Partitions[1] = s.Partitions[1] // nil and empty lists are one
	want.Topics[0].Settings = s.Topics[0].Settings
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v\nwant %+v", s, want)
	}
	if p := s.Partitions[1]; p.Handle != 8 || len(p.Segments)+len(p.Epochs)+len(p.Producers)+len(p.Open) != 0 {
		t.Errorf("empty partition: %+v", p)
	}
}

func TestEveryFlippedBitOfASnapshotIsFound(t *testing.T) {
	b := sample().Encode()
	for i := range len(b) * 8 {
		b[i/8] ^= 1 << (i % 8)
		if _, err := Decode(b); err == nil {
			t.Errorf("bit %d of byte %d flipped: not noticed", i%8, i/8)
		}
		b[i/8] ^= 1 << (i % 8)
	}
	for n := range b {
		if _, err := Decode(b[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: %v, want ErrDamaged", n, err)
		}
	}
	b[11] = 2
	if _, err := Decode(b); err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("another version: %v, want a refusal that names it", err)
	}
}

func TestShortRecordsAreRefused(t *testing.T) {
	read := map[string]func([]byte) error{
		"transaction end":     func(b []byte) error { _, err := ReadTxnEnd(b); return err },
		"topic":               func(b []byte) error { _, err := ReadTopic(b); return err },
		"topic deleted":       func(b []byte) error { _, err := ReadTopicGone(b); return err },
		"partitions":          func(b []byte) error { _, err := ReadPartitions(b); return err },
		"configs":             func(b []byte) error { _, err := ReadConfigs(b); return err },
		"log start":           func(b []byte) error { _, err := ReadLogStart(b); return err },
		"producer id":         func(b []byte) error { _, err := ReadNumber(b); return err },
		"transactional id":    func(b []byte) error { _, err := ReadTxnInit(b); return err },
		"transaction offsets": func(b []byte) error { _, err := ReadTxnOffsets(b); return err },
	}
	for name, f := range read {
		whole := sampleRecords()[name]
		if err := f(whole); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := range whole {
			if f(whole[:n]) == nil {
				t.Errorf("%s cut at %d of %d is taken", name, n, len(whole))
			}
		}
		if f(append(whole[:len(whole):len(whole)], 0)) == nil {
			t.Errorf("%s with a byte more is taken", name)
		}
	}
}
