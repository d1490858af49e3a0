package journal

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/millrun/millrun/commitlog"
	"pgregory.net/rapid"
)

var (
	position = Position{Commit: 7, StreamTime: 1_357_000_000_000, Orders: 3, Inputs: []Input{{"payments", 120}, {"refunds", 4}}}
	reading  = Position{Commit: 8, StreamTime: -1, Inputs: []Input{{"payments", 3}},
		Copies: []Copy{{Table: "profiles", Topic: [16]byte{0xaa, 15: 0xbb}, Next: 200}}}
	order = Order{Number: 12, Names: []string{"payments", "refunds"}, From: []int64{100, 4},
		Runs:      []Run{{0, 103}, {1, 6}, {0, 120}},
		Decisions: []Decision{{1, 5, DeadLettered, "no balance"}}}
	parked = Parked{Stream: "payments", Record: commitlog.Position{Partition: commitlog.Partition{Topic: "payments", Index: 2}, Offset: 9},
		Time: 5, Reason: "panic: x"}
)

// A journal outlives programs: what one version wrote, every later one must read.
func TestBytesAreWhatTheyWere(t *testing.T) {
	for _, c := range []struct {
		name, key, value string
		want             Entry
	}{
		{"position", string(PositionKey(2)), "010e808886b8fe4e0602087061796d656e7473f001" + "07726566756e647308", Entry{Edition: 2, Position: &position}},
		{"position with copies", string(PositionKey(3)), "021001000108" + "7061796d656e747306" + "010870726f66696c6573" +
			"aa0000000000000000000000000000bb" + "9003", Entry{Edition: 3, Position: &reading}},
		{"order", string(OrderKey(12)), "0102087061796d656e7473c80107726566756e6473080300060104002201010201" + "0a6e6f2062616c616e6365", Entry{Order: &order}},
		{"parked", string(ParkedKey(1)), "01087061796d656e7473087061796d656e747304120a" + "0870616e69633a2078", Entry{Edition: 1, Parked: &parked}},
	} {
		var got []byte
		switch {
		case c.want.Position != nil:
			got = AppendPosition(nil, c.want.Position)
		case c.want.Order != nil:
			got = AppendOrder(nil, c.want.Order)
		default:
			got = AppendParked(nil, c.want.Parked)
		}
		if hex.EncodeToString(got) != c.value {
			t.Errorf("%s: wrote %x, want %s", c.name, got, c.value)
			continue
		}
		e, err := Parse([]byte(c.key), got)
		if err != nil || cmp.Diff(c.want, e) != "" {
			t.Errorf("%s: read %+v, %v, want %+v", c.name, e, err, c.want)
		}
	}
	for _, c := range []struct {
		got  []byte
		want string
	}{{PositionKey(2), "p/000002"}, {OrderKey(12), "o/000000000000000012"}, {ParkedKey(1), "s/000001"}} {
		if string(c.got) != c.want {
			t.Errorf("key %s, want %s", c.got, c.want)
		}
	}
}

func TestATombstoneOfAParkedTaskMeansThatItGoesOn(t *testing.T) {
	e, err := Parse(ParkedKey(3), nil)
	if err != nil || !e.Resumed || e.Edition != 3 {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestAnUnknownVersionIsRefused(t *testing.T) {
	b := AppendPosition(nil, &position)
	b[0] = 9
	if _, err := ParsePosition(b); !errors.Is(err, ErrVersion) {
		t.Errorf("got %v, want ErrVersion", err)
	}
}

// Whoever took an unknown decision for a known one, or for none, would not repeat what was decided (S-26).
func TestAnUnknownKindOfDecisionIsRefused(t *testing.T) {
	for _, kind := range []Kind{0, 3, 255} {
		o := order
		o.Decisions = []Decision{{1, 5, Skipped, ""}, {1, 6, kind, "moved"}}
		if _, err := Parse(OrderKey(12), AppendOrder(nil, &o)); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "order entry 12") {
			t.Errorf("kind %d: got %v, want ErrVersion that names order entry 12", kind, err)
		}
	}
	o := order
	o.Decisions = []Decision{{0, 101, Skipped, "no"}, {1, 5, DeadLettered, "no"}}
	if e, err := Parse(OrderKey(12), AppendOrder(nil, &o)); err != nil || cmp.Diff(&o, e.Order) != "" {
		t.Errorf("the known kinds: read %+v, %v", e.Order, err)
	}
}

// Damage gives an error, never a panic, a huge list or a record that was not written.
func TestDamageIsAnError(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "bytes")
		if len(b) > 0 {
			b[0] = rapid.SampledFrom([]byte{version, versionCopies}).Draw(t, "version")
		}
		for _, key := range [][]byte{PositionKey(1), OrderKey(1), ParkedKey(1)} {
			_, _ = Parse(key, b) // must return
		}
		for _, whole := range [][]byte{AppendPosition(nil, &position), AppendPosition(nil, &reading), AppendOrder(nil, &order), AppendParked(nil, &parked)} {
			short := whole[:rapid.IntRange(0, len(whole)-1).Draw(t, "cut")]
			for _, key := range [][]byte{PositionKey(1), OrderKey(1), ParkedKey(1)} {
				if e, err := Parse(key, short); err == nil && len(short) == len(whole)-1 && e.Position != nil {
					t.Fatalf("a cut record was read as %+v", e)
				}
			}
		}
	})
}

func TestKeysThatAreNotOursAreRefused(t *testing.T) {
	for _, key := range []string{"", "p", "p/", "x/1", "p/-1", "p/a"} {
		if _, err := Parse([]byte(key), []byte{1}); err == nil {
			t.Errorf("key %q was taken", key)
		}
	}
}
