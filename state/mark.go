package state

import (
	"bytes"
	"slices"
)

// Mark says how far a store has come. It is written in the same batch as the entries it speaks of.
type Mark struct {
	// Commit is the number of the task's last commit in the store; 0 before the first.
	Commit int64
	// Position is the task's position after that commit, in the form of the journal; the store never looks inside.
	Position []byte
	// Journal and Changelogs say what of each log is in the store. Changelogs follow the order of Identity.Changelogs.
	Journal    Applied
	Changelogs []Applied
	// Time is when the newest entry was written to its log, in ms since 1970; 0 before the first.
	Time int64
}

// Applied is how far a store has followed one partition.
type Applied struct {
	Next  int64 // the next offset to apply; 0: nothing yet
	Epoch int32 // leader epoch of the batch before Next
}

// clone copies what the mark points to, so that nobody shares bytes with the store.
func (m Mark) clone() Mark {
	m.Position = bytes.Clone(m.Position)
	m.Changelogs = slices.Clone(m.Changelogs)
	return m
}
