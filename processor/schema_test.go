package processor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/decl/decltest"
	"github.com/millrun/millrun/processor"
)

// versioned is a number that was once written without a sign, then with one.
func versioned() codec.Codec[string] {
	return codec.Upcast(codec.Version1(codec.Codec[string](codec.String)), codec.Codec[string](codec.String),
		func(s string) (string, error) { return "+" + s, nil })
}

func header(values ...string) (list []commitlog.Header) {
	for _, v := range values {
		list = append(list, commitlog.Header{Key: "millrun-schema", Value: []byte(v)})
	}
	return list
}

func TestTheSchemaOfARecordComesAndGoesByHeader(t *testing.T) {
	in := processor.NewStream("in", codec.String, versioned())
	out := processor.NewStream("out", codec.String, versioned())
	plain := processor.NewStream("plain", codec.String, codec.Codec[string](codec.String))
	var got []string
	p := processor.New("p", processor.On(in, func(ctx processor.Context, key, value string) error {
		got = append(got, value)
		out.Emit(ctx, key, value)
		out.EmitWith(ctx, key, value, processor.Meta{Headers: []commitlog.Header{{Key: "trace", Value: []byte("t")}}})
		plain.Emit(ctx, key, value)
		return nil
	}), processor.Emits(out, plain)).Decl()
	world := decltest.New(p)
	handle := func(headers []commitlog.Header) error {
		world.Run.Begin(decl.Meta{Headers: headers})
		err := p.Inputs[0].Process(world.Run, []byte("k"), []byte("5"))
		return errors.Join(err, world.Run.End())
	}
	for _, h := range [][]commitlog.Header{nil, header("1"), header("2")} {
		if err := handle(h); err != nil {
			t.Fatal(err)
		}
	}
	if s := strings.Join(got, " "); s != "+5 +5 5" {
		t.Errorf("the handler got %q, want older values raised", s)
	}
	for i, want := range []string{"millrun-schema=2", "trace=t millrun-schema=2", ""} {
		var have []string
		for _, h := range world.Emitted[i].Headers {
			have = append(have, h.Key+"="+string(h.Value))
		}
		if s := strings.Join(have, " "); s != want {
			t.Errorf("emitted record %d has headers %q, want %q", i, s, want)
		}
	}
	if err := handle(header("3")); !errors.Is(err, codec.ErrSchema) || !permanent(err) || !strings.Contains(err.Error(), "stream in") {
		t.Errorf("a version above the newest gives %v, want a permanent ErrSchema that names the stream", err)
	}
}

func TestAStreamWithoutSchemasRefusesAValueThatHasOne(t *testing.T) {
	in := processor.NewStream("in", codec.String, codec.Codec[string](codec.String))
	p := processor.New("p", processor.On(in, func(processor.Context, string, string) error { return nil })).Decl()
	world := decltest.New(p)
	world.Run.Begin(decl.Meta{Headers: header("2")})
	if err := p.Inputs[0].Process(world.Run, []byte("k"), []byte("5")); !errors.Is(err, codec.ErrSchema) {
		t.Errorf("%v, want ErrSchema", err)
	}
}

func TestTheSchemaHeaderIsTheCodecsAlone(t *testing.T) {
	in := processor.NewStream("in", codec.String, codec.Codec[string](codec.String))
	p := processor.New("p", processor.On(in, func(ctx processor.Context, k, v string) error {
		in.EmitWith(ctx, k, v, processor.Meta{Headers: header("2")})
		return nil
	}), processor.Emits(in)).Decl()
	world := decltest.New(p)
	world.Run.Begin(decl.Meta{})
	err := p.Inputs[0].Process(world.Run, []byte("k"), []byte("5"))
	if fault := world.Run.End(); err != nil || fault == nil || !strings.Contains(fault.Error(), "belongs to the value's codec") || len(world.Emitted) > 0 {
		t.Errorf("%v, %v, %d emitted", err, fault, len(world.Emitted))
	}
}

func TestEventTimeKnowsTheSchema(t *testing.T) {
	at := codec.Upcast(codec.Version1(codec.Codec[int64](codec.Int64)), codec.Codec[time.Time](codec.Time),
		func(seconds int64) (time.Time, error) { return time.Unix(seconds, 0), nil })
	s := processor.NewStream("s", codec.String, codec.Codec[time.Time](at)).EventTime(func(t time.Time) time.Time { return t })
	old, _ := codec.Int64.Append(nil, 5)
	now, _ := codec.Time.Append(nil, time.Unix(5, 0))
	for _, c := range []struct {
		data    []byte
		headers []commitlog.Header
	}{{old, nil}, {now, header("2")}} {
		if ms, err := s.Decl().EventTime(c.data, c.headers); err != nil || ms != 5000 {
			t.Errorf("%x: %d, %v, want 5000", c.data, ms, err)
		}
	}
}

func TestATableReadsEveryVersionOfItsValues(t *testing.T) {
	in := processor.NewStream("in", codec.String, codec.Codec[string](codec.String))
	old := processor.NewTable("t", codec.String, codec.Codec[string](codec.Version1(codec.Codec[string](codec.String))))
	table := processor.NewTable("t", codec.String, versioned())
	use := func(of *processor.Table[string, string], f func(ctx processor.Context)) (*decltest.Ops, *decl.Processor) {
		p := processor.New("p", processor.On(in, func(ctx processor.Context, _, _ string) error { f(ctx); return nil }), processor.Owns(of)).Decl()
		return decltest.New(p), p
	}
	run := func(w *decltest.Ops, p *decl.Processor) error {
		w.Run.Begin(decl.Meta{})
		return errors.Join(p.Inputs[0].Process(w.Run, []byte("k"), []byte("5")), w.Run.End())
	}
	first, p := use(old, func(ctx processor.Context) { old.Put(ctx, "a", "1") })
	if err := run(first, p); err != nil {
		t.Fatal(err)
	}
	var got []string
	second, p := use(table, func(ctx processor.Context) {
		v, _ := table.Get(ctx, "a")
		table.Put(ctx, "b", "-2")
		got = append(got, v)
		for k, v := range table.All(ctx) {
			got = append(got, k+v)
		}
	})
	second.Tables[table.Decl()] = first.Tables[old.Decl()]
	if err := run(second, p); err != nil {
		t.Fatal(err)
	}
	if s := strings.Join(got, " "); s != "+1 a+1 b-2" {
		t.Errorf("the newer program reads %q", s)
	}
	back, p := use(old, func(ctx processor.Context) { old.Get(ctx, "b") })
	back.Tables[old.Decl()] = second.Tables[table.Decl()]
	if err := run(back, p); !errors.Is(err, codec.ErrSchema) || !strings.Contains(err.Error(), `table t (schema_test.go:`) || !strings.Contains(err.Error(), `key "b"`) {
		t.Errorf("the older program reads a newer value: %v", err)
	}
}
