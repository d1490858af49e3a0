package githistory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/examples/internal/rows"
)

// Tables is what the three tables hold, or should hold, at one moment.
type Tables struct {
	Files                map[string]File
	Authors, Directories map[string]Totals
}

// Read gives what the tables hold, through views: all that was committed when it was called.
func Read(ctx context.Context, log commitlog.Log) (t Tables, err error) {
	if t.Files, err = rows.Read(ctx, App, log, Files); err != nil {
		return Tables{}, err
	}
	if t.Authors, err = rows.Read(ctx, App, log, Authors); err != nil {
		return Tables{}, err
	}
	if t.Directories, err = rows.Read(ctx, App, log, Directories); err != nil {
		return Tables{}, err
	}
	return t, nil
}

// Fold computes the tables from the repository with a plain loop and nothing of Millrun: what the processor must arrive at,
// however often it was killed.
func Fold(ctx context.Context, repo, head string) (Tables, error) {
	t := Tables{map[string]File{}, map[string]Totals{}, map[string]Totals{}}
	for row, err := range Rows(ctx, repo, head) {
		if err != nil {
			return Tables{}, err
		}
		for _, u := range touches(row.Number, row.Hash, row.Event) {
			switch u.table {
			case Files.Name():
				t.Files[u.key] = t.Files[u.key].Add(u.Touch)
			case Authors.Name():
				t.Authors[u.key] = t.Authors[u.key].Plus(u.Totals)
			case Directories.Name():
				t.Directories[u.key] = t.Directories[u.key].Plus(u.Totals)
			}
		}
	}
	return t, nil
}

// Busiest gives the n authors with the most commits, the first in order among equals.
func (t Tables) Busiest(n int) []string {
	authors := slices.Sorted(maps.Keys(t.Authors))
	slices.SortStableFunc(authors, func(a, b string) int { return cmp.Compare(t.Authors[b].Commits, t.Authors[a].Commits) })
	return authors[:min(n, len(authors))]
}

// differing counts the keys that two tables have not in common, or with another value.
func differing[V comparable](a, b map[string]V) (n int64) {
	for key, v := range a {
		if w, ok := b[key]; !ok || v != w {
			n++
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			n++
		}
	}
	return n
}

func sum(table map[string]Totals) Totals {
	var all Totals
	for _, t := range table {
		all = all.Plus(t)
	}
	return all
}

func sumFiles(table map[string]File) Totals {
	var all Totals
	for _, f := range table {
		all = all.Plus(f.Totals)
	}
	return all
}
