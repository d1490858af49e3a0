// Package txn is the transaction coordinator of one transactional id, as a pure machine of the second transaction
// protocol (KIP-890): requests and time come in, verdicts and records come out. The host appends the records to the log,
// applies them here in the same order, and answers when they are durable. Recovery applies the same records.
//
//	v := m.End(pid, epoch, true, now)
//	if v.End != nil { place markers, append, m.ApplyEnd(v.End, false) }
//	answer v.Code, v.PID, v.Epoch
//
// Rules S10, S11 and S16 of the protocol notes, S-53 and S-54 of docs/semantics.md.
package txn

import (
	"time"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/twmb/franz-go/pkg/kerr"
)

// MaxEpoch is the last epoch a producer is given; the one above it only ever fences.
const MaxEpoch = 32766

// Result says how the last transaction of the present owner ended.
type Result int8

const (
	None      Result = iota // none ended since the owner came
	Committed               // by the owner
	Aborted                 // by the owner
	TimedOut                // by the broker: the owner may learn of it with an abort, never with a commit
)

// Machine is the coordinator of one transactional id. Not safe for concurrent use. Machines are made by New and by
// Import.
//
// What holds: Open is true exactly while the transaction has partitions or groups or was begun by a duplicate of neither;
// LastPID is -1 or names the same owner's id before the newest change; a machine without an Init has PID -1.
type Machine struct {
	ID        string
	PID       int64
	Epoch     int16
	LastPID   int64
	LastEpoch int16
	Timeout   time.Duration
	Result    Result
	Open      bool

	deadline   time.Time
	partitions map[meta.Handle]struct{}
	groups     map[string]struct{}
}

// New makes the machine of an id nobody has used.
func New(id string) *Machine {
	return &Machine{ID: id, PID: -1, Epoch: -1, LastPID: -1, LastEpoch: -1,
		partitions: map[meta.Handle]struct{}{}, groups: map[string]struct{}{}}
}

// Verdict is what a request leads to. The host first carries out End, then Init, where they are set.
type Verdict struct {
	Code  int16         // Kafka error code, 0: success
	PID   int64         // for the answer
	Epoch int16         // for the answer
	End   *meta.TxnEnd  // a transaction ends; the host fills in Timestamp, Markers and Groups are set
	Init  *meta.TxnInit // the id gets a producer id or epoch
}

func refuse(e *kerr.Error) Verdict { return Verdict{Code: e.Code, PID: -1, Epoch: -1} }

// Init answers InitProducerId. pid and epoch are -1 from a new owner; an owner that goes on gives what it has. fresh
// gives a producer id nobody has had.
func (m *Machine) Init(pid int64, epoch int16, timeout time.Duration, fresh func() int64) Verdict {
	claimed := pid >= 0
	switch {
	case !claimed || m.PID < 0:
	case pid == m.PID && epoch == m.Epoch:
	case pid == m.LastPID && epoch == m.LastEpoch && !m.Open:
		// A repeat, or the first word of an owner whose transaction timed out: the bump it asks for has happened.
		return Verdict{PID: m.PID, Epoch: m.Epoch}
	default:
		return refuse(kerr.ProducerFenced)
	}
	v := Verdict{PID: m.PID, Epoch: m.Epoch}
	if m.Open {
		// The end of the old transaction bumps the epoch already; a second bump would be a hole without use.
		v.End = m.end(false, fresh)
		v.PID, v.Epoch = v.End.NextPID, v.End.NextEpoch
	} else {
		v.PID, v.Epoch = m.next(fresh)
	}
	v.Init = &meta.TxnInit{ID: m.ID, PID: v.PID, Epoch: v.Epoch, LastPID: -1, LastEpoch: -1,
		TimeoutMillis: timeout.Milliseconds()}
	if claimed && m.PID >= 0 {
		v.Init.LastPID, v.Init.LastEpoch = m.PID, m.Epoch
	}
	return v
}

// next is the producer id and epoch after the present ones.
func (m *Machine) next(fresh func() int64) (int64, int16) {
	if m.PID < 0 || m.Epoch >= MaxEpoch {
		return fresh(), 0
	}
	return m.PID, m.Epoch + 1
}

func (m *Machine) end(commit bool, fresh func() int64) *meta.TxnEnd {
	e := &meta.TxnEnd{ID: m.ID, PID: m.PID, Epoch: m.Epoch, Commit: commit, MarkerEpoch: m.Epoch + 1}
	e.NextPID, e.NextEpoch = m.next(fresh)
	for g := range m.groups {
		e.Groups = append(e.Groups, g)
	}
	sortStrings(e.Groups)
	return e
}

// Write says whether a transactional batch of this producer may be appended now, which adds the partition to the
// transaction. After the append the host calls ApplyWrite.
func (m *Machine) Write(pid int64, epoch int16) int16 {
	switch {
	case pid != m.PID:
		if pid == m.LastPID {
			return kerr.InvalidProducerEpoch.Code
		}
		return kerr.InvalidProducerIDMapping.Code
	case epoch != m.Epoch:
		return kerr.InvalidProducerEpoch.Code
	}
	return 0
}

// Stage says whether this producer may stage offsets now. After the record the host calls ApplyStage.
func (m *Machine) Stage(pid int64, epoch int16) int16 {
	switch {
	case pid != m.PID && pid != m.LastPID || m.PID < 0:
		return kerr.InvalidProducerIDMapping.Code
	case pid != m.PID || epoch != m.Epoch:
		return kerr.ProducerFenced.Code
	}
	return 0
}

// End answers EndTxn version 5. A repeat, known by the epoch before the present one, succeeds again if it asks for what
// happened.
func (m *Machine) End(pid int64, epoch int16, commit bool, fresh func() int64) Verdict {
	switch {
	case m.PID < 0 || pid != m.PID && pid != m.LastPID:
		return refuse(kerr.InvalidProducerIDMapping)
	case pid == m.PID && epoch == m.Epoch:
		return m.endPresent(commit, fresh)
	case pid == m.LastPID && epoch == m.LastEpoch && !m.Open:
		return m.endAgain(commit)
	}
	return refuse(kerr.ProducerFenced)
}

func (m *Machine) endPresent(commit bool, fresh func() int64) Verdict {
	if commit && !m.Open {
		return refuse(kerr.InvalidTxnState)
	}
	e := m.end(commit, fresh)
	return Verdict{PID: e.NextPID, Epoch: e.NextEpoch, End: e}
}

func (m *Machine) endAgain(commit bool) Verdict {
	same := Verdict{PID: m.PID, Epoch: m.Epoch}
	switch m.Result {
	case Committed:
		if commit {
			return same
		}
		return refuse(kerr.InvalidTxnState)
	case Aborted:
		if !commit {
			return same
		}
		return refuse(kerr.InvalidTxnState)
	case TimedOut:
		if !commit {
			return same
		}
	}
	return refuse(kerr.ProducerFenced)
}

// Expire gives the end of a transaction whose time has run out, nil while there is none.
func (m *Machine) Expire(now time.Time, fresh func() int64) *meta.TxnEnd {
	if !m.Open || now.Before(m.deadline) {
		return nil
	}
	return m.end(false, fresh)
}

// Deadline is when Expire has something to say; zero while no transaction is open.
func (m *Machine) Deadline() time.Time {
	if !m.Open {
		return time.Time{}
	}
	return m.deadline
}

// Began is when the open transaction began, zero while none is open. After a restart of the broker it counts from there.
func (m *Machine) Began() time.Time {
	if !m.Open {
		return time.Time{}
	}
	return m.deadline.Add(-m.Timeout)
}

// Partitions are the partitions of the open transaction, in order of their handles.
func (m *Machine) Partitions() []meta.Handle { return sortedHandles(m.partitions) }

// Has says whether a partition is in the open transaction.
func (m *Machine) Has(h meta.Handle) bool {
	_, found := m.partitions[h]
	return found
}
