package metrics

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTheCatalogueKeepsItsRules(t *testing.T) {
	name := regexp.MustCompile(`^millrun_[a-z]+(_[a-z]+)*$`)
	units := []string{"_bytes", "_seconds", "_offsets", "_offset", "_total"}
	counted := []string{"millrun_tasks", "millrun_partitions_without_task", "millrun_serving_edition", "millrun_broker_topics",
		"millrun_broker_partitions", "millrun_broker_faulty_partitions", "millrun_broker_open_transactions", "millrun_worker_ready",
		"millrun_broker_failed", "millrun_broker_syncs_enabled", "millrun_broker_disk_full"} // numbers of things, and flags
	labels := []string{"application", "processor", "edition", "partition", "stream", "phase", "kind"} // no key, no offset
	seen := map[string]bool{}
	for _, m := range append(Worker(), Broker()...) {
		hasUnit := slices.ContainsFunc(units, func(u string) bool { return strings.HasSuffix(m.Name, u) })
		switch {
		case !name.MatchString(m.Name) || seen[m.Name]:
			t.Errorf("%s: not a name of ours, or there twice", m.Name)
		case !hasUnit && !slices.Contains(counted, m.Name):
			t.Errorf("%s ends in no unit", m.Name)
		case (m.Kind == Counter) != strings.HasSuffix(m.Name, "_total"):
			t.Errorf("%s is a %s", m.Name, m.Kind)
		case m.Kind == Histogram && !strings.HasSuffix(m.Name, "_duration_seconds"):
			t.Errorf("%s is a histogram of seconds", m.Name)
		case m.Help == "" || strings.HasSuffix(m.Help, ".") || strings.ContainsAny(m.Help+m.Alert, "|\n"):
			t.Errorf("%s: help %q, alert %q", m.Name, m.Help, m.Alert)
		}
		for _, l := range m.Labels {
			if !slices.Contains(labels, l) {
				t.Errorf("%s has the label %s, which is not known to have few values", m.Name, l)
			}
		}
		seen[m.Name] = true
	}
}
