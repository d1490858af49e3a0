package processor_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
)

func TestATableGivesWhatWasPut(t *testing.T) {
	err := do(t, func(ctx processor.Context) {
		if _, ok := counts.Get(ctx, "a"); ok {
			t.Error("an empty table has a")
		}
		counts.Put(ctx, "a", 0)
		if v, ok := counts.Get(ctx, "a"); !ok || v != 0 {
			t.Errorf("a is %v, %v: a zero value is a value", v, ok)
		}
		counts.Put(ctx, "", 5)
		if v, ok := counts.Get(ctx, ""); !ok || v != 5 {
			t.Errorf("the empty key has %v, %v", v, ok)
		}
		counts.Delete(ctx, "a")
		counts.Delete(ctx, "b")
		if _, ok := counts.Get(ctx, "a"); ok {
			t.Error("a is still there")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// C-04: in a handler.
func TestRangesGoByValue(t *testing.T) {
	numbers := processor.NewTable("numbers", codec.Int64, codec.String)
	reals := processor.NewTable("reals", codec.Float64, codec.Empty)
	k := newTask(t, processor.New("probe", processor.On(input, func(ctx processor.Context, _, _ string) error {
		for _, n := range []int64{5, -1, math.MaxInt64, 0, math.MinInt64, 1, -5} {
			numbers.Put(ctx, n, fmt.Sprint(n))
		}
		var part, all []int64
		for n, s := range numbers.Range(ctx, -2, 2) {
			if s != fmt.Sprint(n) {
				t.Errorf("%d has %q", n, s)
			}
			part = append(part, n)
		}
		for n := range numbers.All(ctx) {
			all = append(all, n)
			numbers.Delete(ctx, n) // does not disturb the loop
			numbers.Put(ctx, 77, "")
		}
		if !slices.Equal(part, []int64{-1, 0, 1}) {
			t.Errorf("Range(-2, 2) gives %v", part)
		}
		if !slices.Equal(all, []int64{math.MinInt64, -5, -1, 0, 1, 5, math.MaxInt64}) {
			t.Errorf("All gives %v", all)
		}
		want := []float64{math.Inf(-1), -1.5, -0.25, 0, 2.5, math.Inf(1)}
		for _, f := range []float64{2.5, math.Inf(1), -0.25, math.Copysign(0, -1), 0, math.Inf(-1), -1.5} {
			reals.Put(ctx, f, struct{}{})
		}
		var got []float64
		for f := range reals.All(ctx) {
			got = append(got, f)
		}
		if !slices.Equal(got, want) {
			t.Errorf("All gives %v, want %v", got, want)
		}
		for range reals.All(ctx) {
			break
		}
		return nil
	}), processor.Owns(numbers, reals)))
	if err := k.handle([]byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
}

// C-05: in a handler.
func TestPrefixesOfFFHaveAnEnd(t *testing.T) {
	a := processor.NewTable("a", codec.Bytes, codec.Empty)
	k := newTask(t, processor.New("probe", processor.On(input, func(ctx processor.Context, _, _ string) error {
		for _, key := range []string{"\xfe\x01", "\xff", "\xff\xff", "\xff\xff\x00", "\xff\xff\xff"} {
			a.Put(ctx, []byte(key), struct{}{})
		}
		for prefix, want := range map[string]int{"\xff\xff": 3, "\xff": 4, "": 5, "\xfe": 1, "\xfe\xff": 0} {
			n := 0
			for range processor.Prefix(ctx, a, []byte(prefix)) {
				n++
			}
			if n != want {
				t.Errorf("prefix %x has %d keys, want %d", prefix, n, want)
			}
		}
		return nil
	}), processor.Owns(a)))
	if err := k.handle([]byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
}

func TestEmittedRecordsCarryWhatWasAsked(t *testing.T) {
	void := processor.NewStream("void", codec.String, codec.Empty)
	unkeyed := processor.NewStream("unkeyed", codec.Unkeyed, codec.String)
	k := newTask(t, processor.New("probe", processor.On(input, func(ctx processor.Context, _, _ string) error {
		output.Emit(ctx, "a", "b")
		output.EmitWith(ctx, "a", "c", processor.Meta{Timestamp: time.UnixMilli(5), Headers: []commitlog.Header{{Key: "h"}}})
		output.EmitWith(ctx, "a", "d", processor.Meta{})
		output.EmitTombstone(ctx, "a")
		void.Emit(ctx, "", struct{}{})
		unkeyed.Emit(ctx, struct{}{}, "x")
		return nil
	}), processor.Emits(output, void, unkeyed)))
	if err := k.handle([]byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range k.ops.Emitted {
		got = append(got, fmt.Sprintf("%q %v %q %v @%d h%d", r.Key, r.Key == nil, r.Value, r.Value == nil, r.Timestamp, len(r.Headers)))
	}
	want := []string{
		`"a" false "b" false @1000 h0`, `"a" false "c" false @5 h1`, `"a" false "d" false @1000 h0`,
		`"a" false "" true @1000 h0`, `"" false "" false @1000 h0`, `"" true "x" false @1000 h0`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("emitted\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Each is the record's fault: it names the place of the call, and no retry can mend it.
func TestMisuseOfHandlesIsTheRecordsFault(t *testing.T) {
	refuse := codec.Func("refusing", func(string) ([]byte, error) { return nil, errors.New("not today") },
		func([]byte) (string, error) { return "", errors.New("unreadable") })
	reals := processor.NewTable("reals", codec.Float64, codec.String)
	texts := processor.NewTable("texts", codec.String, refuse)
	raw := processor.NewTable("raw", codec.String, codec.String)
	broken := processor.NewStream("broken", codec.Float64, refuse)
	foreign := processor.NewStream("foreign", codec.String, codec.String)
	for _, c := range []struct {
		name string
		use  func(ctx processor.Context)
		want string
	}{
		{"undeclared table", func(ctx processor.Context) { raw.Put(ctx, "a", "b") },
			"processor probe uses table raw (handles_test.go:LINE), which it does not declare: add Owns, Reads or ReadsGlobal"},
		{"undeclared table in a range", func(ctx processor.Context) {
			for range raw.Range(ctx, "a", "b") {
			}
		}, "processor probe uses table raw (handles_test.go:LINE), which it does not declare: add Owns, Reads or ReadsGlobal"},
		{"undeclared stream", func(ctx processor.Context) { foreign.Emit(ctx, "a", "b") },
			"processor probe emits to foreign (handles_test.go:LINE), which it does not declare: add Emits"},
		{"NaN as a table key", func(ctx processor.Context) { reals.Get(ctx, math.NaN()) },
			"table reals: Get (handles_test.go:LINE): the key does not encode: codec float64: NaN cannot be a key: it does not equal itself"},
		{"NaN as a bound", func(ctx processor.Context) {
			for range reals.Range(ctx, 0, math.NaN()) {
			}
		}, "table reals: Range (handles_test.go:LINE): the key does not encode: codec float64: NaN cannot be a key: it does not equal itself"},
		{"NaN as a stream key", func(ctx processor.Context) { broken.EmitTombstone(ctx, math.NaN()) },
			"stream broken: EmitTombstone (handles_test.go:LINE): the key does not encode: codec float64: NaN cannot be a key: it does not equal itself"},
		{"value of Put", func(ctx processor.Context) { texts.Put(ctx, "a", "b") },
			`table texts: Put (handles_test.go:LINE): key "a": the value does not encode: codec refusing: not today`},
		{"value of Emit", func(ctx processor.Context) { broken.Emit(ctx, 0, "b") },
			"stream broken: Emit (handles_test.go:LINE): key 0x0000000000000000: the value does not encode: codec refusing: not today"},
		{"timestamp", func(ctx processor.Context) {
			broken.EmitWith(ctx, 0, "b", processor.Meta{Timestamp: time.Unix(-1, 0)})
		}, "stream broken: EmitWith (handles_test.go:LINE): the timestamp 1969-12-31T23:59:59Z is before 1970"},
	} {
		k := newTask(t, processor.New("probe",
			processor.On(input, func(ctx processor.Context, _, _ string) error { c.use(ctx); return nil }),
			processor.Owns(reals, texts), processor.Emits(broken)))
		err := k.handle([]byte("k"), []byte("v"))
		if !permanent(err) || withoutLine(err) != c.want {
			t.Errorf("%s gives\n%v (permanent: %v), want\n%s", c.name, err, permanent(err), c.want)
		}
	}
}

func TestAnEntryThatDoesNotDecodeIsTheRecordsFault(t *testing.T) {
	for name, use := range map[string]func(ctx processor.Context){
		"Get": func(ctx processor.Context) { counts.Get(ctx, "a") },
		"All": func(ctx processor.Context) {
			for range counts.All(ctx) {
				t.Error("the loop saw an entry that does not decode")
			}
		},
	} {
		k := with(t, func(ctx processor.Context) error { use(ctx); return nil })
		k.ops.Tables[counts.Decl()]["a"] = []byte("xyz")
		err := k.handle([]byte("k"), []byte("v"))
		want := `table counts (handles_test.go:LINE): the entry of key "a" does not decode: codec int64: want 8 bytes, got 3 bytes, 78797a`
		if !permanent(err) || withoutLine(err) != want {
			t.Errorf("%s gives\n%v, want\n%s", name, err, want)
		}
	}
}

// withoutLine puts LINE for the line number of the call.
func withoutLine(err error) string {
	if err == nil {
		return ""
	}
	before, rest, ok := strings.Cut(err.Error(), "_test.go:")
	if !ok {
		return err.Error()
	}
	return before + "_test.go:LINE" + strings.TrimLeft(rest, "0123456789")
}
