package engine

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/partition"
	"github.com/millrun/millrun/brokerlite/internal/txn"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// txns are the transactional ids, each with a lock of its own: producers do not wait for one another.
type txns struct {
	sync.Mutex
	byID map[string]*transactional
}

// transactional hosts the machine of one id.
type transactional struct {
	sync.Mutex
	m   *txn.Machine
	lsn wal.LSN // newest record about it: what every answer waits for (S-48)

	seen time.Time // somebody used it, or recovery met it
}

// transactionalIDExpiration is how long an id without a transaction is remembered after its last use, as
// transactional.id.expiration.ms of Kafka's broker. Whoever comes later begins anew with InitProducerId.
const transactionalIDExpiration = 7 * 24 * time.Hour

// forget drops the ids that nobody has used since limit, if there are many: an owner that was quiet for so long is told that
// its id is another's, which most clients take for the end, so it is not done without need. The gate is held for writing:
// nobody holds a host.
func (t *txns) forget(limit time.Time) {
	t.Lock()
	defer t.Unlock()
	if len(t.byID) <= maxTransactionalIDs/2 {
		return
	}
	for id, h := range t.byID {
		if !h.m.Open && h.seen.Before(limit) {
			delete(t.byID, id)
		}
	}
}

// Producer is the producer id and epoch of an answer.
type Producer struct {
	ID    int64
	Epoch int16
	LSN   wal.LSN
}

func (t *txns) find(id string) *transactional {
	t.Lock()
	defer t.Unlock()
	return t.byID[id]
}

// maxTransactionalIDs bounds the ids remembered. Above it new ones are refused with COORDINATOR_NOT_AVAILABLE; those known
// go on. From half of it on a checkpoint forgets those that are idle (forget).
const maxTransactionalIDs = 100_000

// findOrMake gives the host of an id; nil when it is new and there are too many.
func (t *txns) findOrMake(id string, now time.Time) *transactional {
	t.Lock()
	defer t.Unlock()
	h := t.byID[id]
	if h == nil && len(t.byID) < maxTransactionalIDs {
		h = &transactional{m: txn.New(id), seen: now}
		t.byID[id] = h
	}
	return h
}

func (t *txns) all() []*transactional {
	t.Lock()
	defer t.Unlock()
	return slices.Collect(maps.Values(t.byID))
}

// freshPID gives a producer id nobody has. The record that names it keeps it from being given again.
func (e *Engine) freshPID() int64 { return e.nextPID.Add(1) - 1 }

func (e *Engine) sawPID(pid int64) {
	if pid >= e.nextPID.Load() {
		e.nextPID.Store(pid + 1)
	}
}

// NewProducerID gives an id to an idempotent producer without transactions.
func (e *Engine) NewProducerID() (Producer, int16) {
	e.gate.RLock()
	defer e.gate.RUnlock()
	pid := e.freshPID()
	lsn, err := e.Log(meta.TypeProducerID, meta.AppendNumber(nil, pid))
	if err != nil {
		return Producer{ID: -1, Epoch: -1}, kerr.CoordinatorNotAvailable.Code
	}
	return Producer{ID: pid, LSN: lsn}, 0
}

// InitProducer gives a transactional id's owner its producer id and epoch. An open transaction is aborted first.
func (e *Engine) InitProducer(id string, pid int64, epoch int16, timeout time.Duration) (Producer, int16) {
	e.gate.RLock()
	defer e.gate.RUnlock()
	h := e.txns.findOrMake(id, e.Now())
	if h == nil {
		return Producer{ID: -1, Epoch: -1}, kerr.CoordinatorNotAvailable.Code
	}
	h.Lock()
	defer h.Unlock()
	v := h.m.Init(pid, epoch, timeout, e.freshPID)
	answer := Producer{ID: v.PID, Epoch: v.Epoch}
	if v.End != nil {
		if err := e.end(h, v.End, false); err != nil {
			return Producer{ID: -1, Epoch: -1}, kerr.CoordinatorNotAvailable.Code
		}
	}
	if v.Init != nil {
		if err := e.change(h, nil, meta.TypeTxnInit, v.Init.Append(nil)); err != nil {
			return Producer{ID: -1, Epoch: -1}, kerr.CoordinatorNotAvailable.Code
		}
		h.m.ApplyInit(v.Init)
	}
	answer.LSN = h.lsn
	return answer, v.Code
}

// change queues a record about a transactional id, whose lock is held, and notes how to take it back. The caller folds it
// on success.
func (e *Engine) change(h *transactional, end *meta.TxnEnd, kind meta.Type, payload []byte) error {
	before := h.m.Export()
	e.settle.Lock()
	defer e.settle.Unlock()
	log := e.Log
	if end != nil {
		log = func(kind meta.Type, payload ...[]byte) (wal.LSN, error) { return e.logEnd(kind, payload[0]) }
	}
	lsn, err := log(kind, payload)
	if err != nil {
		return err
	}
	h.lsn, h.seen = lsn, e.Now()
	e.settle.list = append(e.settle.list, unsettled{lsn: lsn, host: h, before: before, end: end})
	return nil
}

// end ends the open transaction of h, whose lock is held: markers in all partitions and one record (S-50, S-54).
func (e *Engine) end(h *transactional, r *meta.TxnEnd, timedOut bool) error {
	now := e.Now()
	r.Timestamp = now.UnixMilli()
	marks, err := e.mark(h, r, now)
	if isFull(err) && e.giveReserve() {
		r.Markers = nil
		marks, err = e.mark(h, r, now)
	}
	if err != nil {
		return err
	}
	for _, k := range marks {
		k.Announce()
	}
	kind := meta.TypeTxnEnd
	if timedOut {
		kind = meta.TypeTxnTimedOut
	}
	if err := e.change(h, r, kind, r.Append(nil)); err != nil {
		for _, k := range slices.Backward(marks) {
			k.Refused()
		}
		return err
	}
	for _, k := range marks {
		k.Marked(r, h.lsn, now)
	}
	h.m.ApplyEnd(r, timedOut)
	return nil
}

// mark locks the partitions in order of handles and writes their markers; all or none. One that was deleted or refuses to
// work is left out: its fault has been reported, and the others must not wait for it. It gets its marker when it is opened
// again (payMarkers).
func (e *Engine) mark(h *transactional, r *meta.TxnEnd, now time.Time) ([]*partition.Marking, error) {
	var marks []*partition.Marking
	catalog := e.Catalog()
	for _, handle := range h.m.Partitions() {
		p := catalog.byHandle[handle]
		if p == nil {
			continue
		}
		k, m, err := p.Mark(r, now)
		if err != nil && p.Fault() != nil {
			p.Owe()
			continue
		}
		if err != nil {
			for _, k := range slices.Backward(marks) {
				k.Unmark()
			}
			return nil, err
		}
		marks = append(marks, k)
		r.Markers = append(r.Markers, m)
	}
	return marks, nil
}

// EndTransaction answers EndTxn version 5.
func (e *Engine) EndTransaction(id string, pid int64, epoch int16, commit bool) (Producer, int16) {
	e.gate.RLock()
	defer e.gate.RUnlock()
	h := e.txns.find(id)
	if h == nil {
		return Producer{ID: -1, Epoch: -1}, kerr.InvalidProducerIDMapping.Code
	}
	h.Lock()
	defer h.Unlock()
	v := h.m.End(pid, epoch, commit, e.freshPID)
	if v.End != nil {
		if err := e.end(h, v.End, false); err != nil {
			return Producer{ID: -1, Epoch: -1}, kerr.CoordinatorNotAvailable.Code
		}
	}
	return Producer{ID: v.PID, Epoch: v.Epoch, LSN: h.lsn}, v.Code
}

// AppendTransactional appends a batch of a transaction and, with join, adds the partition to it (Produce 12 and later).
func (e *Engine) AppendTransactional(id string, p *partition.Partition, b recordbatch.Batch, join bool) (partition.Appended, int16) {
	e.gate.RLock()
	defer e.gate.RUnlock()
	h := e.txns.find(id)
	if h == nil {
		return partition.Appended{}, kerr.InvalidProducerIDMapping.Code
	}
	h.Lock()
	defer h.Unlock()
	if code := h.m.Write(b.ProducerID(), b.ProducerEpoch()); code != 0 {
		return partition.Appended{LSN: h.lsn}, code
	}
	if !join && !h.m.Has(p.Handle) {
		return partition.Appended{LSN: h.lsn}, kerr.InvalidTxnState.Code
	}
	now := e.Now()
	a, code := p.Append(b, now)
	if code == 0 {
		e.opened(h, func() { h.m.ApplyWrite(p.Handle, now) })
	}
	return a, code
}

// opened folds something that may begin a transaction, whose timeout then runs.
func (e *Engine) opened(h *transactional, fold func()) {
	was := h.m.Open
	fold()
	if !was {
		e.remind(h.m.Deadline())
	}
}

// Append appends a batch outside transactions.
func (e *Engine) Append(p *partition.Partition, b recordbatch.Batch) (partition.Appended, int16) {
	e.gate.RLock()
	defer e.gate.RUnlock()
	return p.Append(b, e.Now())
}

// StageOffsets answers TxnOffsetCommit version 5: the offsets join the transaction. The answer leaves when lsn is durable.
func (e *Engine) StageOffsets(req *kmsg.TxnOffsetCommitRequest) (resp *kmsg.TxnOffsetCommitResponse, lsn wal.LSN, code int16) {
	e.gate.RLock()
	defer e.gate.RUnlock()
	h := e.txns.find(req.TransactionalID)
	if h == nil {
		return nil, 0, kerr.InvalidProducerIDMapping.Code
	}
	h.Lock()
	defer h.Unlock()
	if code := h.m.Stage(req.ProducerID, req.ProducerEpoch); code != 0 {
		return nil, h.lsn, code
	}
	if e.Full() {
		return nil, 0, kerr.CoordinatorNotAvailable.Code
	}
	e.groups.Lock()
	defer e.groups.Unlock()
	now := e.Now()
	resp, record := e.groups.m.StageOffsets(req.ProducerID, req.ProducerEpoch, req, now)
	if record == nil {
		return resp, max(h.lsn, e.groups.lsn), 0
	}
	staged := meta.TxnOffsets{ID: h.m.ID, Group: req.Group, Record: record}
	lsn, err := e.logReserved(meta.TypeTxnOffsets, staged.Append(nil))
	if err != nil {
		// The group machine has folded it already: it and the log have parted.
		e.fail(err)
		return nil, 0, kerr.CoordinatorNotAvailable.Code
	}
	h.lsn, e.groups.lsn = lsn, lsn
	e.opened(h, func() { h.m.ApplyStage(req.Group, now) })
	return resp, lsn, 0
}

// expire aborts the transactions whose time has run out and gives the next deadline, zero for none.
func (e *Engine) expire(now time.Time) time.Time {
	var next time.Time
	for _, h := range e.txns.all() {
		if d := e.expireOne(h, now); !d.IsZero() && (next.IsZero() || d.Before(next)) {
			next = d
		}
	}
	return next
}

func (e *Engine) expireOne(h *transactional, now time.Time) time.Time {
	e.gate.RLock()
	defer e.gate.RUnlock()
	h.Lock()
	defer h.Unlock()
	r := h.m.Expire(now, e.freshPID)
	if r == nil {
		return h.m.Deadline()
	}
	if err := e.end(h, r, true); err != nil {
		return now.Add(retryAfter)
	}
	e.c.Logger.Warn("transaction timed out and was aborted", "id", h.m.ID, "producer", r.PID, "epoch", r.Epoch,
		"timeout", h.m.Timeout)
	return time.Time{}
}

// WaitCode is Wait for answers about transactions: a full disk becomes a code that the client may retry.
func (e *Engine) WaitCode(ctx context.Context, lsn wal.LSN, refused *kerr.Error) (int16, error) {
	err := e.Wait(ctx, lsn)
	switch {
	case err == nil:
		return 0, nil
	case isFull(err):
		return refused.Code, nil
	case e.Err() != nil:
		return 0, e.Err()
	}
	return 0, err
}
