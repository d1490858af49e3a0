package invariant_test

import (
	"strings"
	"testing"

	"github.com/millrun/millrun/internal/invariant"
)

func TestABrokenInvariantPanicsOnlyWhereChecksAreOn(t *testing.T) {
	invariant.Check(true, "never shown")
	defer func() {
		said, _ := recover().(string)
		if got := strings.Contains(said, "first 3 is above next 2"); got != invariant.Enabled {
			t.Errorf("checks are on: %v; the panic said %q", invariant.Enabled, said)
		}
	}()
	invariant.Check(false, "first %d is above next %d", 3, 2)
}
