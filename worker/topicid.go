package worker

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/millrun/millrun/internal/control"
)

// topicIDs gives the ids of the public inputs, in hex.
func (u *unit) topicIDs(ctx context.Context) (map[string]string, error) {
	ids := map[string]string{}
	for _, in := range u.decl.Inputs {
		if in.Stream.Internal {
			continue
		}
		t, err := u.worker.topic(ctx, in.Stream.Name)
		if err != nil {
			return nil, err
		}
		ids[in.Stream.Name] = hex.EncodeToString(t.ID[:])
	}
	return ids, nil
}

// checkTopics refuses an input that was deleted and made anew: positions in the old one mean nothing there (C-42).
func (u *unit) checkTopics(ctx context.Context, serving *control.Edition) error {
	ids, err := u.topicIDs(ctx)
	if err != nil {
		return err
	}
	for stream, was := range serving.Topics {
		if now, ok := ids[stream]; ok && now != was {
			return fmt.Errorf("processor %s: its input %s is another topic than the one edition %d was built from (id %s, was %s): it was deleted and made anew; give the processor a new name to begin with the new topic",
				u.decl.Name, stream, serving.Number, now, was)
		}
	}
	return nil
}
