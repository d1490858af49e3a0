package worker

import (
	"context"
	"fmt"

	"github.com/millrun/millrun/commitlog"
)

// watchControl tells the unit when something was written to the control topic.
func (u *unit) watchControl(ctx context.Context) {
	r, err := u.worker.logc.OpenReader(ctx, commitlog.ReaderConfig{BufferBytes: 1 << 20, BatchBytes: 64 << 10, MaxWait: fetchWait})
	if err != nil {
		u.tell(unitFailed{fmt.Errorf("watch control topic: %w", quietly(ctx, err))})
		return
	}
	defer r.Close()
	p := commitlog.Partition{Topic: u.controlTopic}
	end, err := u.worker.logc.Offsets(ctx, []commitlog.Partition{p}, commitlog.End, commitlog.ReadCommitted)
	if err != nil {
		if ctx.Err() == nil {
			u.tell(unitFailed{fmt.Errorf("watch control topic: %w", err)})
		}
		return
	}
	r.Seek(p, end[0].Offset)
	u.tell(controlMoved{}) // what came before the watch began
	for {
		b, err := r.Poll(ctx, pollWait)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			u.tell(unitFailed{fmt.Errorf("watch control topic: %w", err)})
			return
		case b != nil:
			moved := len(b.Records) > 0
			b.Release()
			if moved {
				u.tell(controlMoved{})
			}
		}
	}
}

// watchCommits tells the unit when tasks have committed, so that a build sees how far they are.
func (u *unit) watchCommits(ctx context.Context) {
	moved := u.worker.news()
	for {
		select {
		case <-moved:
			moved = u.worker.news() // before the unit looks: what changes while it does wakes it again
			u.tell(commitsMoved{})
		case <-ctx.Done():
			return
		}
	}
}
