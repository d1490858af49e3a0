package control

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
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
		"unknown kind":            {[]Event{created}, Event{Kind: "dance", Edition: 1}},
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
	e := stop1
	e.Processor, e.Expects, e.Time = "p", 3, 5
	want := `{"v":1,"kind":"stopped","processor":"p","expects":3,"edition":1,"time":5,"partition":1,"next":{"in":7}}`
	if got := string(Append(nil, e)); got != want {
		t.Errorf("wrote\n%s, want\n%s", got, want)
	}
	e.V = 1
	if got, err := Parse([]byte(want)); err != nil || cmp.Diff(e, got) != "" {
		t.Errorf("read %+v, %v", got, err)
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	for _, value := range []string{"", "{", "{}", `{"v":1}`, `{"v":1,"kind":"created"}`} {
		if _, err := Parse([]byte(value)); err == nil {
			t.Errorf("%q was taken", value)
		}
	}
	if _, err := Parse([]byte(`{"v":2,"kind":"created","processor":"p"}`)); !errors.Is(err, ErrVersion) {
		t.Errorf("version 2: got %v, want ErrVersion", err)
	}
}
