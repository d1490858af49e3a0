package seglog

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/millrun/millrun/brokerlite/recordbatch"
)

// fixedSegment is the example of docs/format/segment.md.
const fixedSegment = `
0000000000000000 0000003a 00000003 02 716a6189
0000 00000000 00000000000003e8 00000000000003e8
ffffffffffffffff ffff ffffffff 00000001
10 00 00 00 02 6b 02 76 00`

func TestSegmentHasItsFixedBytes(t *testing.T) {
	disk := newMem(t)
	l := fresh(t, disk, Config{})
	var e recordbatch.Encoder
	e.Begin(nil, recordbatch.None)
	e.Append([]byte("k"), []byte("v"), nil, 1000)
	b, err := e.End(recordbatch.NoProducer)
	if err != nil {
		t.Fatal(err)
	}
	recordbatch.Batch(b).SetLeaderEpoch(3)
	if _, err := l.Append(b, now); err != nil {
		t.Fatal(err)
	}
	want := strings.Join(strings.Fields(fixedSegment), "")
	if got := hex.EncodeToString(contents(t, disk, logName("data/p", 0))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
