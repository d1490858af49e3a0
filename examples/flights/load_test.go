package flights

import (
	"context"
	"errors"
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
)

// loadedRows gives how often each row number is on the log.
func loadedRows(t *testing.T, log commitlog.Log, partitions int) map[int]int {
	t.Helper()
	starts, ends, err := bounds(t.Context(), log, Departures.Name(), partitions)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[int]int{}
	err = scan(t.Context(), log, starts, ends, func(_ commitlog.Partition, r commitlog.Record) error {
		row, err := rowNumber(r)
		rows[row]++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
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
	rows := loadedRows(t, log, 3)
	for row := 1; row <= 20_000; row++ {
		if rows[row] != 1 {
			t.Fatalf("row %d is on the log %d times", row, rows[row])
		}
	}
	if len(rows) != 20_000 {
		t.Errorf("%d rows on the log, want 20000", len(rows))
	}
}
