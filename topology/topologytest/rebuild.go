package topologytest

import (
	"context"

	"github.com/millrun/millrun/topology/edition"
)

// Rebuild lets all work finish and builds a processor's tables anew from offset zero, by the same code. The new tables must
// equal the old ones, else the test fails with the first keys that differ: the handlers then use something besides their
// records, their context and their tables. Afterwards the new tables serve. Nothing that was emitted to public streams is
// emitted again. A task of the processor that has stopped fails the test at once: its tables would be compared half-way.
func (h *Harness) Rebuild(processor string) {
	h.t.Helper()
	h.settle()
	for _, p := range h.life.worker.Status().Processors {
		for _, task := range p.Tasks {
			if p.Name == processor && task.Stopped != nil {
				h.t.Fatalf("topologytest: Rebuild %s: %v: a processor is rebuilt once its tasks have handled all that their inputs hold", processor, task.Stopped)
			}
		}
	}
	var result edition.Result
	err := h.pumping(func(ctx context.Context) (err error) {
		result, err = h.rebuild(ctx, processor)
		return err
	})
	switch {
	case err != nil:
		h.t.Fatalf("topologytest: Rebuild %s: %v", processor, err)
	case !result.Equal:
		h.t.Errorf("topologytest: Rebuild %s: the tables differ: %v", processor, result)
		for _, d := range result.Differences {
			h.t.Errorf("\ttable %s, key %q: was %q, is %q", d.Table, d.Key, d.Old, d.New)
		}
	}
	h.settle()
}

func (h *Harness) rebuild(ctx context.Context, processor string) (edition.Result, error) {
	eds, err := edition.Open(ctx, h.app, h.life.log, processor)
	if err != nil {
		return edition.Result{}, err
	}
	defer h.closed(eds)
	return eds.Rebuild(ctx, edition.RebuildConfig{})
}
