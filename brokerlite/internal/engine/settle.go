package engine

import (
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/txn"
	"github.com/millrun/millrun/brokerlite/internal/wal"
)

// settling are the records about transactional ids that are queued and not durable, in the order of the log. The lock is
// held while such a record is queued, so that the committer cannot overtake the note.
type settling struct {
	sync.Mutex
	list []unsettled
}

type unsettled struct {
	lsn    wal.LSN
	host   *transactional
	before meta.Txn     // the machine before the record
	end    *meta.TxnEnd // set when the record ends a transaction
}

// settled lets the staged offsets of ended transactions take effect: with the record that is durable, not before.
func (e *Engine) settled(durable wal.LSN) {
	e.settle.Lock()
	n := 0
	for n < len(e.settle.list) && e.settle.list[n].lsn <= durable {
		n++
	}
	done := e.settle.list[:n:n]
	if e.settle.list = e.settle.list[n:]; len(e.settle.list) == 0 {
		e.settle.list = nil
	}
	e.settle.Unlock()
	for _, u := range done {
		if u.end != nil && len(u.end.Groups) > 0 {
			e.groups.Lock()
			e.groups.m.EndTransaction(u.end.PID, u.end.Epoch, u.end.Commit)
			e.groups.Unlock()
		}
	}
}

// onFull is called by the log when the disk is full: what the refused records did in memory is taken back (S-57).
func (e *Engine) onFull(durable wal.LSN, err error) {
	if e.full.Swap(true) {
		// Reserved records were refused too. What groups and transactions had folded with them cannot be taken back.
		e.fail(fmt.Errorf("disk full, and the spare file of the write-ahead log is used up: %w", err))
		return
	}
	e.c.Logger.Error("disk full: new records are refused, reading goes on", "dir", e.dir, "error", err)
	e.settled(durable)
	e.settle.Lock()
	refused := e.settle.list
	e.settle.list = nil
	e.settle.Unlock()
	for i := len(refused) - 1; i >= 0; i-- {
		u := refused[i]
		u.host.Lock()
		u.host.m = txn.Import(u.before)
		u.host.m.Restart(e.Now())
		u.host.lsn = min(u.host.lsn, durable)
		u.host.Unlock()
	}
	e.publish.Lock()
	list := e.publish.list
	e.publish.list = nil
	e.publish.Unlock()
	for _, p := range list {
		p.TakeBack(durable)
		p.Publish(durable)
	}
	e.giveReserve()
	e.takenBack.Store(true)
	signal(e.timersKick)
}

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }

// resume leaves the full state once the disk has room again, the reserve first.
func (e *Engine) resume() {
	if err := e.takeReserve(); err != nil || !e.full.Load() {
		return // tried again after retryAfter
	}
	// From Resume on the log takes records that a full disk may refuse, and none may depend on them and pass. The lock lets
	// an end that is being queued as reserved go first.
	e.settle.Lock()
	e.takenBack.Store(false)
	e.settle.Unlock()
	if err := e.log.Resume(); err != nil {
		e.giveReserve()
		e.takenBack.Store(true)
		return
	}
	e.full.Store(false)
	e.c.Logger.Info("disk has room again: records are taken", "dir", e.dir)
}
