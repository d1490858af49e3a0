package group

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var fixedRecords = []struct {
	name string
	make func() []byte
	hex  string
}{
	{"generation", func() []byte {
		return appendGeneration(nil, "g", image{
			phase: phaseStable, generation: 3, protocolType: "consumer", protocol: "range", leader: "m1",
			members: []memberImage{
				{id: "m1", instance: "i", clientID: "c", host: "/h", embedded: true, sessionTimeout: 10 * time.Second,
					rebalanceTimeout: time.Minute, protocols: []protocol{{"range", []byte{0, 1}}}, assignment: []byte{9}},
				{id: "m2", sessionTimeout: time.Second, rebalanceTimeout: time.Second},
			},
		})
	},
		"01010167030608636f6e73756d65720572616e6765026d3102026d3101690163022f6801904ee0d403010572616e67650200010109026d3200000000e807e8070000"},
	{"offsets", func() []byte {
		return appendOffsets(nil, "g", []namedOffset{
			{partition{"t", 2}, offset{position: 300, leaderEpoch: -1, metadata: "note", committed: 1_700_000_000_000, order: 7}},
		})
	},
		"0201016701017404d80401046e6f746580a0abfef96207"},
	{"staged", func() []byte {
		return appendStaged(nil, "g", 4000, 5, []namedOffset{
			{partition{"t", 0}, offset{position: 1, leaderEpoch: 2, committed: 1_700_000_000_000, order: 8}},
		})
	},
		"03010167c03e0a0101740002040080a0abfef96208"},
	{"deleted", func() []byte { return appendDeleted(nil, "g") },
		"04010167"},
}

// The bytes of docs/format/group.md: what an older program wrote must stay readable.
func TestRecordsHaveFixedBytes(t *testing.T) {
	for _, c := range fixedRecords {
		if got := hex.EncodeToString(c.make()); got != c.hex {
			t.Errorf("%s is\n%s, want\n%s", c.name, got, c.hex)
		}
	}
}

func TestSnapshotHasFixedBytesAndFoldsBack(t *testing.T) {
	l := newLedger()
	for _, c := range fixedRecords[:3] {
		if err := l.apply(c.make()); err != nil {
			t.Fatal(err)
		}
	}
	got := l.appendSnapshot(nil)
	want := hex.EncodeToString([]byte(snapshotMagic)) + "01" + "08"
	for _, c := range fixedRecords[:3] {
		want += hex.EncodeToString(appendBytes(nil, c.make()))
	}
	if hex.EncodeToString(got) != want {
		t.Errorf("snapshot is\n%x, want\n%s", got, want)
	}
	back, err := readSnapshot(got)
	if err != nil {
		t.Fatal(err)
	}
	if again := back.appendSnapshot(nil); !bytes.Equal(got, again) {
		t.Errorf("read and written again:\n%x\n%x", got, again)
	}
}

func TestUnknownVersionIsRefusedByName(t *testing.T) {
	for name, b := range map[string][]byte{
		"version": {kindDeleted, 2, 1, 'g'}, "kind": {9, 1, 1, 'g'}, "kind zero": {0, 1, 1, 'g'},
	} {
		if err := newLedger().apply(b); err == nil || !strings.Contains(err.Error(), "newer") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readSnapshot([]byte(snapshotMagic + "\x02\x00")); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("snapshot: %v", err)
	}
}

// A damaged record is an error that names the byte, never a panic, a huge allocation or half a change.
func TestDamagedRecordsChangeNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range fixedRecords {
		whole := c.make()
		for n := range whole {
			l := newLedger()
			if err := l.apply(whole[:n]); err == nil {
				t.Fatalf("%s cut at %d is accepted", c.name, n)
			} else if n > 2 && !strings.Contains(err.Error(), "byte ") {
				t.Fatalf("%s cut at %d: %v does not say where", c.name, n, err)
			}
			if len(l.groups) > 0 {
				t.Fatalf("%s cut at %d left something behind", c.name, n)
			}
		}
		if err := newLedger().apply(append(bytes.Clone(whole), 0)); err == nil {
			t.Errorf("%s with a byte more is accepted", c.name)
		}
		for range 2000 {
			b := bytes.Clone(whole)
			b[r.IntN(len(b))] = byte(r.Uint32())
			newLedger().apply(b) // must return
		}
	}
	if _, err := readSnapshot([]byte("MRGX\x01\x00")); err == nil {
		t.Error("a snapshot with another magic is accepted")
	}
	if _, err := readSnapshot(append([]byte(snapshotMagic), 1, 0, 200)); err == nil {
		t.Error("a snapshot cut in a record is accepted")
	}
}
