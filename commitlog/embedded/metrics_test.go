package embedded_test

import (
	"strings"
	"testing"

	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/internal/metrics"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

func TestARegistryShowsTheBrokersMetricsUntilClose(t *testing.T) {
	disk, registry := vfs.NewMem(), prometheus.NewRegistry()
	names := func() map[string]bool {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, f := range families {
			found[f.GetName()] = true
		}
		return found
	}
	l, err := embedded.OpenConfig("log", embedded.Config{FS: disk, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	got := names()
	for _, m := range metrics.Broker() {
		if !got[m.Name] {
			t.Errorf("%s is not shown", m.Name)
		}
		delete(got, m.Name)
	}
	for name := range got {
		t.Errorf("%s is not in the catalogue", name)
	}
	_, err = embedded.OpenConfig("other", embedded.Config{FS: disk, Metrics: registry})
	if err == nil || !strings.Contains(err.Error(), "Config.Metrics") {
		t.Errorf("a second log on one registry: %v", err)
	}
	other, err := embedded.OpenConfig("other", embedded.Config{FS: disk}) // the refused one let go of it
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(); len(got) != 0 {
		t.Errorf("after Close the registry still shows %v", got)
	}
}
