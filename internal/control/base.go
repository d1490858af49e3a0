package control

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/millrun/millrun/commitlog"
)

// CheckBase refuses a rebuild from an edition whose first records the log has dropped (S-41). The error names each partition
// with what is missing and says what can be done.
func CheckBase(ctx context.Context, log commitlog.Log, processor string, e *Edition) error {
	var missing []string
	for stream, base := range e.Base {
		parts := make([]commitlog.Partition, len(base))
		for i := range parts {
			parts[i] = commitlog.Partition{Topic: stream, Index: int32(i)}
		}
		starts, err := log.Offsets(ctx, parts, commitlog.Start, commitlog.ReadUncommitted)
		if err != nil {
			return fmt.Errorf("processor %s: start of %s: %w", processor, stream, err)
		}
		for i, s := range starts {
			if s.Offset > base[i] {
				missing = append(missing, fmt.Sprintf("%v: edition %d began at %d, the log begins at %d", parts[i], e.Number, base[i], s.Offset))
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	sort.Strings(missing)
	return fmt.Errorf("processor %s cannot be rebuilt: the log no longer holds its first records:\n  %s\nKeep the inputs for ever (retention.ms=-1), or give the processor a new name to begin with what is left",
		processor, strings.Join(missing, "\n  "))
}
