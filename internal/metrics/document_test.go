package metrics

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// update is set by "go test ./internal/metrics -update", which writes docs/metrics.md anew.
var update = flag.Bool("update", false, "write docs/metrics.md")

const documentPage = "../../docs/metrics.md"

// document makes docs/metrics.md.
func document() string {
	var b strings.Builder
	b.WriteString(`# Metrics

This page is made from ` + "`internal/metrics/catalogue.go`" + ` by ` + "`go test ./internal/metrics -update`" + `; a test compares the two.

Names, types, labels and units stay as they are. A metric that means something else gets another name. No label holds a key,
an offset or anything else without a bound. How to get them, and what to watch first: [monitoring](operate/monitoring.md).
`)
	table := func(title, intro string, list []*Metric) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| name | type | labels | meaning | worry when |\n|---|---|---|---|---|\n", title, intro)
		for _, m := range list {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.Name, m.Kind, strings.Join(m.Labels, ", "), m.Help, m.Alert)
		}
	}
	table("Worker", "`worker.Config.Metrics`. Counters of a task begin at 0 when the task starts here, as any counter of a process does; "+
		"sum them over partitions with `rate`.", Worker())
	table("Broker", "`embedded.Config.Metrics`. Of the log that lives in the process.", Broker())
	return b.String()
}

func TestTheDocumentIsThatOfTheCatalogue(t *testing.T) {
	if *update {
		if err := os.WriteFile(documentPage, []byte(document()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(documentPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != document() {
		t.Error("docs/metrics.md is not what the catalogue makes: go test ./internal/metrics -update")
	}
}

func TestEveryMetricThatTheMonitoringPageNamesExists(t *testing.T) {
	page, err := os.ReadFile("../../docs/operate/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range append(Worker(), Broker()...) {
		known[m.Name] = true
		if m.Kind == Histogram {
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				known[m.Name+part] = true
			}
		}
	}
	named := regexp.MustCompile(`\bmillrun_[a-z_]+`).FindAllString(string(page), -1)
	if len(named) < 10 {
		t.Errorf("the page names %d metrics: is it the right one?", len(named))
	}
	for _, name := range named {
		if !known[name] {
			t.Errorf("docs/operate/monitoring.md names %s, which does not exist", name)
		}
	}
}
