package flights

import (
	"context"
	"errors"
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/examples/internal/rows"
)

// loadedRows gives how often each row number is on the log.
func loadedRows(t *testing.T, log commitlog.Log, partitions int) map[int]int {
	t.Helper()
	starts, ends, err := rows.Bounds(t.Context(), log, Departures.Name(), partitions)
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]int{}
	err = rows.Scan(t.Context(), log, starts, ends, func(_ commitlog.Partition, r commitlog.Record) error {
		row, err := rows.Number(r)
		found[int(row)]++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestALoaderGoesOnWhereTheOneBeforeItWasCutOff(t *testing.T) {
	log, err := embedded.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := Load(t.Context(), log, LoadConfig{Partitions: 3, Until: 5_000}); err != nil {
		t.Fatal(err)
	}
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Load(cut, log, LoadConfig{Until: 9_000}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled loader says %v", err)
	}
	for range 2 { // the second has nothing to do
		if err := Load(t.Context(), log, LoadConfig{Until: 20_000}); err != nil {
			t.Fatal(err)
		}
	}
	found := loadedRows(t, log, 3)
	for row := 1; row <= 20_000; row++ {
		if found[row] != 1 {
			t.Fatalf("row %d is on the log %d times", row, found[row])
		}
	}
	if len(found) != 20_000 {
		t.Errorf("%d rows on the log, want 20000", len(found))
	}
}
