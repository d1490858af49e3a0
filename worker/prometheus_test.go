package worker_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/millrun/millrun/internal/metrics"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
	"github.com/prometheus/client_golang/prometheus"
)

// gather gives the sum of each metric's values by name; a histogram counts by its count.
func gather(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			sums[f.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sums
}

func TestARegistryShowsTheMetricsOfTheCatalogueWhileTheWorkerRuns(t *testing.T) {
	b := newBench(t)
	registry := prometheus.NewRegistry()
	measured := func(c *worker.Config) { listening(c); c.Metrics = registry }
	app := topology.MustNew("app", countProcessor())
	w, stop := b.run(app, measured)
	send(b, clicks, "alice", 1, 2, 3)
	b.settle(w)
	got := gather(t, registry)
	for _, m := range metrics.Worker() {
		if _, shown := got[m.Name]; !shown && m != metrics.BuildRemaining { // nothing is built here
			t.Errorf("%s is not shown", m.Name)
		}
		delete(got, m.Name)
	}
	for name := range got {
		t.Errorf("%s is not in the catalogue", name)
	}
	got = gather(t, registry)
	for m, want := range map[*metrics.Metric]float64{metrics.Records: 3, metrics.WorkerReady: 1, metrics.InputLag: 0,
		metrics.Tasks: 4, metrics.CommitSeconds: got[metrics.Commits.Name]} {
		if got[m.Name] != want {
			t.Errorf("%s is %v, want %v", m.Name, got[m.Name], want)
		}
	}
	code, body := page(t, w, "/metrics")
	for _, want := range []string{"# TYPE millrun_commit_duration_seconds histogram", "# HELP millrun_tasks ",
		`millrun_tasks{application="app",phase="running",processor="counter"} 4`} {
		if code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("/metrics: %d, without %q:\n%s", code, want, body)
		}
	}
	_, second := b.run(app, func(c *worker.Config) { measured(c); c.StateDir = "other" })
	if err := second(); err == nil || !strings.Contains(err.Error(), "application app (Config.Metrics)") {
		t.Errorf("a second worker of the application on one registry: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := gather(t, registry); len(got) != 0 {
		t.Errorf("after Run the registry still shows %v", got)
	}
}

func TestAWorkerWithoutARegistryHasNoMetricsPage(t *testing.T) {
	b := newBench(t)
	w, _ := b.run(topology.MustNew("app", countProcessor()), listening)
	b.settle(w)
	if code, _ := page(t, w, "/metrics"); code != http.StatusNotFound {
		t.Errorf("/metrics: %d, want 404", code)
	}
}
