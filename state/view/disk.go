package view

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
)

// disk is the part of Config.Dir that belongs to one table: a lock file, and a directory for each copy, named like the
// changelog. A changelog that has to be read once more while its first copy still answers, or is iterated over, gets a
// directory with a number behind the name; the next view that starts gives it its proper name.
type disk struct {
	files vfs.FS
	root  string
	table string // "application.processor.table", what the names of all its changelogs begin with
	lock  io.Closer
	mu    struct {
		sync.Mutex
		used  map[string]bool // directories of copies that are open
		ended bool            // no further copy comes: the last one to leave gives the lock back
	}
}

// again separates the name of a changelog from the number of a further copy.
const again = ".again"

func openDisk(files vfs.FS, root, app string, owner *decl.Processor, table *decl.Table) (*disk, error) {
	d := &disk{files: files, root: root, table: app + "." + owner.Name + "." + table.Name}
	lock, err := state.LockFile(files, root, d.table+".LOCK", "another view of this table")
	if err != nil {
		return nil, err
	}
	d.lock = lock
	d.mu.used = map[string]bool{}
	return d, nil
}

// take gives the directory for a copy of a changelog, and removes the copies of other editions that nobody has open.
func (d *disk) take(changelog string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.sweep(changelog); err != nil {
		return "", fmt.Errorf("remove old copies from %s: %w", d.root, err)
	}
	name := changelog
	for n := 1; d.mu.used[name]; n++ {
		name = changelog + again + strconv.Itoa(n)
	}
	d.mu.used[name] = true
	return path.Join(d.root, name), nil
}

// sweep removes what earlier views have left, but for the copy of changelog. d.mu is held, by design over the disk: whoever
// leaves meanwhile must not find his directory gone.
func (d *disk) sweep(changelog string) error {
	names, err := d.files.List(d.root)
	if err != nil {
		return err
	}
	there, changed := d.mu.used[changelog], false
	for _, name := range names { // sorted: the proper name comes before those with numbers
		switch topic, further, ours := d.parse(name); {
		case !ours || d.mu.used[name]:
			continue
		case topic == changelog && !further:
			there = true
			continue
		case topic == changelog && !there:
			err = d.files.Rename(path.Join(d.root, name), path.Join(d.root, changelog))
			there = true
		default:
			err = d.files.RemoveAll(path.Join(d.root, name))
		}
		if err != nil {
			return err
		}
		changed = true
	}
	if changed {
		return d.files.SyncDir(d.root)
	}
	return nil
}

// parse tells whether a name is that of a copy of this table, of which changelog, and whether it has a number behind it.
func (d *disk) parse(name string) (changelog string, further, ours bool) {
	changelog, number, further := strings.Cut(name, again)
	edition, ours := strings.CutPrefix(changelog, d.table+".e")
	return changelog, further, ours && isNumber(edition) && (!further || isNumber(number))
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 31)
	return err == nil
}

// leave says that the copy in dir is closed, and removes it if it is obsolete.
func (d *disk) leave(dir string, obsolete bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var err error
	if obsolete {
		err = d.files.RemoveAll(dir)
	}
	delete(d.mu.used, path.Base(dir))
	return errors.Join(err, d.unlock())
}

// end says that no further copy comes.
func (d *disk) end() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.ended = true
	return d.unlock()
}

// unlock gives the lock back when all is over. d.mu is held.
func (d *disk) unlock() error {
	if !d.mu.ended || len(d.mu.used) > 0 || d.lock == nil {
		return nil
	}
	lock := d.lock
	d.lock = nil
	return lock.Close()
}

// storageError is a fault of the directory: the view follows no more, and what it has can still be read.
type storageError struct{ err error }

func (e *storageError) Error() string { return e.err.Error() }
func (e *storageError) Unwrap() error { return e.err }
