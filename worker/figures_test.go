package worker

import (
	"slices"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/metrics"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

// gathered notes what a source gives.
type gathered struct {
	t    *testing.T
	seen map[*metrics.Metric][][]string // label values
}

func (g gathered) Value(m *metrics.Metric, _ float64, labels ...string) {
	g.note(m, labels, m.Kind != metrics.Histogram)
}

func (g gathered) Spread(m *metrics.Metric, _ clock.Spread, labels ...string) {
	g.note(m, labels, m.Kind == metrics.Histogram)
}

func (g gathered) note(m *metrics.Metric, labels []string, kind bool) {
	if len(labels) != len(m.Labels) || !kind {
		g.t.Errorf("%s, a %s with labels %q, is given as another kind or with the values %q", m.Name, m.Kind, m.Labels, labels)
	}
	for _, before := range g.seen[m] {
		if slices.Equal(before, labels) {
			g.t.Errorf("%s is given twice for %q", m.Name, labels)
		}
	}
	g.seen[m] = append(g.seen[m], slices.Clone(labels))
}

// noLog is a log that is never asked.
type noLog struct{ commitlog.Log }

func TestAWorkerGivesExactlyTheFiguresOfTheCatalogue(t *testing.T) {
	in := processor.NewStream("in", codec.String, codec.String)
	app := topology.MustNew("app", processor.New("p", processor.On(in, func(processor.Context, string, string) error { return nil })))
	w, err := New(app, noLog{}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	g := gathered{t, map[*metrics.Metric][][]string{}}
	w.figures(g)
	inputs := []InputStatus{{Stream: "in"}, {Stream: "other"}}
	labels := []string{"app", "p"}
	taskFigures(g, labels, &TaskStatus{Edition: 1, Phase: Running, StreamTime: 5, BuildLeft: -1, Inputs: inputs}, time.Time{})
	taskFigures(g, labels, &TaskStatus{Edition: 2, Phase: Building, StreamTime: -1, BuildLeft: 3, Inputs: inputs}, time.Time{})
	taskFigures(g, labels, &TaskStatus{Edition: 1, Phase: Stopped}, time.Time{}) // would be given twice
	for _, m := range metrics.Worker() {
		if g.seen[m] == nil {
			t.Errorf("%s is in the catalogue and never given", m.Name)
		}
		delete(g.seen, m)
	}
	for m := range g.seen {
		t.Errorf("%s is given and not in the catalogue", m.Name)
	}
	if len(labels) != 2 {
		t.Errorf("labels of the caller became %q", labels)
	}
}

func TestFailuresOfACommitHaveAKindEach(t *testing.T) {
	var f commitFigures
	for _, c := range []struct {
		err  error
		kind string
	}{
		{commitlog.ErrFenced, "fenced"},
		{&commitlog.PartitionError{Err: commitlog.ErrTooLarge}, "too-large"},
		{commitlog.ErrUnknownOutcome, "unknown-outcome"},
		{errLeft, "other"},
	} {
		before := f.failures()[c.kind]
		f.hasFailed(c.err)
		if got := f.failures()[c.kind]; got != before+1 {
			t.Errorf("%v counts as none of kind %s: %v", c.err, c.kind, f.failures())
		}
	}
}
