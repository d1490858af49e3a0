package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
)

// entryFacts is one entry as state inspect shows it. Its JSON field names stay.
type entryFacts struct {
	Store  string `json:"store"`
	Key    *datum `json:"key"`
	Value  *datum `json:"value"`
	Schema string `json:"schema,omitempty"`
}

func inspectEntries(c *cobra.Command, s streams, f format, dir string, q *stateQuery) (err error) {
	wanted, err := q.filter()
	if err != nil {
		return usagef(c, "%v", err)
	}
	in, err := findStores(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	r := entryReader{query: q, wanted: wanted, entries: []entryFacts{}}
	for _, name := range in.names {
		if err := r.read(in.path(name), name); err != nil {
			return err
		}
	}
	switch {
	case !r.found:
		return fmt.Errorf("no table %s below %s: %w", q.table, dir, fs.ErrNotExist)
	case r.more:
		fmt.Fprintf(s.err, "there are more entries: raise --limit, which is %d\n", q.limit)
	}
	if r.numbers {
		fmt.Fprintln(s.err, "keys of eight bytes are shown as the store has them: if they are numbers or times, name --key-format")
	}
	if f == formatJSON {
		return writeJSON(s.out, r.entries)
	}
	rows := [][]string{}
	for _, e := range r.entries {
		rows = append(rows, []string{e.Store, e.Key.String(), e.Value.String(), e.Schema})
	}
	return writeTable(s.out, []string{"store", "key", "value", "schema"}, rows)
}

// filter gives what says whether an entry's key, in the form of the log, is asked for.
func (q *stateQuery) filter() (func(key []byte) bool, error) {
	switch {
	case q.hasKey:
		key, err := q.keys.bytes(q.key)
		if err != nil {
			return nil, fmt.Errorf("--key %q is no %s: %w", q.key, q.keys, err)
		}
		return func(k []byte) bool { return bytes.Equal(k, key) }, nil
	case q.hasPrefix && q.keys.sortable() != nil:
		return nil, fmt.Errorf("--prefix means nothing with --key-format %s", q.keys)
	case q.hasPrefix:
		prefix, err := q.keys.bytes(q.prefix)
		if err != nil {
			return nil, fmt.Errorf("--prefix %q is no %s: %w", q.prefix, q.keys, err)
		}
		return func(k []byte) bool { return bytes.HasPrefix(k, prefix) }, nil
	}
	return func([]byte) bool { return true }, nil
}

// entryReader gathers the entries of one table from the stores that have it.
type entryReader struct {
	query       *stateQuery
	wanted      func(key []byte) bool
	entries     []entryFacts
	found, more bool
	numbers     bool // keys were shown in hex that may be numbers
}

func (r *entryReader) read(dir, name string) error {
	form := r.query.keys.sortable()
	contents, found, err := state.Inspect(vfs.OS, dir, func(e state.StoredEntry) error {
		if e.Table != r.query.table {
			return nil
		}
		key := e.Sorted
		if form != nil {
			key = form.AppendUnsort(nil, key)
		}
		if !r.wanted(key) {
			return nil
		}
		if r.query.limit > 0 && len(r.entries) == r.query.limit {
			r.more = true
			return errEnough
		}
		r.entries = append(r.entries, entryFacts{name, r.showKey(key), r.query.values.show(e.Value), e.Schema})
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err == nil {
		err = damagedStores(dir, []storeFacts{{Store: name, Wrong: texts(found)}})
	}
	r.found = r.found || slices.Contains(contents.Tables, r.query.table)
	return err
}

// showKey does not guess at numbers: eight bytes may be one in the form in which stores order it, which would read as another.
func (r *entryReader) showKey(key []byte) *datum {
	if r.query.keys == autoFormat && guess(key) == int64Format {
		r.numbers = true
		return hexFormat.show(key)
	}
	return r.query.keys.show(key)
}

func texts(found []state.Finding) (out []string) {
	for _, f := range found {
		out = append(out, f.String())
	}
	return out
}

// completeTables gives the tables below the directory that stands on the command line already.
func completeTables(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	in, err := findStores(args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	defer in.Close() // nothing is written
	names := []string{}
	for _, name := range in.names {
		c, _, err := state.Inspect(vfs.OS, in.path(name), func(state.StoredEntry) error { return errEnough })
		if err != nil && !errors.Is(err, errEnough) {
			return nil, cobra.ShellCompDirectiveError
		}
		names = append(names, c.Tables...)
	}
	slices.Sort(names)
	return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
}
