package producer_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
)

func TestSendPutsTheRecordWhereItsKeyBelongs(t *testing.T) {
	l := newLog(map[string]int32{"in": 4})
	p := open(t, l, producer.Config{})
	for i, key := range []string{"alice", "bob", "alice"} { // murmur2 over 4: alice 1, bob 2
		pos, err := p.Send(t.Context(), key, int64(i))
		want := map[string]int32{"alice": 1, "bob": 2}[key]
		if err != nil || pos.Partition.Index != want || pos.Partition.Topic != "in" {
			t.Errorf("%s went to %v (%v), want partition %d", key, pos, err, want)
		}
		if i == 2 && pos.Offset != 1 {
			t.Errorf("the second record of alice is at %v", pos)
		}
	}
	r := l.of("in", 1)[0]
	if string(r.Key) != "alice" || len(r.Value) != 8 || r.Timestamp != -1 {
		t.Errorf("the record is %+v, want the log to set its time", r)
	}
	if err := p.Close(); err != nil || l.mu.closed != 1 {
		t.Errorf("Close: %v, the writer was closed %d times", err, l.mu.closed)
	}
}

func TestSendWithCarriesTimestampAndHeaders(t *testing.T) {
	l := newLog(map[string]int32{"in": 1})
	p := open(t, l, producer.Config{})
	m := processor.Meta{Timestamp: time.UnixMilli(5), Headers: []commitlog.Header{{Key: "row", Value: []byte("1")}}}
	if _, err := p.SendWith(t.Context(), "a", 1, m); err != nil {
		t.Fatal(err)
	}
	if _, err := p.SendTombstone(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	r := l.of("in", 0)
	if r[0].Timestamp != 5 || len(r[0].Headers) != 1 || r[1].Value != nil || string(r[1].Key) != "a" {
		t.Errorf("got %+v", r)
	}
}

func TestAMissingTopicIsCreatedOnlyWhenToldHowWide(t *testing.T) {
	l := newLog(map[string]int32{})
	_, err := producer.Open(t.Context(), l, in, producer.Config{})
	if !errors.Is(err, commitlog.ErrUnknownTopic) || !strings.HasSuffix(err.Error(), "does not exist: create it, or set Config.Partitions") {
		t.Errorf("Open gives %v, want ErrUnknownTopic and the way out", err)
	}
	open(t, l, producer.Config{Partitions: 3})
	if l.topics["in"] != 3 {
		t.Errorf("the topic has %d partitions", l.topics["in"])
	}
	open(t, l, producer.Config{Partitions: 5})
	if l.topics["in"] != 3 {
		t.Errorf("a topic that exists was changed to %d partitions", l.topics["in"])
	}
}

func TestRecordsWithoutKeysGoAround(t *testing.T) {
	l := newLog(map[string]int32{"lines": 3})
	lines := processor.NewStream("lines", codec.Unkeyed, codec.String)
	p, err := producer.Open(t.Context(), l, lines, producer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		if _, err := p.Send(t.Context(), struct{}{}, "x"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range int32(3) {
		if r := l.of("lines", i); len(r) != 2 || r[0].Key != nil || r[0].Value == nil {
			t.Errorf("partition %d has %v, want two records without key", i, r)
		}
	}
}

func TestWhatCannotBeSentIsRefused(t *testing.T) {
	l := newLog(map[string]int32{"reals": 1, "in": 1})
	reals, err := producer.Open(t.Context(), l, processor.NewStream("reals", codec.Float64, codec.Time), producer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, nan := reals.Send(t.Context(), math.NaN(), time.Unix(1, 0))
	_, zero := reals.Send(t.Context(), 1, time.Time{})
	_, past := reals.SendWith(t.Context(), 1, time.Unix(1, 0), processor.Meta{Timestamp: time.Unix(-5, 0)})
	queued := reals.Queue(t.Context(), math.NaN(), time.Unix(1, 0))
	_, nilStream := producer.Open[string, int64](t.Context(), l, nil, producer.Config{})
	_, internal := producer.Open(t.Context(), l, processor.NewInternalStream("x", codec.String, codec.String), producer.Config{})
	_, codecs := producer.Open(t.Context(), l, processor.NewStream[string, string]("in", nil, codec.String), producer.Config{})
	_, config := producer.Open(t.Context(), l, in, producer.Config{Linger: -1, BufferBytes: -1, Partitions: -1})
	for _, c := range []struct {
		err  error
		want string
	}{
		{nan, "send to reals: the key does not encode: codec float64: NaN"},
		{zero, "send to reals: key 0x3ff0000000000000: the value does not encode: codec time"},
		{past, "is before 1970"},
		{queued, "the key does not encode"},
		{nilStream, "the stream is nil"},
		{internal, "stream x is internal"},
		{codecs, "the key codec is nil"},
		{config, "config: Linger is -1ns: want 0 or more\nconfig: BufferBytes is -1: want 0 or more\nconfig: Partitions is -1: want 0 or more"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("got %v, want %q", c.err, c.want)
		}
	}
	if n, _ := l.count(); n != 0 {
		t.Errorf("%d records were written", n)
	}
	l.fail(commitlog.ErrStorage)
	if _, err := open(t, l, producer.Config{}).Send(t.Context(), "a", 1); !errors.Is(err, commitlog.ErrStorage) || !strings.Contains(fmt.Sprint(err), "in/0") {
		t.Errorf("Send gives %v, want the log's error and the place", err)
	}
}
