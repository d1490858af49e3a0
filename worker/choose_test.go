package worker_test

import (
	"testing"

	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

func TestTablesWithoutADirectoryAreRefusedWithWhatToSet(t *testing.T) {
	b := newBench(t)
	_, err := worker.New(topology.MustNew("app", countProcessor()), b.log, worker.Config{FS: b.disk})
	const want = "worker: Config.StateDir is empty, and processor counter has tables: name a directory for them"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
