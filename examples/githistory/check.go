package githistory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/examples/internal/rows"
)

// Check is one fact that git tells, beside what the tables say.
type Check = rows.Check

// Answers reads the tables and compares them with what git itself says about the history that was loaded.
func Answers(ctx context.Context, repo string, log commitlog.Log) ([]Check, error) {
	head, err := LoadedHead(ctx, log)
	if err != nil {
		return nil, err
	}
	facts, err := Ask(ctx, repo, head)
	if err != nil {
		return nil, err
	}
	t, err := Read(ctx, log)
	if err != nil {
		return nil, err
	}
	return t.Checks(facts), nil
}

// Facts is what git says about the history of a commit, and what a plain loop over it gives.
type Facts struct {
	commits int64
	authors map[string]int64 // commits by author
	lines   Totals
	paths   int64
	sample  map[string]pathFacts
	folded  Tables
}

// pathFacts is what git says about one path: how many commits touched it, and the last one with its author.
type pathFacts struct {
	commits int64
	last    string
}

// Ask asks git by commands that have nothing in common with Load but the repository, and Fold. It reads the history a few
// times: on a large repository that takes longer than the counting.
func Ask(ctx context.Context, repo, head string) (*Facts, error) {
	folded, err := Fold(ctx, repo, head)
	if err != nil {
		return nil, err
	}
	g := asked{ctx: ctx, repo: repo, head: head}
	f := &Facts{g.commits(), g.authors(), g.lines(), g.paths(), g.files(sample(folded.Files)), folded}
	if g.err != nil {
		return nil, fmt.Errorf("ask git: %w", g.err)
	}
	return f, nil
}

// Checks compares the tables with the facts.
func (t Tables) Checks(f *Facts) []Check {
	var counts, lasts int64
	for path, want := range f.sample {
		got := t.Files[path]
		counts += bit(want.commits != got.Changes)
		lasts += bit(want.last != got.LastCommit+" "+got.LastAuthor)
	}
	own := map[string]int64{}
	for author, a := range t.Authors {
		own[author] = a.Commits
	}
	all, files := sum(t.Authors), sumFiles(t.Files)
	return []Check{
		rows.NewCheck("commits (git rev-list --count)", f.commits, all.Commits),
		rows.NewCheck("authors (git shortlog)", int64(len(f.authors)), int64(len(t.Authors))),
		rows.NewCheck("authors with another number of commits", 0, differing(f.authors, own)),
		rows.NewCheck("changes (git log --numstat)", f.lines.Changes, all.Changes),
		rows.NewCheck("lines added", f.lines.Added, all.Added),
		rows.NewCheck("lines removed", f.lines.Removed, all.Removed),
		rows.NewCheck("changes of binary files", f.lines.Binary, all.Binary),
		rows.NewCheck("lines added, by file", f.lines.Added, files.Added),
		rows.NewCheck("lines removed, by file", f.lines.Removed, files.Removed),
		rows.NewCheck("lines added, by directory", f.lines.Added, sum(t.Directories).Added),
		rows.NewCheck("lines removed, by directory", f.lines.Removed, sum(t.Directories).Removed),
		rows.NewCheck("files that ever were (git log --name-only)", f.paths, int64(len(t.Files))),
		rows.NewCheck(fmt.Sprintf("of %d files, with another number of commits", len(f.sample)), 0, counts),
		rows.NewCheck(fmt.Sprintf("of %d files, with another last author", len(f.sample)), 0, lasts),
		rows.NewCheck("files that differ from a plain loop", 0, differing(f.folded.Files, t.Files)),
		rows.NewCheck("authors that differ from a plain loop", 0, differing(f.folded.Authors, t.Authors)),
		rows.NewCheck("directories that differ from a plain loop", 0, differing(f.folded.Directories, t.Directories)),
	}
}

// sample picks up to 25 files, spread over the order of their paths.
func sample(files map[string]File) []string {
	const most = 25
	keys := slices.Sorted(maps.Keys(files))
	if len(keys) <= most {
		return keys
	}
	picked := make([]string, most)
	for i := range picked {
		picked[i] = keys[i*len(keys)/most]
	}
	return picked
}

// asked asks git; its first fault stays.
type asked struct {
	ctx        context.Context
	repo, head string
	err        error
}

func (g *asked) each(until byte, use func(piece []byte) error, args ...string) {
	if g.err == nil {
		g.err = each(g.ctx, g.repo, until, use, args...)
	}
}

func (g *asked) commits() (n int64) {
	g.each('\n', func(piece []byte) (err error) {
		n, err = strconv.ParseInt(string(piece), 10, 64)
		return err
	}, "rev-list", "--count", g.head)
	return n
}

// authors gives the commits of each author, merges included.
func (g *asked) authors() map[string]int64 {
	found := map[string]int64{}
	g.each('\n', func(piece []byte) error {
		count, author, ok := strings.Cut(strings.TrimLeft(string(piece), " "), "\t")
		n, err := strconv.ParseInt(count, 10, 64)
		if !ok || err != nil {
			return fmt.Errorf("git shortlog printed %.80q", piece)
		}
		found[author] += n
		return nil
	}, "shortlog", "-s", "-n", "-e", g.head)
	return found
}

// lines adds up the columns of numstat as awk would: it looks at no path.
func (g *asked) lines() (t Totals) {
	g.each('\n', func(piece []byte) error {
		columns := bytes.SplitN(piece, []byte("\t"), 3)
		if len(columns) != 3 {
			return nil // an empty line between commits
		}
		t.Changes++
		if string(columns[0]) == "-" {
			t.Binary++
			return nil
		}
		added, err := strconv.ParseInt(string(columns[0]), 10, 64)
		if err != nil {
			return err
		}
		removed, err := strconv.ParseInt(string(columns[1]), 10, 64)
		t.Added, t.Removed = t.Added+added, t.Removed+removed
		return err
	}, "log", "--numstat", "--no-merges", "--find-renames", "--format=", g.head)
	return t
}

// paths counts the paths that a commit which is no merge ever touched.
func (g *asked) paths() int64 {
	seen := map[string]bool{}
	g.each(0, func(piece []byte) error {
		if len(piece) > 0 {
			seen[string(piece)] = true
		}
		return nil
	}, "log", "-z", "--name-only", "--no-merges", "--no-renames", "--format=", g.head)
	return int64(len(seen))
}

// files asks for the commits of some paths, newest first.
func (g *asked) files(paths []string) map[string]pathFacts {
	args := []string{"log", "-z", "--name-only", "--no-renames", "--no-merges", "--full-history", "--topo-order", "--encoding=UTF-8",
		"--format=commit %H %aN <%aE>", g.head, "--"}
	found := map[string]pathFacts{}
	for _, path := range paths {
		found[path] = pathFacts{}
		args = append(args, ":(top,literal)"+path)
	}
	commit := ""
	g.each(0, func(piece []byte) error {
		path := strings.TrimPrefix(string(piece), "\n")
		f, picked := found[path]
		if !picked { // a literal path names a directory too, where one became the other
			if text, ok := strings.CutPrefix(string(piece), "commit "); ok {
				commit = text
			}
			return nil
		}
		if f.commits++; f.commits == 1 {
			f.last = commit
		}
		found[path] = f
		return nil
	}, args...)
	return found
}
