package processor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
)

// What a record can be, and what then happens to it. C-65 for the keys.
func TestARecordReachesItsHandlerOrFails(t *testing.T) {
	numbers := processor.NewStream("numbers", codec.Int64, codec.Int64)
	loose := processor.NewStream("loose", codec.Unkeyed, codec.String)
	eight := []byte("12345678")
	var calls []string
	on := processor.On(numbers, func(processor.Context, int64, int64) error { calls = append(calls, "value"); return nil })
	gone := processor.OnTombstone(numbers, func(processor.Context, int64) error { calls = append(calls, "tombstone"); return nil })
	any := processor.On(loose, func(processor.Context, struct{}, string) error { calls = append(calls, "value"); return nil })
	text := processor.On(input, func(processor.Context, string, string) error { calls = append(calls, "value"); return nil })
	for _, c := range []struct {
		name       string
		edges      []processor.Edge
		key, value []byte
		want       string // the handler, or words of the error
	}{
		{"a good record", []processor.Edge{on}, eight, eight, "value"},
		{"a tombstone, with a handler", []processor.Edge{on, gone}, eight, nil, "tombstone"},
		{"a tombstone, without", []processor.Edge{on}, eight, nil, "stream numbers: the record has no value (a tombstone): add OnTombstone"},
		{"no key", []processor.Edge{on}, nil, eight, "stream numbers: the record has no key (nil key): declare the stream with codec.Unkeyed"},
		{"a tombstone without key", []processor.Edge{on, gone}, nil, nil, "nil key"},
		{"an empty key of a string", []processor.Edge{text}, []byte{}, []byte("x"), "value"},
		{"an empty value of a string", []processor.Edge{text}, []byte("k"), []byte{}, "value"},
		{"no key where keys mean nothing", []processor.Edge{any}, nil, []byte("x"), "value"},
		{"any key where keys mean nothing", []processor.Edge{any}, []byte("k"), []byte("x"), "value"},
		{"an odd key", []processor.Edge{on}, []byte("k"), eight, "stream numbers: the key does not decode: codec int64: want 8 bytes, got 1 bytes, 6b"},
		{"an odd key of a tombstone", []processor.Edge{on, gone}, []byte("k"), nil, "the key does not decode"},
		{"an odd value", []processor.Edge{on}, eight, []byte{}, "stream numbers: the value does not decode: codec int64: want 8 bytes, got 0 bytes"},
	} {
		calls = nil
		err := newTask(t, processor.New("probe", c.edges...)).handle(c.key, c.value)
		switch {
		case err == nil && (len(calls) != 1 || calls[0] != c.want):
			t.Errorf("%s: called %v, want %q", c.name, calls, c.want)
		case err != nil && (!strings.Contains(err.Error(), c.want) || !permanent(err) || len(calls) > 0):
			t.Errorf("%s: %v (permanent: %v, called: %v), want %q", c.name, err, permanent(err), calls, c.want)
		}
	}
}

func TestAHandlersErrorComesBackAsItIs(t *testing.T) {
	cause := errors.New("cause")
	err := with(t, func(processor.Context) error { return cause }).handle([]byte("k"), []byte("v"))
	if err != cause || permanent(err) {
		t.Errorf("got %v (permanent: %v)", err, permanent(err))
	}
	err = with(t, func(processor.Context) error { return processor.Permanent(cause) }).handle([]byte("k"), []byte("v"))
	if !errors.Is(err, cause) || !permanent(err) || err.Error() != "cause" {
		t.Errorf("Permanent gives %v (permanent: %v)", err, permanent(err))
	}
	if processor.Permanent(nil) != nil {
		t.Error("Permanent(nil) is an error")
	}
}

func TestEventTimeComesFromTheValue(t *testing.T) {
	times := processor.NewStream("times", codec.String, codec.Time)
	if times.Decl().EventTime != nil {
		t.Error("a stream has an event time before it was asked for one")
	}
	times = times.EventTime(func(v time.Time) time.Time { return v })
	of := times.Decl().EventTime
	for _, c := range []struct {
		at   time.Time
		ms   int64
		fail string
	}{
		{time.UnixMilli(1234).Add(999 * time.Microsecond), 1234, ""},
		{time.Unix(0, 0), 0, ""},
		{time.Unix(-1, 0), 0, "before 1970"},
	} {
		data, err := codec.Time.Append(nil, c.at)
		if err != nil {
			t.Fatal(err)
		}
		ms, err := of(data, nil)
		if ms != c.ms || (err != nil) != (c.fail != "") || err != nil && (!strings.Contains(err.Error(), c.fail) || !permanent(err)) {
			t.Errorf("%v: %d, %v, want %d, %q", c.at, ms, err, c.ms, c.fail)
		}
	}
	if _, err := of([]byte("x"), nil); !permanent(err) {
		t.Errorf("bytes that do not decode give %v", err)
	}
}

func TestCopiesLeaveTheStreamAlone(t *testing.T) {
	base := processor.NewStream("base", codec.String, codec.String)
	c := base.PartitionBy(processor.FNV1a).AllowForeignPartitions().EventTime(nil)
	if d := base.Decl(); d.Partitioner.Name() != "murmur2" || d.Foreign || len(d.Faults) > 0 {
		t.Errorf("the copies changed the stream: %+v", d)
	}
	if d := c.Decl(); d.Partitioner.Name() != "fnv1a" || !d.Foreign || len(d.Faults) != 1 {
		t.Errorf("the copy is %+v", d)
	}
	if base.PartitionBy(nil).Decl().Partitioner.Name() != "murmur2" {
		t.Error("a nil partitioner is not the default")
	}
}
