package control

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrun/millrun/commitlog"
)

// Remove deletes the group and the topics of an edition that nobody needs any more. What is gone already is fine, so it can be
// called again after an error, which tells all that remains. The group comes first: while it has members the topics are in
// use, the error wraps commitlog.ErrGroupNotEmpty, and nothing is deleted.
func Remove(ctx context.Context, log commitlog.Log, group string, topics []string) error {
	if err := log.DeleteGroup(ctx, group); err != nil && !errors.Is(err, commitlog.ErrUnknownGroup) {
		return fmt.Errorf("delete group %s: %w", group, err)
	}
	var faults []error
	for _, t := range topics {
		if err := log.DeleteTopic(ctx, t); err != nil && !errors.Is(err, commitlog.ErrUnknownTopic) {
			faults = append(faults, fmt.Errorf("delete topic %s: %w", t, err))
		}
	}
	return errors.Join(faults...)
}
