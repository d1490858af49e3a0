package state

import (
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/millrun/millrun/internal/vfs"
)

// Finding is one thing that Check found wrong.
type Finding struct {
	File string // path of the file or directory
	What string // what is wrong and what was expected
}

// String gives "file: what".
func (f Finding) String() string { return f.File + ": " + f.What }

// Check reads the whole store in dir, changes nothing, and tells everything that is wrong with it; nothing found: nil. A store
// that is open is an error that wraps vfs.ErrLocked.
func Check(files vfs.FS, dir string) ([]Finding, error) {
	var found []Finding
	err := inspect(files, dir, func(file, what string) { found = append(found, Finding{file, what}) }, nil)
	return found, err
}

// Dump writes the store in dir as text, one thing a line: its identity, its marks, then every entry with its table, key and
// value, quoted, in the order of LevelDB (which is that of the sort form). It changes nothing. What is wrong comes as a line that
// begins with "wrong".
func Dump(w io.Writer, files vfs.FS, dir string) error {
	out := &lines{w: w}
	err := inspect(files, dir, func(file, what string) { out.line("wrong %s: %s", file, what) }, out)
	return errors.Join(err, out.err)
}

// lines writes lines and keeps the first fault. A nil lines writes nothing.
type lines struct {
	w   io.Writer
	err error
}

func (l *lines) line(format string, args ...any) {
	if l != nil && l.err == nil {
		_, l.err = fmt.Fprintf(l.w, format+"\n", args...)
	}
}

func inspect(files vfs.FS, dir string, wrong func(file, what string), out *lines) error {
	if _, err := files.Stat(dir); err != nil {
		return fmt.Errorf("state: check %s: %w", dir, err)
	}
	if lock, err := files.Lock(path.Join(dir, lockFile)); err == nil {
		defer lock.Close() // held so that nobody opens the store meanwhile
	} else if errors.Is(err, vfs.ErrLocked) {
		return fmt.Errorf("state: check %s: the store is in use: %w", dir, err)
	} // else a medium that cannot be written to: nobody has it open either
	live := path.Join(dir, liveDir)
	note, err := readFile(files, path.Join(live, suspectFile))
	if err == nil {
		wrong(path.Join(live, suspectFile), "damage was found while the store was in use: "+string(note))
	}
	b, err := readBarrier(files, live)
	if err != nil {
		wrong(path.Join(live, barrierFile), err.Error())
	} else {
		out.line("cluster %q journal %x changelogs %x", b.identity.ClusterID, b.identity.Journal, b.identity.Changelogs)
		out.line("tables %q", b.tables)
		out.line("barrier batch %d %s", b.inner.batch, showMark(b.inner.mark))
	}
	c := Config{FS: files}.withDefaults()
	back, err := openLevel(&c, live, false, true)
	switch {
	case err != nil && b.inner.batch == 0 && errors.Is(err, errDamaged):
		return nil // LevelDB comes after the first barrier file; a crash between leaves this
	case errors.Is(err, errDamaged):
		wrong(live, err.Error())
		return nil
	case err != nil:
		return fmt.Errorf("state: check %s: %w", dir, err)
	}
	inspectEntries(back, live, &b, wrong, out)
	return back.close()
}

// inspectEntries walks all of LevelDB.
func inspectEntries(back backend, live string, b *barrier, wrong func(file, what string), out *lines) {
	in, err := readInner(back)
	switch {
	case err != nil:
		wrong(live, err.Error())
	case in.batch < b.inner.batch:
		wrong(live, fmt.Sprintf("the newest batch is %d, the barrier had %d", in.batch, b.inner.batch))
	default:
		out.line("newest batch %d %s", in.batch, showMark(in.mark))
	}
	c, err := back.scan(nil, nil)
	if err != nil {
		wrong(live, err.Error())
		return
	}
	for c.next() {
		if string(c.key()) != string(markKey) {
			inspectEntry(c.key(), c.value(), live, b.tables, wrong, out)
		}
	}
	if err := c.close(); err != nil {
		wrong(live, err.Error())
	}
}

func inspectEntry(key, stored []byte, live string, tables []string, wrong func(file, what string), out *lines) {
	if len(key) < prefixBytes || key[0] != tablePrefix {
		wrong(live, fmt.Sprintf("key %q: want %02x and the number of a table", key, tablePrefix))
		return
	}
	table := int(key[1])<<8 | int(key[2])
	if table >= len(tables) {
		wrong(live, fmt.Sprintf("key %q: it is of table %d, and there are %d", key, table, len(tables)))
		return
	}
	name, value, err := cutEntry(stored)
	if err != nil {
		wrong(live, fmt.Sprintf("key %q of table %s: %v", key[prefixBytes:], tables[table], err))
		return
	}
	if name != nil {
		out.line("%s %q %q schema %q", tables[table], key[prefixBytes:], value, name)
		return
	}
	out.line("%s %q %q", tables[table], key[prefixBytes:], value)
}

func showMark(m Mark) string {
	return fmt.Sprintf("commit %d time %d journal %d/%d changelogs %v position %x", m.Commit, m.Time, m.Journal.Next, m.Journal.Epoch, m.Changelogs, m.Position)
}
