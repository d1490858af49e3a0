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
	in := inspection{wrong: func(file, what string) { found = append(found, Finding{file, what}) }}
	err := in.run(files, dir)
	return found, err
}

// Dump writes the store in dir as text, one thing a line: its identity, its marks, then every entry with its table, key and
// value, quoted, in the order of LevelDB (which is that of the sort form). It changes nothing. What is wrong comes as a line that
// begins with "wrong".
func Dump(w io.Writer, files vfs.FS, dir string) error {
	out := &lines{w: w}
	in := inspection{
		wrong: func(file, what string) { out.line("wrong %s: %s", file, what) },
		head: func(b *barrier) {
			out.line("cluster %q journal %x changelogs %x", b.identity.ClusterID, b.identity.Journal, b.identity.Changelogs)
			out.line("tables %q", b.tables)
			out.line("barrier batch %d %s", b.inner.batch, b.inner.mark)
		},
		newest: func(in *inner) { out.line("newest batch %d %s", in.batch, in.mark) },
		entry: func(e StoredEntry) bool {
			if e.Schema != "" {
				out.line("%s %q %q schema %q", e.Table, e.Sorted, e.Value, e.Schema)
			} else {
				out.line("%s %q %q", e.Table, e.Sorted, e.Value)
			}
			return true
		},
	}
	err := in.run(files, dir)
	return errors.Join(err, out.err)
}

// lines writes lines and keeps the first fault.
type lines struct {
	w   io.Writer
	err error
}

func (l *lines) line(format string, args ...any) {
	if l.err == nil {
		_, l.err = fmt.Fprintf(l.w, format+"\n", args...)
	}
}

// inspection is a walk over a store that nobody has open. All but wrong may be nil.
type inspection struct {
	wrong    func(file, what string)
	head     func(*barrier)
	newest   func(*inner)
	entry    func(StoredEntry) (more bool)
	contents Contents
}

func (in *inspection) run(files vfs.FS, dir string) error {
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
		in.wrong(path.Join(live, suspectFile), "damage was found while the store was in use: "+string(note))
	}
	b, err := readBarrier(files, live)
	if err != nil {
		in.wrong(path.Join(live, barrierFile), err.Error())
	} else {
		in.contents.Identity, in.contents.Tables = b.identity, b.tables
		in.contents.Barrier, in.contents.BarrierBatch = b.inner.mark, b.inner.batch
		if in.head != nil {
			in.head(&b)
		}
	}
	c := Config{FS: files}.withDefaults()
	back, err := openLevel(&c, live, false, true)
	switch {
	case err != nil && b.inner.batch == 0 && errors.Is(err, errDamaged):
		return nil // LevelDB comes after the first barrier file; a crash between leaves this
	case errors.Is(err, errDamaged):
		in.wrong(live, err.Error())
		return nil
	case err != nil:
		return fmt.Errorf("state: check %s: %w", dir, err)
	}
	in.entries(back, live, &b)
	return back.close()
}

// entries walks all of LevelDB.
func (in *inspection) entries(back backend, live string, b *barrier) {
	newest, err := readInner(back)
	switch {
	case err != nil:
		in.wrong(live, err.Error())
	case newest.batch < b.inner.batch:
		in.wrong(live, fmt.Sprintf("the newest batch is %d, the barrier had %d", newest.batch, b.inner.batch))
	default:
		in.contents.Newest, in.contents.NewestBatch = newest.mark, newest.batch
		if in.newest != nil {
			in.newest(&newest)
		}
	}
	c, err := back.scan(nil, nil)
	if err != nil {
		in.wrong(live, err.Error())
		return
	}
	for c.next() {
		if string(c.key()) != string(markKey) && !in.one(c.key(), c.value(), live, b.tables) {
			break
		}
	}
	if err := c.close(); err != nil {
		in.wrong(live, err.Error())
	}
}

// one looks at one pair of LevelDB; false: it was enough.
func (in *inspection) one(key, stored []byte, live string, tables []string) (more bool) {
	if len(key) < prefixBytes || key[0] != tablePrefix {
		in.wrong(live, fmt.Sprintf("key %q: want %02x and the number of a table", key, tablePrefix))
		return true
	}
	table := int(key[1])<<8 | int(key[2])
	if table >= len(tables) {
		in.wrong(live, fmt.Sprintf("key %q: it is of table %d, and there are %d", key, table, len(tables)))
		return true
	}
	name, value, err := cutEntry(stored)
	if err != nil {
		in.wrong(live, fmt.Sprintf("key %q of table %s: %v", key[prefixBytes:], tables[table], err))
		return true
	}
	if in.entry == nil {
		return true
	}
	return in.entry(StoredEntry{Table: tables[table], Sorted: key[prefixBytes:], Schema: string(name), Value: value})
}
