package edition_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology/edition"
)

func TestWithoutAnEditionNothingCanBeRebuilt(t *testing.T) {
	b := newBench(t, 1)
	if _, err := edition.Open(b.context(), counting(), b.log, "nobody"); err == nil || !strings.Contains(err.Error(), `"nobody"`) {
		t.Errorf("Open of an unknown processor: %v", err)
	}
	e := b.editions(counting(), "counter")
	if got := b.states(e); len(got) != 0 {
		t.Errorf("editions before any worker ran: %v", got)
	}
	if _, err := e.Rebuild(b.context(), edition.RebuildConfig{}); !errors.Is(err, edition.ErrNoEdition) {
		t.Errorf("Rebuild: %v, want ErrNoEdition", err)
	}
	for name, call := range map[string]error{"Switch": e.Switch(b.context(), 1), "Cancel": e.Cancel(b.context(), 1)} {
		if !errors.Is(call, edition.ErrUnknown) {
			t.Errorf("%s: %v, want ErrUnknown", name, call)
		}
	}
	if topics, err := b.log.Topics(b.context()); err != nil || len(topics) != 0 {
		t.Errorf("asking has created %v, %v", topics, err)
	}
}

func TestASecondBuildIsRefusedWhileOneIsUnderWay(t *testing.T) {
	b := newBench(t, 2)
	app := counting()
	b.start(app)
	b.send("k", 10)
	b.settle()
	e := b.editions(app, "counter")
	if r := b.rebuild(e, edition.RebuildConfig{ByHand: true}); r.Serving || !r.Equal {
		t.Fatalf("held: %v", r)
	}
	other := b.editions(app, "counter")
	if _, err := other.Rebuild(b.context(), edition.RebuildConfig{}); !errors.Is(err, edition.ErrBusy) || !strings.Contains(err.Error(), "edition 2") {
		t.Errorf("Rebuild beside a build: %v, want ErrBusy with its number", err)
	}
	for name, err := range map[string]error{"Switch to the serving one": other.Switch(b.context(), 1), "Switch to none": other.Switch(b.context(), 3),
		"Cancel of the serving one": other.Cancel(b.context(), 1), "Cancel of none": other.Cancel(b.context(), 7)} {
		if !errors.Is(err, edition.ErrUnknown) {
			t.Errorf("%s: %v, want ErrUnknown", name, err)
		}
	}
	if err := other.Switch(b.context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := e.Cancel(b.context(), 2); !errors.Is(err, edition.ErrUnknown) {
		t.Errorf("Cancel after somebody's Switch: %v, want ErrUnknown", err)
	}
}

func TestAProgramOfAnotherVersionCannotAskForARebuild(t *testing.T) {
	b := newBench(t, 1)
	b.start(counting())
	b.send("k", 1)
	b.settle()
	_, err := b.editions(counting(processor.Version("2")), "counter").Rebuild(b.context(), edition.RebuildConfig{})
	if err == nil || !strings.Contains(err.Error(), "version 1") || !strings.Contains(err.Error(), "has 2") {
		t.Errorf("got %v, want both versions", err)
	}
	if got := b.states(b.editions(counting(), "counter")); len(got) != 1 {
		t.Errorf("the refused rebuild left %v", got)
	}
}

// S-41: the log has dropped the base: the refusal names partition, both offsets, and what can be done; nothing changes.
func TestABeginningThatIsGoneIsNamed(t *testing.T) {
	b := newBench(t, 2)
	app := counting()
	b.start(app)
	b.send("k", 10) // murmur2 puts k into one of the two
	b.send("l", 10)
	b.settle()
	p := commitlog.Partition{Topic: "events", Index: commitlog.Murmur2.Partition([]byte("k"), 2)}
	if err := b.log.DeleteRecords(b.context(), []commitlog.Position{{Partition: p, Offset: 4}}); err != nil {
		t.Fatal(err)
	}
	e := b.editions(app, "counter")
	_, err := e.Rebuild(b.context(), edition.RebuildConfig{})
	for _, want := range []string{"processor counter", p.String(), "began at 0", "begins at 4", "retention.ms=-1", "a new name"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	if got := b.states(e); len(got) != 1 || got[0] != edition.Serving {
		t.Errorf("after the refusal: %v", got)
	}
	b.send("k", 1)
	b.settle()
	if got := strings.Join(b.rows(app), " "); got != "k=11 l=10" {
		t.Errorf("the table is %s", got)
	}
}
