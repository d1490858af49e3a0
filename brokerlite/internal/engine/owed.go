package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/partition"
	"github.com/millrun/millrun/brokerlite/internal/wal"
)

// owedMarker is the end of a transaction that one of its partitions has no marker of, because it was out of service then.
//
// The story. Partition p fails while transaction 7 has records in it; 7 commits, without p, so that the others need not wait.
// Were p opened again as it is, 7 would be open there for ever: readers of committed data would stop in front of it, and the
// next transaction of the same producer would decide about the records of 7 with its own end.
type owedMarker struct {
	handle meta.Handle
	end    *meta.TxnEnd
}

// owe notes the partitions that an end left out.
func (r *replay) owe(of []meta.Handle, end *meta.TxnEnd) {
	for _, h := range of {
		marked := slices.ContainsFunc(end.Markers, func(m meta.Marker) bool { return m.Handle == h })
		if p := r.parts[h]; p != nil && !marked {
			r.owed = append(r.owed, owedMarker{h, end})
		}
	}
}

// markers folds what an earlier start has paid.
func (r *replay) markers(payload []byte) error {
	end, err := meta.ReadTxnEnd(payload)
	if err != nil {
		return err
	}
	for _, m := range end.Markers {
		r.owed = slices.DeleteFunc(r.owed, func(o owedMarker) bool {
			return o.handle == m.Handle && o.end.PID == end.PID && o.end.Epoch == end.Epoch
		})
	}
	return r.redoMarkers(end)
}

// payMarkers writes what is owed, each in a record of its own, and waits until all is durable. A partition that is still out
// of service goes on owing.
func (e *Engine) payMarkers(owed []owedMarker) error {
	now := e.Now()
	var newest wal.LSN
	for _, o := range owed {
		p := e.Catalog().byHandle[o.handle]
		if p == nil {
			continue
		}
		lsn, err := e.payMarker(p, o.end, now)
		if err != nil {
			p.Owe()
			p.Fail(fmt.Errorf("marker of transaction %q: %w", o.end.ID, err))
			continue
		}
		newest = lsn
	}
	if err := e.Wait(context.Background(), newest); err != nil {
		return fmt.Errorf("markers of ended transactions: %w", err)
	}
	return nil
}

func (e *Engine) payMarker(p *partition.Partition, end *meta.TxnEnd, now time.Time) (wal.LSN, error) {
	paid := *end
	paid.Markers, paid.Groups = nil, nil
	k, m, err := p.Mark(&paid, now)
	if err != nil {
		return 0, err
	}
	paid.Markers = append(paid.Markers, m)
	k.Announce()
	lsn, err := e.Log(meta.TypeMarkers, paid.Append(nil))
	if err != nil {
		k.Refused()
		return 0, err
	}
	k.Marked(&paid, lsn, now)
	return lsn, nil
}
