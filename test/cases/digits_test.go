package cases_test

import (
	"math"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

// C-23: every digit of a 64-bit number stays: in a JSON value that passes through a table and an output, as a table's value and
// as its key. The tools that print records wait; millrun log inspect prints positions, which are Go's own numbers.
func TestEveryDigitStaysC23(t *testing.T) {
	type click struct {
		ID int64 `json:"click_id"`
	}
	const id, large = 1669859068457630240, 9007199254740993
	clicks := processor.NewStream("clicks", codec.String, codec.JSON[click]())
	passed := processor.NewStream("passed", codec.String, codec.JSON[click]())
	last := processor.NewTable("last", codec.String, codec.JSON[click]())
	byKey := processor.NewTable("by-key", codec.Uint64, codec.Int64)
	app := topology.MustNew("app", processor.New("passer", processor.On(clicks, func(ctx processor.Context, key string, c click) error {
		last.Put(ctx, key, c)
		again, _ := last.Get(ctx, key)
		passed.Emit(ctx, key, again)
		byKey.Put(ctx, math.MaxUint64, large)
		return nil
	}), processor.Owns(last, byKey), processor.Emits(passed)))
	b := newBench(t, 1)
	b.create("clicks", 1)
	raw := `{"click_id":1669859068457630240}`
	b.put("clicks", 0, commitlog.Record{Key: []byte("k"), Value: []byte(raw)})
	b.start(app)
	b.settle()
	b.halt()
	b.wipe()
	b.start(app)
	b.settle()
	if got := b.records("passed"); len(got) != 1 || string(got[0].Value) != raw {
		t.Errorf("passed on %+v, want %s", got, raw)
	}
	if got := value(b, app, last, "k"); got.ID != id {
		t.Errorf("the view has %d, want %d", got.ID, int64(id))
	}
	if got := rows(b, app, byKey); len(got) != 1 || got[0] != "18446744073709551615=9007199254740993" {
		t.Errorf("the view has %v", got)
	}
}
