package group

import "testing"

func TestDumpShowsEachKind(t *testing.T) {
	want := map[string]string{
		"generation": `generation group="g" state=Stable generation=3 type="consumer" protocol="range" leader="m1"` +
			` member="m1" instance="i" embedded client="c" host="/h" session=10s rebalance=1m0s assignment=1 bytes` +
			` member="m2" client="" host="" session=1s rebalance=1s assignment=0 bytes`,
		"offsets": `offsets group="g" t/2@300`,
		"staged":  `staged group="g" pid=4000 epoch=5 t/0@1`,
		"deleted": `deleted group="g"`,
	}
	for _, c := range fixedRecords {
		got, err := Dump(c.make())
		if err != nil || got != want[c.name] {
			t.Errorf("%s is shown as\n%s, %v, want\n%s", c.name, got, err, want[c.name])
		}
	}
	if _, err := Dump([]byte{kindOffsets, formatVersion, 200}); err == nil {
		t.Error("a damaged record is shown")
	}
}
