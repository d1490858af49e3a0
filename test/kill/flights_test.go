package kill

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/examples/flights"
)

func flightsChild(ctx context.Context, dir string, until int, handled *atomic.Int64) error {
	log, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	err = flights.Work(ctx, log, flights.WorkConfig{
		StateDir: filepath.Join(dir, "state"),
		Load:     flights.LoadConfig{Until: until},
		Progress: func(p flights.Progress) { handled.Store(p.Handled) },
	})
	return errors.Join(err, log.Close())
}

func TestFlightsSurviveKillsUnchanged(t *testing.T) {
	dir := plan{child: "flights", total: flights.Records, kills: 5, seed: 2013}.run(t)
	log, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	got, err := flights.Read(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	want, err := flights.Fold()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables differ from the fold (-want +got):\n%.2000s", diff)
	}
	emitted, err := flights.Cancelled(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cancelledRows(t), emitted); diff != "" {
		t.Errorf("cancellations differ from the data (-want +got):\n%.2000s", diff)
	}
}

// cancelledRows gives the row numbers of cancelled flights, each once.
func cancelledRows(t *testing.T) map[int]int {
	t.Helper()
	rows := map[int]int{}
	for row, err := range flights.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		e, err := row.Event()
		if err != nil {
			t.Fatal(err)
		}
		if e.Cancelled {
			rows[row.Number] = 1
		}
	}
	return rows
}
