package processor_test

import (
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/processor"
)

// cell is a world of one entry: what is left is the crossing itself.
type cell struct {
	value [8]byte
	set   bool
}

func (c *cell) Get(*decl.Table, []byte) ([]byte, bool)                         { return c.value[:], c.set }
func (c *cell) Put(_ *decl.Table, _, value []byte)                             { c.set = copy(c.value[:], value) == 8 }
func (c *cell) Delete(*decl.Table, []byte)                                     {}
func (c *cell) Scan(*decl.Table, []byte, []byte, func(key, value []byte) bool) {}
func (c *cell) Emit(*decl.Stream, []byte, []byte, int64, []commitlog.Header)   {}

func counting() (*decl.Run, *decl.Input, decl.Meta) {
	in := processor.NewStream("in", codec.String, codec.Int64)
	p := processor.New("count", processor.On(in, func(ctx processor.Context, key string, _ int64) error {
		n, _ := counts.Get(ctx, key)
		counts.Put(ctx, key, n+1)
		return nil
	}), processor.Owns(counts)).Decl()
	return &decl.Run{Processor: p.Name, Ops: &cell{}}, &p.Inputs[0], decl.Meta{Partition: &commitlog.Partition{Topic: "in"}}
}

func countingBytes() (*decl.Run, *decl.Input, decl.Meta) {
	in := processor.NewStream("in", codec.Int64, codec.Int64)
	table := processor.NewTable("table", codec.Int64, codec.Int64)
	p := processor.New("count", processor.On(in, func(ctx processor.Context, key, _ int64) error {
		n, _ := table.Get(ctx, key)
		table.Put(ctx, key, n+1)
		return nil
	}), processor.Owns(table)).Decl()
	return &decl.Run{Processor: p.Name, Ops: &cell{}}, &p.Inputs[0], decl.Meta{Partition: &commitlog.Partition{Topic: "in"}}
}

func TestCrossingToAHandlerAllocatesTheKeyStringAlone(t *testing.T) {
	for _, c := range []struct {
		name string
		make func() (*decl.Run, *decl.Input, decl.Meta)
		most float64
	}{{"string key", counting, 1}, {"numbers", countingBytes, 0}} {
		run, in, m := c.make()
		key, value := []byte("user-012"), []byte("12345678")
		if n := testing.AllocsPerRun(1000, func() { cross(t, run, in, m, key, value) }); n > c.most {
			t.Errorf("%s: %v allocations per record, want at most %v", c.name, n, c.most)
		}
	}
}

func TestEmitAndDeleteDoNotAllocate(t *testing.T) {
	in := processor.NewStream("in", codec.Int64, codec.Int64)
	out := processor.NewStream("out", codec.Int64, codec.Int64)
	table := processor.NewTable("table", codec.Int64, codec.Int64)
	p := processor.New("p", processor.On(in, func(ctx processor.Context, key, _ int64) error {
		out.Emit(ctx, key, key)
		out.EmitTombstone(ctx, key)
		table.Delete(ctx, key)
		return nil
	}), processor.Owns(table), processor.Emits(out)).Decl()
	run := &decl.Run{Processor: p.Name, Ops: &cell{}}
	key, m := []byte("12345678"), decl.Meta{Partition: &commitlog.Partition{Topic: "in"}}
	if n := testing.AllocsPerRun(1000, func() { cross(t, run, &p.Inputs[0], m, key, key) }); n != 0 {
		t.Errorf("%v allocations per record, want none", n)
	}
}

// BenchmarkCrossing is a record with one Get and one Put, from bytes to a typed handler and back.
func BenchmarkCrossing(b *testing.B) {
	run, in, m := counting()
	key, value := []byte("user-012"), []byte("12345678")
	b.ReportAllocs()
	for b.Loop() {
		cross(b, run, in, m, key, value)
	}
}

func cross(t testing.TB, run *decl.Run, in *decl.Input, m decl.Meta, key, value []byte) {
	run.Begin(m)
	if err := in.Process(run, key, value); err != nil {
		t.Fatal(err)
	}
	if err := run.End(); err != nil {
		t.Fatal(err)
	}
}
