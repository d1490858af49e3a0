package state

import (
	"fmt"
	"path"

	"github.com/millrun/millrun/internal/vfs"
)

// Contents is what a store says of itself.
type Contents struct {
	Identity Identity
	Tables   []string // by number
	// Barrier and BarrierBatch are of the newest barrier: what is surely on disk. Newest and NewestBatch are of the newest batch
	// in LevelDB; a store that was stopped in good order has the same there.
	Barrier, Newest           Mark
	BarrierBatch, NewestBatch uint64
}

// StoredEntry is one entry of a table as it stands in a store. Its bytes are valid in the call that gives them.
type StoredEntry struct {
	Table  string
	Sorted []byte // the key in the form that the store orders by; the log's form where the key's codec has no other
	Schema string // name of the value's schema; "" for none
	Value  []byte
}

// Inspect reads the store in dir, changes nothing, and gives what it says of itself and each entry, by table and then in the
// order of the store; visit may be nil, and its error ends the walk and is returned. What cannot be read comes as a Finding,
// as from Check. A store that is open is an error that wraps vfs.ErrLocked.
func Inspect(files vfs.FS, dir string, visit func(StoredEntry) error) (Contents, []Finding, error) {
	var found []Finding
	var stop error
	in := inspection{
		wrong: func(file, what string) { found = append(found, Finding{file, what}) },
		entry: func(e StoredEntry) bool {
			if visit != nil {
				stop = visit(e)
			}
			return stop == nil
		},
	}
	err := in.run(files, dir)
	if stop != nil {
		err = stop
	}
	return in.contents, found, err
}

// IsStore says whether dir is the directory of a store: whether there is something that Check could look at.
func IsStore(files vfs.FS, dir string) bool {
	info, err := files.Stat(path.Join(dir, liveDir))
	return err == nil && info.Dir
}

// String is the mark in one line. The position is the journal's form, in hexadecimal.
func (m Mark) String() string {
	return fmt.Sprintf("commit %d time %d journal %d/%d changelogs %v position %x", m.Commit, m.Time, m.Journal.Next,
		m.Journal.Epoch, m.Changelogs, m.Position)
}
