package txn

import (
	"slices"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/meta"
)

// ApplyInit folds a TypeTxnInit record.
func (m *Machine) ApplyInit(r *meta.TxnInit) {
	m.PID, m.Epoch = r.PID, r.Epoch
	m.LastPID, m.LastEpoch = r.LastPID, r.LastEpoch
	m.Timeout = time.Duration(r.TimeoutMillis) * time.Millisecond
	m.Result = None
}

// ApplyWrite folds a transactional batch: it opens the transaction or continues it.
func (m *Machine) ApplyWrite(h meta.Handle, now time.Time) {
	m.open(now)
	m.partitions[h] = struct{}{}
}

// ApplyStage folds staged offsets of a group.
func (m *Machine) ApplyStage(group string, now time.Time) {
	m.open(now)
	m.groups[group] = struct{}{}
}

func (m *Machine) open(now time.Time) {
	if m.Open {
		return
	}
	m.Open = true
	m.deadline = now.Add(m.Timeout)
}

// ApplyEnd folds the end of a transaction.
func (m *Machine) ApplyEnd(e *meta.TxnEnd, timedOut bool) {
	m.LastPID, m.LastEpoch = e.PID, e.Epoch
	m.PID, m.Epoch = e.NextPID, e.NextEpoch
	switch {
	case timedOut:
		m.Result = TimedOut
	case e.Commit:
		m.Result = Committed
	default:
		m.Result = Aborted
	}
	m.Open = false
	clear(m.partitions)
	clear(m.groups)
}

// Restart gives an open transaction its whole timeout again, from now (S-53).
func (m *Machine) Restart(now time.Time) { m.deadline = now.Add(m.Timeout) }

// Forget takes a deleted partition out of the transaction.
func (m *Machine) Forget(h meta.Handle) { delete(m.partitions, h) }

// Export is the machine as the snapshot keeps it.
func (m *Machine) Export() meta.Txn {
	t := meta.Txn{
		TxnInit: meta.TxnInit{ID: m.ID, PID: m.PID, Epoch: m.Epoch, LastPID: m.LastPID, LastEpoch: m.LastEpoch,
			TimeoutMillis: m.Timeout.Milliseconds()},
		Result: int8(m.Result), Open: m.Open, Partitions: sortedHandles(m.partitions),
	}
	for g := range m.groups {
		t.Groups = append(t.Groups, g)
	}
	sortStrings(t.Groups)
	return t
}

// Import makes a machine from what Export gave.
func Import(t meta.Txn) *Machine {
	m := New(t.ID)
	m.ApplyInit(&t.TxnInit)
	m.Result, m.Open = Result(t.Result), t.Open
	for _, h := range t.Partitions {
		m.partitions[h] = struct{}{}
	}
	for _, g := range t.Groups {
		m.groups[g] = struct{}{}
	}
	return m
}

func sortedHandles(set map[meta.Handle]struct{}) []meta.Handle {
	hs := make([]meta.Handle, 0, len(set))
	for h := range set {
		hs = append(hs, h)
	}
	slices.Sort(hs)
	return hs
}

func sortStrings(s []string) { slices.Sort(s) }
