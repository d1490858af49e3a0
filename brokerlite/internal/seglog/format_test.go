package seglog

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/millrun/millrun/brokerlite/recordbatch"
)

// fixedIndex is the example of docs/format/index.md.
const fixedIndex = `
6d696c6c6964780a 00000001 03b896fa
0000000000000064 00000000000000c8 0000000000009c40 0000018bcfe56800
00000002 00000001
0000000000000064 0000000000000000 0000018bcfe567ff
0000000000000096 0000000000008010 0000018bcfe56800
0000000000000007 000000000000006e 000000000000008c`

func TestIndexHasItsFixedBytes(t *testing.T) {
	x := &index{next: 200, bytes: 40000, maxTimestamp: 1_700_000_000_000,
		blocks:  []block{{offset: 100, at: 0, maxTimestamp: 1_699_999_999_999}, {offset: 150, at: 32784, maxTimestamp: 1_700_000_000_000}},
		aborted: []Aborted{{ProducerID: 7, First: 110, Last: 140}}}
	want, err := hex.DecodeString(strings.Join(strings.Fields(fixedIndex), ""))
	if err != nil {
		t.Fatal(err)
	}
	if got := encodeIndex(100, x); !bytes.Equal(got, want) {
		t.Errorf("got %x", got)
	}
	back, why := decodeIndex(want, 100, 200, 40000)
	if why != "" || !reflect.DeepEqual(back, x) {
		t.Errorf("read back: %+v, %s", back, why)
	}
	if _, why := decodeIndex(want, 100, 200, 40001); why == "" {
		t.Error("the index of other bytes was taken")
	}
}

func TestLogFileIsTheBatchesAndNothingElse(t *testing.T) {
	disk := newMem(t)
	l := fresh(t, disk, Config{})
	all, places := fill(t, l, 3, 2)
	var want []byte
	for i, b := range all {
		if places[i] != (Place{Base: 0, At: int64(len(want))}) {
			t.Errorf("batch %d: place %+v, want byte %d", i, places[i], len(want))
		}
		want = append(want, b...)
	}
	if got := contents(t, disk, "data/p/00000000000000000000.log"); !bytes.Equal(got, want) {
		t.Error("the file is something else")
	}
}

func TestDumpNamesEachBatch(t *testing.T) {
	disk := newMem(t)
	l := fresh(t, disk, Config{Limits: Limits{SegmentBytes: 300}})
	fill(t, l, 4, 2)
	m := recordbatch.AppendMarker(nil, recordbatch.Marker{ProducerID: 5, BaseOffset: 8})
	if _, err := l.Append(m, now); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	sum, err := Dump(&out, disk, "data/p")
	if err != nil || sum.Batches != 5 || sum.Records != 9 || sum.Next != 9 || sum.Bytes != l.Bytes() || sum.Segments < 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 5 || !strings.Contains(lines[1], "offsets 2-3\t2 records") || !strings.HasSuffix(lines[4], "marker") {
		t.Errorf("%s", out.String())
	}
}

func TestCheckCallsABadEndATail(t *testing.T) {
	disk := newMem(t)
	l := fresh(t, disk, Config{})
	_, places := fill(t, l, 3, 2)
	name := logName("data/p", 0)
	overwrite(t, disk, name, []byte("damage"), places[2].At+70)
	sum, err := Check(disk, "data/p")
	if err != nil || sum.Next != 4 || sum.Tail == nil || sum.Tail.File != name || sum.Tail.At != places[2].At+17 {
		t.Errorf("%+v, %v", sum, err)
	}
}
