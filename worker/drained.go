package worker

import (
	"context"
	"fmt"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/control"
)

// warnOfUndrained tells about records in the serving edition's internal streams that its code never handled, because it was
// killed and is gone: what they would have emitted is held back in the next edition, which handles its own copies.
func (u *unit) warnOfUndrained(ctx context.Context) {
	if !u.serving.internalInputs() || u.build.warned {
		return
	}
	u.build.warned = true
	if at, err := u.dry(ctx, u.serving, nil); err == nil && at == nil {
		u.log.Warn("the serving edition was stopped with records left in its internal streams, and the program with its version is gone: what they would have emitted to public streams is not sent; its tables are built whole",
			"edition", u.serving.number)
	}
}

// dry tells whether an edition has handled its public inputs up to stops and all that its internal streams hold, in every
// partition, whoever runs it (S-37). It gives the committed position of every input by partition, nil if it is not dry. With
// the sources standing still, this stays true once it is. A task's tables may still lack what the log says is committed.
//
// All committed positions are read before the first end: ends only grow, so when each position had reached an end that was
// read later, nothing was consumed and not committed, or emitted, in between. Partition by partition a record could slip
// through behind the check.
func (u *unit) dry(ctx context.Context, ed *edition, stops map[int32]control.Stop) (map[int32]map[string]int64, error) {
	var internal []commitlog.Position // committed so far
	found := map[int32]map[string]int64{}
	for p := range u.partitions {
		committed, err := u.committedOffsets(ctx, ed, p)
		if err != nil {
			return nil, err
		}
		base, err := ed.baseOf(ctx, p)
		if err != nil {
			return nil, err
		}
		found[p] = map[string]int64{}
		for i, in := range ed.inputs {
			at := committed[i]
			if at.Offset < 0 {
				at.Offset = base[in.stream.Name]
			}
			found[p][in.stream.Name] = at.Offset
			if in.stream.Internal {
				internal = append(internal, at)
			} else if at.Offset < stops[p].Next[in.stream.Name] {
				return nil, nil
			}
		}
	}
	if all, err := u.allAtEnd(ctx, internal); err != nil || !all {
		return nil, err
	}
	return found, nil
}

// allAtEnd tells whether each position is the end of its partition.
func (u *unit) allAtEnd(ctx context.Context, at []commitlog.Position) (bool, error) {
	if len(at) == 0 {
		return true, nil
	}
	parts := make([]commitlog.Partition, len(at))
	for i := range at {
		parts[i] = at[i].Partition
	}
	ends, err := u.worker.logc.Offsets(ctx, parts, commitlog.End, commitlog.ReadUncommitted)
	if err != nil {
		return false, fmt.Errorf("processor %s: ends of internal streams: %w", u.decl.Name, err)
	}
	for i := range at {
		if at[i].Offset < ends[i].Offset {
			return false, nil
		}
	}
	return true, nil
}
