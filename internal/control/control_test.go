package control

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/internal/vfs"
)

func fold(t testing.TB, events ...Event) *State {
	t.Helper()
	var s State
	for i, e := range events {
		e.Processor, e.Expects = "p", s.Processor("p").Version
		if !s.Apply(e) {
			t.Fatalf("event %d, %s, was not accepted", i, e.Kind)
		}
	}
	return &s
}

var (
	created = Event{Kind: Created, Edition: 1, Code: "1", Partitions: 2, Base: map[string][]int64{"in": {0, 0}}}
	rebuild = Event{Kind: Rebuild, Edition: 2, From: 1, Code: "1", Partitions: 2}
	sw      = Event{Kind: Switch, Edition: 2}
	stop0   = Event{Kind: Stopped, Edition: 1, Partition: 0, Next: map[string]int64{"in": 5}}
	stop1   = Event{Kind: Stopped, Edition: 1, Partition: 1, Next: map[string]int64{"in": 7}}
	ready0  = Event{Kind: Ready, Edition: 2, Partition: 0}
	ready1  = Event{Kind: Ready, Edition: 2, Partition: 1}
	serving = Event{Kind: Serving, Edition: 2}
	cancel  = Event{Kind: Cancel, Edition: 2, Reason: "enough"}
)

func TestARebuildGoesFromServingToServing(t *testing.T) {
	p := fold(t, created, rebuild, sw, stop1, stop0, ready0, ready1, serving).Processor("p")
	if p.Serving != 2 || p.Build != nil || p.Editions[2].Cut[1].Next["in"] != 7 {
		t.Errorf("got %+v", p)
	}
}

func TestACancelledBuildLeavesTheOldEditionServing(t *testing.T) {
	p := fold(t, created, rebuild, sw, stop0, cancel).Processor("p")
	if p.Serving != 1 || p.Build != nil || p.Editions[2].Cancelled != "enough" || p.Latest() != 2 {
		t.Errorf("got %+v", p)
	}
}

// Each row is a state and an event that must change nothing in it.
func TestAnEventThatDoesNotFitIsIgnored(t *testing.T) {
	for name, c := range map[string]struct {
		before []Event
		event  Event
	}{
		"second first edition":        {[]Event{created}, created},
		"rebuild of nothing":          {nil, rebuild},
		"rebuild beside another":      {[]Event{created, rebuild}, Event{Kind: Rebuild, Edition: 3, From: 1}},
		"rebuild with a used number":  {[]Event{created, rebuild, cancel}, rebuild},
		"switch twice":                {[]Event{created, rebuild, sw}, sw},
		"stopped before switch":       {[]Event{created, rebuild}, stop0},
		"stopped twice":               {[]Event{created, rebuild, sw, stop0}, Event{Kind: Stopped, Edition: 1, Partition: 0, Next: map[string]int64{"in": 9}}},
		"stopped of no partition":     {[]Event{created, rebuild, sw}, Event{Kind: Stopped, Edition: 1, Partition: 2}},
		"ready before all stopped":    {[]Event{created, rebuild, sw, stop0}, ready0},
		"serving before all ready":    {[]Event{created, rebuild, sw, stop0, stop1, ready0}, serving},
		"cancel of the serving one":   {[]Event{created}, Event{Kind: Cancel, Edition: 1}},
		"drop of the serving one":     {[]Event{created}, Event{Kind: Dropped, Edition: 1}},
		"drop of the one being built": {[]Event{created, rebuild}, Event{Kind: Dropped, Edition: 2}},
		"drop beside a build": {[]Event{created, rebuild, sw, stop0, stop1, ready0, ready1, serving, {Kind: Rebuild, Edition: 3, From: 2, Partitions: 2}},
			Event{Kind: Dropped, Edition: 1}},
		"drop of a cancelled one": {[]Event{created, rebuild, cancel}, Event{Kind: Dropped, Edition: 2}},
	} {
		s := fold(t, c.before...)
		before := s.Clone()
		c.event.Processor, c.event.Expects = "p", s.Processor("p").Version
		if s.Apply(c.event) {
			t.Errorf("%s: was accepted", name)
		}
		if len(c.before) > 0 {
			if d := cmp.Diff(before, s); d != "" {
				t.Errorf("%s: changed the state:\n%s", name, d)
			}
		}
	}
}

// Two writers who saw the same state: whichever record comes first in the log wins, and every reader agrees (S-34).
func TestOfTwoWritersTheFirstInTheLogWins(t *testing.T) {
	build := []Event{created, rebuild, sw, stop0, stop1, ready0, ready1}
	for _, order := range [][2]Event{{serving, cancel}, {cancel, serving}} {
		s := fold(t, build...)
		v := s.Processor("p").Version
		first, second := order[0], order[1]
		first.Processor, first.Expects, second.Processor, second.Expects = "p", v, "p", v
		if !s.Apply(first) || s.Apply(second) {
			t.Errorf("%s then %s: want the first alone to count", first.Kind, second.Kind)
		}
		want := 2
		if first.Kind == Cancel {
			want = 1
		}
		if got := s.Processor("p").Serving; got != want {
			t.Errorf("%s then %s: edition %d serves, want %d", first.Kind, second.Kind, got, want)
		}
	}
}

// Readers that begin early, late, or read in other portions arrive at one state, whatever racing writers wrote.
func TestAllReadersFoldToOneState(t *testing.T) {
	kinds := []Event{created, rebuild, sw, stop0, stop1, ready0, ready1, serving, cancel, {Kind: Dropped, Edition: 1}, {Kind: Held, Edition: 1}}
	rapid.Check(t, func(t *rapid.T) {
		var log [][]byte
		var early State
		seen := []int64{0} // versions that some writer may have seen
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			e := kinds[rapid.IntRange(0, len(kinds)-1).Draw(t, "kind")]
			e.Processor = "p"
			e.Expects = seen[rapid.IntRange(max(0, len(seen)-3), len(seen)-1).Draw(t, "seen")]
			if e.Kind == Rebuild {
				e.Edition = early.Processor("p").Latest() + 1
				e.From = early.Processor("p").Serving
			}
			value := Append(nil, e)
			log = append(log, value)
			parsed, err := Parse(value)
			if err != nil {
				t.Fatal(err)
			}
			early.Apply(parsed)
			seen = append(seen, early.Processor("p").Version)
		}
		var late State
		for _, value := range log {
			e, err := Parse(value)
			if err != nil {
				t.Fatal(err)
			}
			late.Apply(e)
		}
		if d := cmp.Diff(early, late); d != "" {
			t.Fatal(d)
		}
	})
}

// The control topic is kept for ever: these bytes must be readable by every later program.
func TestBytesAreWhatTheyWere(t *testing.T) {
	asked := Event{Kind: Rebuild, Edition: 2, From: 1, Code: "2", Fingerprint: "f", Partitions: 2, Base: map[string][]int64{"in": {0, 4}},
		Topics: map[string]string{"in": "0b"}, Frozen: true, ByHand: true, Keep: true, Reason: "r"}
	held := Event{Kind: Held, Edition: 1, Next: map[string]int64{"in": 7}}
	compared := Event{Kind: Ready, Edition: 2, Records: 4, Fenced: 3, Entries: 2, Differ: []Difference{{Table: "t", Key: []byte("k"), New: []byte("v")}}, DifferN: 1}
	for _, c := range []struct {
		e    Event
		rest string
	}{
		{created, `"edition":1,"time":5,"code":"1","partitions":2,"base":{"in":[0,0]}}`},
		{asked, `"edition":2,"time":5,"code":"2","fingerprint":"f","partitions":2,"base":{"in":[0,4]},"topics":{"in":"0b"},"from":1,` +
			`"frozen":true,"by_hand":true,"keep":true,"reason":"r"}`},
		{sw, `"edition":2,"time":5}`},
		{held, `"edition":1,"time":5,"next":{"in":7}}`},
		{stop1, `"edition":1,"time":5,"partition":1,"next":{"in":7}}`},
		{compared, `"edition":2,"time":5,"records":4,"fenced":3,"entries":2,"differ":[{"table":"t","key":"aw==","old":null,"new":"dg=="}],"differ_n":1}`},
		{serving, `"edition":2,"time":5}`},
		{cancel, `"edition":2,"time":5,"reason":"enough"}`},
		{Event{Kind: Dropped, Edition: 1}, `"edition":1,"time":5}`},
	} {
		e := c.e
		e.Processor, e.Expects, e.Time = "p", 3, 5
		want := fmt.Sprintf(`{"v":1,"kind":%q,"processor":"p","expects":3,%s`, e.Kind, c.rest)
		if got := string(Append(nil, e)); got != want {
			t.Errorf("wrote\n%s, want\n%s", got, want)
		}
		e.V = 1
		if got, err := Parse([]byte(want)); err != nil || cmp.Diff(e, got) != "" {
			t.Errorf("read %+v, %v", got, err)
		}
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	for _, value := range []string{"", "{", "{}", `{"v":1}`, `{"v":1,"kind":"created"}`, `{"v":0,"kind":"created","processor":"p"}`,
		`{"v":1,"kind":"created","processor":"p","edition":"1"}`} {
		if _, err := Parse([]byte(value)); err == nil || errors.Is(err, ErrVersion) {
			t.Errorf("%q: got %v", value, err)
		}
	}
}

// S-34: whoever knows the record folds it, so whoever does not know it would come to another state.
func TestWhatANewerProgramWroteStopsTheReader(t *testing.T) {
	for value, says := range map[string]string{
		`{"v":2,"kind":"created","processor":"p"}`:                  `"created" has version 2, this program reads up to 1`,
		`{"v":2,"kind":"created","processor":"p","edition":"1"}`:    `"created" has version 2, this program reads up to 1`,
		`{"v":1,"kind":"dance","processor":"p","edition":1}`:        `its kind is "dance"`,
		`{"v":1,"kind":"Created","processor":"p","edition":1}`:      `its kind is "Created"`,
		`{"v":3,"kind":"dance","processor":"p","edition":["what"]}`: `its kind is "dance"`,
	} {
		if _, err := Parse([]byte(value)); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want ErrVersion that says: %s", value, err, says)
		}
	}
}

// The topic stands still in front of such a record: what was read stays, and every further read fails in the same way.
func TestATopicStopsAtWhatANewerProgramWrote(t *testing.T) {
	log, err := embedded.OpenConfig("data", embedded.Config{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := log.CreateTopic(t.Context(), Spec("app.control")); err != nil {
		t.Fatal(err)
	}
	topic, err := Open(t.Context(), log, "app.control")
	if err != nil {
		t.Fatal(err)
	}
	defer topic.Close()
	e := created
	e.Processor = "p"
	if ok, err := topic.Write(t.Context(), e); err != nil || !ok {
		t.Fatal(ok, err)
	}
	w, err := log.OpenWriter(t.Context(), commitlog.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	newer := []commitlog.Record{{Value: []byte(`{"v":1,"kind":"dance","processor":"p","expects":1,"edition":1}`), Timestamp: -1}}
	if _, err := w.Append(t.Context(), commitlog.Partition{Topic: "app.control"}, newer); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := topic.Refresh(t.Context()); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "app.control/0@1") {
			t.Errorf("got %v, want ErrVersion at app.control/0@1", err)
		}
	}
	cancel := Event{Kind: Cancel, Processor: "p", Edition: 1}
	if _, err := topic.Write(t.Context(), cancel); !errors.Is(err, ErrVersion) {
		t.Errorf("write behind it: got %v, want ErrVersion", err)
	}
}
