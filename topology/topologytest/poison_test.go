package topologytest_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/topology/topologytest"
)

// C-17: a bad record is done once it is a dead letter, also as the last of its partition; no restart brings a second one.
func TestABadLastRecordIsDoneOnce(t *testing.T) {
	app := topology.MustNew("clicks", processor.New("click-counter",
		processor.On(clicks, count), processor.Owns(counts), processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter})))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 2}) // bob lives in partition 0, alice in 1
	in := topologytest.Stream(h, clicks)
	const good = 20
	for range good {
		in.Send("alice", click{})
	}
	in.SendBytes(1, []byte("alice"), []byte("\xff\xfe"))
	in.SendBytes(1, []byte("alice"), []byte("\xff\xff"))
	in.SendBytes(0, []byte("bob"), []byte{}) // the only one of its partition, and empty
	for i := range 5 {
		if i%2 == 0 {
			h.Crash()
		} else {
			h.Deploy(app)
		}
		var at []string
		for _, l := range in.DeadLetters() {
			at = append(at, fmt.Sprintf("%s %x", l.Position, l.Value))
		}
		if got := strings.Join(at, ", "); got != "clicks/0@0 , clicks/1@20 fffe, clicks/1@21 ffff" {
			t.Fatalf("restart %d: dead letters are %s", i, got)
		}
		if got := maps.Collect(topologytest.Table(h, counts).All()); !maps.Equal(got, map[string]int64{"alice": good}) {
			t.Fatalf("restart %d: the table is %v", i, got)
		}
	}
}

// A value that the table's changelog does not take is the record's error, with table, key and size, and the key keeps its last
// good value. In the manner of C-16.
func TestATooLargeValueIsTheRecordsError(t *testing.T) {
	texts := processor.NewTable("texts", codec.String, codec.String)
	app := topology.MustNew("clicks", processor.New("writer", processor.On(clicks, func(ctx processor.Context, user string, c click) error {
		if c.URL == "huge" {
			c.URL = strings.Repeat("x", 10<<20)
		}
		texts.Put(ctx, user, c.URL)
		return nil
	}), processor.Owns(texts), processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter})))
	h := topologytest.New(t, app, topologytest.Config{Partitions: 1})
	in := topologytest.Stream(h, clicks)
	in.Send("alice", click{"a"})
	in.Send("alice", click{"huge"})
	in.Send("bob", click{"b"})
	letters := in.DeadLetters()
	if len(letters) != 1 || !strings.Contains(letters[0].Error, `table texts, key "alice"`) || len(letters[0].Error) > 500 {
		t.Errorf("dead letters are %.800v, want one that names table and key", letters)
	}
	h.Crash()
	if got := maps.Collect(topologytest.Table(h, texts).All()); !maps.Equal(got, map[string]string{"alice": "a", "bob": "b"}) {
		t.Errorf("the table has %d entries", len(got))
	}
}
