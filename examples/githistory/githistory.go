// Package githistory is Millrun on the history of any Git repository: who changed what, file by file.
//
// Load streams "git log --numstat" onto a log: one record for each commit, and one for each file that it changed. App keeps
// three tables of them: commits, changes and lines per file, per author and per directory, and who changed each file last. The
// input is keyed by commit, the tables are not, so each change travels through an internal stream to the partition of each
// table's key.
//
//	log, err := embedded.Open("data")
//	err = githistory.Work(ctx, log, githistory.WorkConfig{StateDir: "data/state", Load: githistory.LoadConfig{Repo: "."}})
//	checks, err := githistory.Answers(ctx, ".", log)
//
// Nothing here holds the history in memory: git writes, a parser reads record by record, and the producer's buffer bounds what
// is on its way. Fold, which computes the tables with a plain loop, holds one entry per file, author and directory.
//
// What counts: a merge is a commit of its author and changes nothing, as in "git log" without -m. A binary file has changes and
// no lines. A renamed file counts under its new path; under the old one the commit counts as a change without lines. Names and
// paths are bytes, whatever their encoding; authors are named as the repository's .mailmap says.
package githistory

import (
	"path"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/examples/internal/rows"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

// History is the input, keyed by commit.
var History = processor.NewStream("history", codec.String, eventCodec)

// The tables. Keys are a path from the top of the repository ("cmd/go/main.go"), an author ("Ann <ann@example.org>"), and the
// directory that a file is directly in ("cmd/go", "." for the top).
var (
	Files       = processor.NewTable("files", codec.String, fileCodec)
	Authors     = processor.NewTable("authors", codec.String, totalsCodec)
	Directories = processor.NewTable("directories", codec.String, totalsCodec)
)

var (
	byFile      = processor.NewInternalStream("by-file", codec.String, touchCodec)
	byAuthor    = processor.NewInternalStream("by-author", codec.String, touchCodec)
	byDirectory = processor.NewInternalStream("by-directory", codec.String, touchCodec)
)

// ProcessorName is the name of the one processor of App.
const ProcessorName = "blame"

// App keeps the tables.
var App = topology.MustNew("githistory", processor.New(ProcessorName,
	processor.On(History, spread),
	processor.On(byFile, func(ctx processor.Context, path string, t Touch) error {
		f, _ := Files.Get(ctx, path)
		Files.Put(ctx, path, f.Add(t))
		return nil
	}),
	processor.On(byAuthor, addTo(Authors)),
	processor.On(byDirectory, addTo(Directories)),
	processor.Owns(Files, Authors, Directories),
	processor.Emits(byFile, byAuthor, byDirectory),
))

// spread sends an event to the partitions of the keys under which it counts.
func spread(ctx processor.Context, commit string, e Event) error {
	row, err := rows.Parse(ctx.Header(rows.HeaderKey))
	if err != nil {
		return processor.Permanent(err)
	}
	for _, t := range touches(row, commit, e) {
		switch t.table {
		case Files.Name():
			byFile.Emit(ctx, t.key, t.Touch)
		case Authors.Name():
			byAuthor.Emit(ctx, t.key, t.Touch)
		case Directories.Name():
			byDirectory.Emit(ctx, t.key, t.Touch)
		}
	}
	return nil
}

// addTo counts a touch under the key it arrived with.
func addTo(table *processor.Table[string, Totals]) func(processor.Context, string, Touch) error {
	return func(ctx processor.Context, key string, t Touch) error {
		was, _ := table.Get(ctx, key)
		table.Put(ctx, key, was.Plus(t.Totals))
		return nil
	}
}

// touch is a Touch and where it counts.
type touch struct {
	table, key string
	Touch
}

// touches says under which keys an event counts.
func touches(row int64, commit string, e Event) []touch {
	switch e := e.(type) {
	case Commit:
		return []touch{{Authors.Name(), e.Author, Touch{Totals: Totals{Commits: 1}, Row: row}}}
	case Change:
		t := Touch{Totals: Totals{Changes: 1, Added: e.Added, Removed: e.Removed}, Row: row, Commit: commit, Author: e.Author}
		if e.Binary {
			t.Totals.Binary = 1
		}
		list := []touch{{Files.Name(), e.Path, t}, {Authors.Name(), e.Author, t}, {Directories.Name(), path.Dir(e.Path), t}}
		if e.From != "" {
			t.Totals = Totals{Changes: 1}
			list = append(list, touch{Files.Name(), e.From, t})
		}
		return list
	}
	return nil
}
