package worker

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// Lag is counted in offsets that could be read: up to the last stable offset, which lies below the high watermark while a
// transaction is open. A position passes the markers of transactions, so whoever has handled everything has a lag of 0.
// Fetches tell where an input ends, but neither a task that stands at a record nor one behind an open transaction gets any.
// So, for a worker that is looked at, the log is asked for all ends every few seconds, by one goroutine in two requests.

// endsEvery is the time between two such questions; endsPatience bounds one.
const (
	endsEvery    = 5 * time.Second
	endsPatience = 5 * time.Second
)

// watchEnds asks for the ends until ctx ends.
func (w *Worker) watchEnds(ctx context.Context) {
	timer := w.config.Clock.NewTimer(endsEvery)
	defer timer.Stop()
	for {
		if err := w.lookAtEnds(ctx); err != nil && ctx.Err() == nil {
			w.endsFailed.Add(1) // it shows as a metric; whoever needs the log says what is wrong with it
		}
		select {
		case <-timer.C():
			timer.Reset(endsEvery)
		case <-ctx.Done():
			return
		}
	}
}

// lookAtEnds asks for the ends of all inputs of all tasks.
func (w *Worker) lookAtEnds(ctx context.Context) error {
	tasks := slices.DeleteFunc(w.allTasks(), (*task).over)
	wanted := map[commitlog.Partition]bool{}
	for _, t := range tasks {
		for _, in := range t.ed.inputs {
			wanted[commitlog.Partition{Topic: in.part.Topic, Index: t.partition}] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, endsPatience)
	defer cancel()
	parts := slices.Collect(maps.Keys(wanted))
	stable, err := w.logc.Offsets(ctx, parts, commitlog.End, commitlog.ReadCommitted)
	if err != nil {
		return err
	}
	high, err := w.logc.Offsets(ctx, parts, commitlog.End, commitlog.ReadUncommitted)
	if err != nil {
		return err
	}
	now := w.config.Clock.Now()
	at := func(list []commitlog.Position) ends {
		e := ends{}
		for _, p := range list {
			e[p.Partition] = p.Offset
		}
		return e
	}
	stables, highs := at(stable), at(high)
	for _, t := range tasks {
		t.sawEnds(stables, highs, now)
	}
	return nil
}

func (t *task) sawEnds(stables, highs ends, now time.Time) {
	s := &t.shared
	s.Lock()
	defer s.Unlock()
	for _, in := range t.ed.inputs {
		p := commitlog.Partition{Topic: in.part.Topic, Index: t.partition}
		name := in.stream.Name
		s.ends[name] = max(s.ends[name], highs[p])
		s.stables[name] = max(s.stables[name], stables[p])
		if s.behind[name] == nil {
			s.behind[name] = &trail{}
		}
		s.behind[name].saw(stables[p], now)
	}
}

// trail remembers when the end of an input was seen where, as far as a position has not passed it. Invariant: both times and
// ends rise along seen.
type trail struct{ seen []sight }

type sight struct {
	end int64
	at  time.Time
}

// maxSights bounds what is remembered of one input. Above it every other sight goes, and ages get coarser, never too old.
const maxSights = 64

func (b *trail) saw(end int64, now time.Time) {
	if n := len(b.seen); n > 0 && b.seen[n-1].end >= end {
		return
	}
	b.seen = append(b.seen, sight{end, now})
	if len(b.seen) <= maxSights {
		return
	}
	kept := b.seen[:0]
	for i, s := range b.seen {
		if i%2 == 0 {
			kept = append(kept, s)
		}
	}
	b.seen = kept
}

// since tells when an offset at or above position was first seen to be readable; the zero time if none was. Positions only
// rise, but for a task that goes back to what is committed, whose age then counts from the next sight.
func (b *trail) since(position int64) time.Time {
	passed := 0
	for passed < len(b.seen) && b.seen[passed].end <= position {
		passed++
	}
	if passed == len(b.seen) {
		passed-- // the newest stays, so that it is not taken for news when it is seen again
	}
	if passed > 0 {
		b.seen = append(b.seen[:0], b.seen[passed:]...)
	}
	if len(b.seen) == 0 || b.seen[0].end <= position {
		return time.Time{}
	}
	return b.seen[0].at
}
