package seglog

import (
	"bytes"
	"errors"
	"testing"
)

func TestReadGivesWholeBatchesFromEveryOffset(t *testing.T) {
	fs := newMem(t)
	l := fresh(t, fs, Config{Limits: Limits{SegmentBytes: 4000}, IndexBytes: 500})
	all, _ := fill(t, l, 200, 3)
	if n := len(l.Segments()); n < 5 {
		t.Fatalf("%d segments, want several", n)
	}
	check := func(l *Log) {
		t.Helper()
		for offset := range l.Next() {
			got, err := l.Read(offset, 1, l.Next(), []byte("before"))
			if err != nil {
				t.Fatal(err)
			}
			if want := append([]byte("before"), all[offset/3]...); !bytes.Equal(got, want) {
				t.Fatalf("offset %d: %d bytes, want batch %d of %d", offset, len(got), offset/3, len(want))
			}
		}
	}
	check(l)
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	check(l)
	k := l.Known()
	check(reopen(t, fs.Crash(), Config{Limits: Limits{SegmentBytes: 4000}, IndexBytes: 500}, k))
}

func TestReadStopsAtTheLimitAndAtMaxBytes(t *testing.T) {
	l := fresh(t, newMem(t), Config{})
	all, _ := fill(t, l, 10, 2)
	size := len(all[0])
	for _, c := range []struct {
		name          string
		offset, limit int64
		max, want     int
	}{
		{"limit on a batch's end", 0, 6, 1 << 20, 3},
		{"limit inside a batch", 0, 7, 1 << 20, 3},
		{"limit at the offset", 6, 6, 1 << 20, 0},
		{"limit inside the first batch", 6, 7, 1 << 20, 0},
		{"two batches and a byte", 0, 20, 2*size + 1, 2},
		{"first larger than allowed", 4, 20, 1, 1},
		{"the end", 20, 20, 1 << 20, 0},
	} {
		got, err := l.Read(c.offset, c.max, c.limit, nil)
		if err != nil || len(got) != c.want*size {
			t.Errorf("%s: %d bytes, %v; want %d batches of %d", c.name, len(got), err, c.want, size)
		}
	}
}

func TestReadOutsideTheLogNamesItsRange(t *testing.T) {
	l := fresh(t, newMem(t), Config{Limits: Limits{SegmentBytes: 300}})
	fill(t, l, 10, 2)
	if err := l.DropBefore(7); err != nil {
		t.Fatal(err)
	}
	for _, offset := range []int64{6, 21} {
		_, err := l.Read(offset, 1, 20, nil)
		var out *OutOfRange
		if !errors.As(err, &out) || *out != (OutOfRange{Offset: offset, Start: 7, End: 20}) {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
	if got, err := l.Read(7, 1, 20, nil); err != nil || len(got) == 0 {
		t.Errorf("start inside a batch: %d bytes, %v", len(got), err)
	}
}
