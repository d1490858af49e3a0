package topology_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

// The bytes of docs/format/fingerprint.md: every attribute of today, in each of its forms.
func TestTheFingerprintOfThePageIsWhatItWas(t *testing.T) {
	money := codec.Func("money, in cents", func(int64) ([]byte, error) { return nil, errors.New("not used") },
		func([]byte) (int64, error) { return 0, errors.New("not used") })
	payments := processor.NewStream("payments", codec.String, codec.JSON[payment]()).PartitionBy(processor.FNV1a)
	lines := processor.NewStream("lines", codec.Unkeyed, codec.String)
	words := processor.NewInternalStream("words", codec.String, codec.Empty)
	none := func(processor.Context, string, struct{}) error { return nil }
	p := processor.New("p",
		processor.On(payments, func(processor.Context, string, payment) error { return nil }),
		processor.On(lines, func(processor.Context, struct{}, string) error { return nil }),
		processor.On(words, none),
		processor.Emits(words), processor.Owns(processor.NewTable("totals", codec.String, money)))
	want := topology.Fingerprint(`input payments: number 1, key string, value json, partitioned by fnv1a, record time
input lines: number 2, key unkeyed, value string, any partition, record time
input words: number 3, key string, value empty, partitioned by murmur2, record time
internal stream words: key string, value empty, partitioned by murmur2, record time
table totals: key string, value "money, in cents"`)
	if got := topology.FingerprintOf(p.Decl()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A format is a text that the program made up. None of them can make two declarations look like one.
func TestFormatsCannotForgeALine(t *testing.T) {
	seen := map[topology.Fingerprint][2]string{}
	formats := []string{"a", "a, value b", "b", "b, value b", "a\ntable more: key a", `"a"`, `"a, value b"`, "a: b", "\xff", "\ufffd", " "}
	for _, k := range formats {
		for _, v := range formats {
			key := codec.KeyFunc(k, func(string) ([]byte, error) { return nil, nil }, func([]byte) (string, error) { return "", nil })
			value := codec.Func(v, func(string) ([]byte, error) { return nil, nil }, func([]byte) (string, error) { return "", nil })
			f := topology.FingerprintOf(processor.New("p", on(clicks), processor.Owns(processor.NewTable("t", key, value))).Decl())
			if other, ok := seen[f]; ok {
				t.Errorf("%q to %q looks like %q to %q:\n%s", k, v, other[0], other[1], f)
			}
			seen[f] = [2]string{k, v}
			if got := f.Topics("app", "p", 1); !slices.Equal(got, []string{"app.p.t.e1", "app.p.dead-letters.e1"}) {
				t.Errorf("%q to %q: topics %q", k, v, got)
			}
		}
	}
}

// What a program of another age wrote is compared without being understood.
func TestADifferenceNamesWhatThisProgramDoesNotKnow(t *testing.T) {
	const now = "input in: number 1, key string\ntable sums: key string, value int64"
	for _, c := range []struct {
		was  topology.Fingerprint
		want []string
	}{
		{now, nil},
		{now + ", expires after 1h0m0s", []string{"table sums was (key string, value int64, expires after 1h0m0s), is (key string, value int64)"}},
		{now + "\nwindow hour: 1h0m0s", []string{"window hour is gone"}},
		{"fingerprint 2\n" + now, []string{`"fingerprint 2" is gone`}},
		{now + "\nin the order of keys", []string{`"in the order of keys" is gone`}},
		{"table sums: key string, value int64\ninput in: number 1, key string", []string{
			`the fingerprint was "table sums: key string, value int64\ninput in: number 1, key string", is "input in: number 1, key string\ntable sums: key string, value int64"`}},
	} {
		if got := c.was.Difference(now); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.was, got, c.want)
		}
	}
}

// Two texts that differ are refused (S-32), and whoever is refused is told why.
func TestThereIsADifferenceIfAndOnlyIfTheTextsDiffer(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) topology.Fingerprint {
		return topology.Fingerprint(rapid.StringOfN(rapid.SampledFrom([]rune("ab: \n")), 0, 12, -1).Draw(t, "text"))
	})
	rapid.Check(t, func(t *rapid.T) {
		was, now := text.Draw(t, "was"), text.Draw(t, "now")
		if got := was.Difference(now); (len(got) == 0) != (was == now) {
			t.Fatalf("%q and %q: %q", was, now, got)
		}
	})
}
