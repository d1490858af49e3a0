package recordbatch

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The bytes are written down by hand from the format, the checksums come from a bitwise CRC-32C in another language,
func TestBytesOfABatchAreFixed(t *testing.T) {
	want := `
		0000000000000064 00000046 00000007 02 3b0951ef 0010
		00000001 0000018bcfe56800 0000018bcfe56801 0000000000000007 0003 00000005 00000002
		1a 00 00 00 02 6b 04 7631 02 02 68 02 78
		0c 00 02 02 01 01 00`
	var e Encoder
	e.Begin(nil, None)
	e.Append([]byte("k"), []byte("v1"), []Header{{"h", []byte("x")}}, 1700000000000)
	e.Append(nil, nil, nil, 1700000000001)
	out, err := e.End(Producer{ID: 7, Epoch: 3, Sequence: 5, Transactional: true})
	if err != nil {
		t.Fatal(err)
	}
	Batch(out).SetBaseOffset(100)
	Batch(out).SetLeaderEpoch(7)
	compareBytes(t, out, want)
}

func TestBytesOfAMarkerAreFixed(t *testing.T) {
	want := `
		0000000000000009 00000042 00000002 02 d5af6e6a 0030
		00000000 0000018bcfe56800 0000018bcfe56800 0000000000000007 0003 ffffffff 00000001
		20 00 00 00 08 00000001 0c 000000000004 00`
	out := AppendMarker(nil, Marker{Commit: true, ProducerID: 7, ProducerEpoch: 3, CoordinatorEpoch: 4,
		Timestamp: 1700000000000, BaseOffset: 9, LeaderEpoch: 2})
	compareBytes(t, out, want)
	if len(out) != MarkerBytes {
		t.Errorf("a marker has %d bytes, MarkerBytes is %d", len(out), MarkerBytes)
	}
}

func TestMarkersAreReadBack(t *testing.T) {
	for _, want := range []Marker{
		{Commit: true, ProducerID: 1, Timestamp: 5},
		{Commit: false, ProducerID: 1 << 40, ProducerEpoch: 32767, CoordinatorEpoch: -1, Timestamp: -1, BaseOffset: 1 << 50, LeaderEpoch: 3},
	} {
		got, err := ParseMarker(AppendMarker(nil, want))
		if err != nil || got != want {
			t.Errorf("%+v reads as %+v, %v", want, got, err)
		}
	}
	if _, err := ParseMarker(sample(1)); err == nil {
		t.Error("a batch of data is read as a marker")
	}
}

func compareBytes(t *testing.T, got []byte, want string) {
	t.Helper()
	if want := strings.Join(strings.Fields(want), ""); hex.EncodeToString(got) != want {
		t.Errorf("bytes are\n%x\nwant\n%s", got, want)
	}
}
