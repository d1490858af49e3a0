package worker

import (
	"context"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
)

// stopServing asks the serving tasks to hold, and, when their internal streams have run dry, to say that they stopped.
func (u *unit) stopServing(ctx context.Context) error {
	b := u.build
	for p, t := range u.tasks {
		if _, held := b.state.Held[p]; !held {
			t.box.post(msgHold{b.version})
		}
	}
	if !u.serving.internalInputs() || !b.state.AllHeld(u.partitions) {
		return nil
	}
	if at, err := u.dry(ctx, u.serving, b.state.Held); err != nil || at == nil {
		return err
	}
	for p, t := range u.tasks {
		if _, stopped := b.state.Stopped[p]; !stopped && t.sayOnce(b.asked) {
			t.box.post(msgDrained{control.Event{Kind: control.Stopped, Processor: u.decl.Name, Edition: u.serving.number,
				Expects: b.version, Partition: p, Next: b.state.Held[p].Next}})
		}
	}
	return nil
}

// stopFrozen says for each owned partition where the serving edition stands: nobody runs it any more.
func (u *unit) stopFrozen(ctx context.Context) error {
	b := u.build
	u.warnOfUndrained(ctx)
	for p := range u.owned {
		if _, said := b.state.Stopped[p]; said {
			continue
		}
		next, err := u.frozenAt(ctx, p)
		if err != nil {
			return err
		}
		if _, err := u.write(ctx, control.Event{Kind: control.Stopped, Edition: u.serving.number, Partition: p, Next: next}); err != nil {
			return err
		}
	}
	return nil
}

// frozenAt is the committed position of the serving edition in its public inputs, its base where it never committed.
func (u *unit) frozenAt(ctx context.Context, partition int32) (map[string]int64, error) {
	base, err := u.serving.baseOf(ctx, partition)
	if err != nil {
		return nil, err
	}
	offsets, err := u.committedOffsets(ctx, u.serving, partition)
	if err != nil {
		return nil, err
	}
	next := map[string]int64{}
	for i, in := range u.serving.inputs {
		switch {
		case in.stream.Internal:
		case offsets[i].Offset >= 0:
			next[in.stream.Name] = offsets[i].Offset
		default:
			next[in.stream.Name] = base[in.stream.Name]
		}
	}
	return next, nil
}

func (u *unit) committedOffsets(ctx context.Context, ed *edition, partition int32) ([]commitlog.Position, error) {
	var parts []commitlog.Partition
	for _, in := range ed.inputs {
		parts = append(parts, commitlog.Partition{Topic: in.part.Topic, Index: partition})
	}
	got, err := u.worker.logc.FetchOffsets(ctx, ed.group, parts)
	if err != nil {
		return nil, fmt.Errorf("processor %s: committed offsets of %s: %w", u.decl.Name, ed.group, err)
	}
	return got, nil
}
