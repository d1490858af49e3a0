package commitlog

import (
	"errors"
	"fmt"
	"testing"
)

func TestPartitionErrorNamesThePlaceAndKeepsTheCause(t *testing.T) {
	err := fmt.Errorf("poll: %w", &PartitionError{Partition{"clicks", 3}, 17, fmt.Errorf("%w: log starts at 20", ErrOutOfRange)})
	if got, want := err.Error(), "poll: clicks/3 at 17: commitlog: offset out of range: log starts at 20"; got != want {
		t.Errorf("text is %q, want %q", got, want)
	}
	if !errors.Is(err, ErrOutOfRange) || errors.Is(err, ErrUnknownTopic) {
		t.Errorf("%v: errors.Is is wrong about the sentinel", err)
	}
	var at *PartitionError
	if !errors.As(err, &at) || at.Offset != 17 {
		t.Errorf("%v: no *PartitionError at 17 in the chain", err)
	}
	if got, want := (&PartitionError{Partition{"clicks", 3}, -1, ErrUnknownTopic}).Error(),
		"clicks/3: commitlog: unknown topic or partition"; got != want {
		t.Errorf("text without an offset is %q, want %q", got, want)
	}
}

func TestSentinelsDiffer(t *testing.T) {
	all := []error{ErrClosed, ErrUnavailable, ErrUnsupported, ErrNotAuthorized, ErrInvalidConfig, ErrUnknownTopic,
		ErrTopicExists, ErrOutOfRange, ErrCorrupt, ErrStorage, ErrTooLarge, ErrInvalidRecord, ErrAborted, ErrFenced,
		ErrUnknownOutcome, ErrRebalance, ErrNotMember, ErrUnknownGroup, ErrGroupNotEmpty}
	texts := map[string]bool{}
	for _, err := range all {
		if texts[err.Error()] {
			t.Errorf("two sentinels say %q", err)
		}
		texts[err.Error()] = true
	}
}
