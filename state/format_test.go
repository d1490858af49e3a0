package state

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
)

var fixedInner = inner{batch: 300, mark: Mark{
	Commit: 2, Time: 1_700_000_000_000, Position: []byte("pos"), Journal: Applied{Next: 5, Epoch: 1},
	Changelogs: []Applied{{Next: 64, Epoch: 0}, {Next: 1, Epoch: -1}},
}}

var fixedBarrier = barrier{
	identity: Identity{ClusterID: "c1", Journal: [16]byte{1, 15: 2}, Changelogs: [][16]byte{{3}, {4}}},
	tables:   []string{"a", "bc"},
	inner:    fixedInner,
}

const (
	fixedInnerBytes = "01" + "ac02" + "04" + "80a0abfef962" + "03706f73" + "0a02" + "02" + "800100" + "0201"

	fixedBarrierBytes = "6d696c6c72756e53" + "01" + "026331" + "01000000000000000000000000000002" +
		"02" + "03000000000000000000000000000000" + "04000000000000000000000000000000" +
		"02" + "0161" + "026263" + "ac02" + "04" + "80a0abfef962" + "03706f73" + "0a02" + "02" + "800100" + "0201"
)

// A round trip would hide a mistake made twice; these bytes are written by hand, from docs/format/state.md.
func TestFormatHasTheseBytes(t *testing.T) {
	if got := hex.EncodeToString(appendInner(nil, &fixedInner)); got != fixedInnerBytes {
		t.Errorf("internal record\n got %s\nwant %s", got, fixedInnerBytes)
	}
	got := appendBarrier(nil, &fixedBarrier)
	if text := hex.EncodeToString(got[:len(got)-4]); text != fixedBarrierBytes {
		t.Errorf("barrier file\n got %s\nwant %s", text, fixedBarrierBytes)
	}
	if text := hex.EncodeToString(got[len(got)-4:]); text != fixedChecksum {
		t.Errorf("checksum %s, want %s", text, fixedChecksum)
	}
	t1 := table{prefix: [3]byte(appendPrefix(nil, 0x0102))}
	if got := hex.EncodeToString(t1.appendKey(nil, []byte("k"))); got != "0101026b" {
		t.Errorf("key of table 0x0102: %s", got)
	}
}

func TestFormatReadsWhatItWrites(t *testing.T) {
	if got, err := parseInner(appendInner(nil, &fixedInner)); err != nil || !reflect.DeepEqual(got, fixedInner) {
		t.Errorf("internal record: %+v, %v", got, err)
	}
	if got, err := parseBarrier(appendBarrier(nil, &fixedBarrier)); err != nil || !reflect.DeepEqual(got, fixedBarrier) {
		t.Errorf("barrier file: %+v, %v", got, err)
	}
}

// Each bit of a barrier file counts, and no damage makes the reader panic or take a lot of memory.
func TestADamagedBarrierFileIsRefused(t *testing.T) {
	good := appendBarrier(nil, &fixedBarrier)
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if _, err := parseBarrier(bad); !errors.Is(err, errDamaged) {
				t.Fatalf("byte %d, bit %d turned: %v", i, bit, err)
			}
		}
		if _, err := parseBarrier(good[:i]); !errors.Is(err, errDamaged) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	inner := appendInner(nil, &fixedInner)
	for i := range inner {
		_, _ = parseInner(append(bytes.Clone(inner[:i]), bytes.Repeat([]byte{0xff}, 9)...))
		if _, err := parseInner(inner[:i]); !errors.Is(err, errDamaged) {
			t.Fatalf("internal record cut to %d bytes: %v", i, err)
		}
	}
}

func TestAnUnknownVersionIsNamed(t *testing.T) {
	newer := appendInner(nil, &fixedInner)
	newer[0] = 9
	if _, err := parseInner(newer); err == nil || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("a record of version 9 gives %v", err)
	}
	for _, t2 := range []table{{}, {schemas: true}} {
		if _, err := t2.valueOf([]byte{0x03, 'v'}); !errors.Is(err, errDamaged) || !strings.Contains(err.Error(), "newer program") {
			t.Errorf("a value of another kind gives %v", err)
		}
	}
}

const fixedChecksum = "d87f084a"
