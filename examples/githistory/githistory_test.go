package githistory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec/codectest"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/examples/internal/rows"
)

func openLog(t *testing.T, dir string) *embedded.Log {
	t.Helper()
	log, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func closeLog(t *testing.T, log *embedded.Log) {
	t.Helper()
	if err := log.Close(); err != nil {
		t.Error(err)
	}
}

// allRight fails for each answer that is not git's.
func allRight(t *testing.T, checks []Check, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if !c.OK {
			t.Errorf("%s: expected %v, got %v", c.What, c.Expected, c.Got)
		}
	}
}

func TestOddHistoriesAreCountedAsGitCounts(t *testing.T) {
	r := oddities(t)
	dir := t.TempDir()
	log := openLog(t, dir)
	defer closeLog(t, log)
	var last Progress
	err := Work(t.Context(), log, WorkConfig{StateDir: filepath.Join(dir, "state"),
		Load: LoadConfig{Repo: r.dir, Partitions: 3}, Progress: func(p Progress) { last = p }})
	if err != nil {
		t.Fatal(err)
	}
	checks, err := Answers(t.Context(), r.dir, log)
	allRight(t, checks, err)
	got, err := Read(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	if last.Handled != 19 || last.Loaded != 19 {
		t.Errorf("%d rows handled of %d, want 19", last.Handled, last.Loaded)
	}
	for path, want := range map[string]struct {
		totals Totals
		author string
	}{
		"a.txt":         {Totals{Changes: 2, Added: 40}, "Bob"},
		"dir/moved.txt": {Totals{Changes: 1, Added: 1}, "Bob"},
		"dir/b.txt":     {Totals{Changes: 3, Added: 4}, "Ann"},
		"dir/bin":       {Totals{Changes: 2, Binary: 2}, "Ann"},
		"side.txt":      {Totals{Changes: 2, Added: 1, Removed: 1}, "Bob"},
		quoted:          {Totals{Changes: 1, Added: 1}, "J\u00f6rg"}, // git took it for Latin-1
	} {
		f := got.Files[path]
		if f.Totals != want.totals || f.LastAuthor != want.author+" <one@example.org>" {
			t.Errorf("%q has %+v by %q, want %+v by %q", path, f.Totals, f.LastAuthor, want.totals, want.author)
		}
	}
	if len(got.Files) != 6 {
		t.Errorf("files %q, want 6", slices.Sorted(maps.Keys(got.Files)))
	}
	if ann := got.Authors["Ann <one@example.org>"]; ann != (Totals{Commits: 4, Changes: 4, Added: 43, Binary: 1}) {
		t.Errorf("Ann has %+v", ann)
	}
	if top := got.Directories["."]; top != (Totals{Changes: 3, Added: 41, Removed: 1}) {
		t.Errorf("the top has %+v", top)
	}
}

// The user's configuration changes what git log prints; what is counted stays.
func TestTheUsersConfigurationDoesNotMatter(t *testing.T) {
	r := oddities(t)
	head := r.git("rev-parse", "HEAD")
	want, err := Fold(t.Context(), r.dir, head)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range [][2]string{{"diff.renames", "false"}, {"log.diffMerges", "on"}, {"log.diffMerges", "separate"}, {"log.showSignature", "true"},
		{"core.quotePath", "false"}, {"color.ui", "always"}, {"log.showRoot", "false"}, {"diff.relative", "true"}, {"log.decorate", "full"}} {
		r.git("config", set[0], set[1])
		got, err := Fold(t.Context(), filepath.Join(r.dir, "dir"), head)
		if err != nil {
			t.Fatal(err)
		}
		if differing(got.Files, want.Files)+differing(got.Authors, want.Authors)+differing(got.Directories, want.Directories) != 0 {
			t.Errorf("%s = %s changes the counts", set[0], set[1])
		}
		r.git("config", "--unset", set[0])
	}
}

func TestALoaderGoesOnWhereTheOneBeforeItWasCutOff(t *testing.T) {
	r := oddities(t)
	log := openLog(t, t.TempDir())
	defer closeLog(t, log)
	for until := int64(1); until <= 18; until += 3 {
		if err := Load(t.Context(), log, LoadConfig{Repo: r.dir, Partitions: 3, Until: until}); err != nil {
			t.Fatal(err)
		}
	}
	r.write("later.txt", "not of the history that was begun\n")
	r.commit("Ann", "later")
	for range 2 { // the second has nothing to do
		if err := Load(t.Context(), log, LoadConfig{Repo: r.dir}); err != nil {
			t.Fatal(err)
		}
	}
	starts, ends, err := rows.Bounds(t.Context(), log, History.Name(), 3)
	if err != nil {
		t.Fatal(err)
	}
	found := map[int64]int{}
	err = rows.Scan(t.Context(), log, starts, ends, func(_ commitlog.Partition, rec commitlog.Record) error {
		row, err := rows.Number(rec)
		found[row]++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for row := int64(1); row <= 19; row++ {
		if found[row] != 1 {
			t.Errorf("row %d is on the log %d times", row, found[row])
		}
	}
	if len(found) != 19 {
		t.Errorf("%d rows on the log, want 19", len(found))
	}
}

// A random history with many branches: what is last must not depend on how commits are spread over partitions.
func TestRandomHistoriesAreCountedAsGitCounts(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := newRepo(t)
	r.imported(randomHistory(rand.New(rand.NewPCG(seed, 1)), 300))
	dir := t.TempDir()
	log := openLog(t, dir)
	defer closeLog(t, log)
	err := Work(t.Context(), log, WorkConfig{StateDir: filepath.Join(dir, "state"), Load: LoadConfig{Repo: r.dir}})
	if err != nil {
		t.Fatal(err)
	}
	checks, err := Answers(t.Context(), r.dir, log)
	allRight(t, checks, err)
	authors, err := rows.Read(t.Context(), App, log, Authors)
	if err != nil || authors["A0\xf6 <a@x>"].Commits == 0 {
		t.Errorf("the author whose name is not UTF-8 has %+v of %d, %v", authors["A0\xf6 <a@x>"], len(authors), err)
	}
}

// randomHistory writes a script for git fast-import: commits with random parents among those before, some of them merges, with
// times that do not always rise.
func randomHistory(rnd *rand.Rand, commits int) []byte {
	var b bytes.Buffer
	for i := 1; i <= commits; i++ {
		at := 1_700_000_000 + i*50 - rnd.IntN(2000)
		fmt.Fprintf(&b, "commit refs/heads/main\nmark :%d\nauthor A%d\xf6 <a@x> %d +0000\ncommitter C <c@x> %d +0000\ndata 1\nm", i, rnd.IntN(5), at, at)
		b.WriteByte('\n')
		if i > 1 {
			first := max(1, i-1-rnd.IntN(5))
			if i == commits {
				first = i - 1
			}
			fmt.Fprintf(&b, "from :%d\n", first)
			if second := max(1, i-1-rnd.IntN(8)); second != first && rnd.IntN(3) == 0 {
				fmt.Fprintf(&b, "merge :%d\n", second)
			}
		}
		for range rnd.IntN(4) {
			text := lines(fmt.Sprint(rnd.IntN(9)), 1+rnd.IntN(9))
			fmt.Fprintf(&b, "M 100644 inline d%d/f%d\ndata %d\n%s\n", rnd.IntN(4), rnd.IntN(6), len(text), text)
		}
	}
	return b.Bytes()
}

func TestGitsFaultsAreSaid(t *testing.T) {
	empty := newRepo(t)
	log := openLog(t, t.TempDir())
	defer closeLog(t, log)
	for _, c := range []struct{ repo, want string }{
		{t.TempDir(), "not a git repository"},
		{filepath.Join(empty.dir, "missing"), "missing"},
		{empty.dir, "no commit to begin with"},
	} {
		if err := Load(t.Context(), log, LoadConfig{Repo: c.repo}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.repo, err, c.want)
		}
	}
	r := oddities(t)
	if err := Load(t.Context(), log, LoadConfig{Repo: r.dir, Until: 3}); err != nil {
		t.Fatal(err)
	}
	other := newRepo(t)
	other.commit("Ann", "another history")
	if err := Load(t.Context(), log, LoadConfig{Repo: other.dir}); err == nil || !strings.Contains(err.Error(), "bad object") {
		t.Errorf("another repository than the one begun with: %v", err)
	}
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Load(cut, log, LoadConfig{Repo: r.dir}); err == nil {
		t.Error("a cancelled loader says nothing")
	}
}

func TestAWrongCountIsSeen(t *testing.T) {
	r := oddities(t)
	head := r.git("rev-parse", "HEAD")
	facts, err := Ask(t.Context(), r.dir, head)
	if err != nil {
		t.Fatal(err)
	}
	for _, plant := range []struct {
		what  string
		fault func(Tables)
		want  string
	}{
		{"a commit too many", func(t Tables) { add(t.Authors, Totals{Commits: 1}) }, "commits (git rev-list"},
		{"an author too many", func(t Tables) { t.Authors["X <x@x>"] = Totals{} }, "authors (git shortlog)"},
		{"a line too many", func(t Tables) { add(t.Directories, Totals{Added: 1}) }, "lines added, by directory"},
		{"a file lost", func(t Tables) { delete(t.Files, "side.txt") }, "files that ever were"},
		{"another last author", func(t Tables) {
			f := t.Files["dir/b.txt"]
			f.LastAuthor = "X"
			t.Files["dir/b.txt"] = f
		}, "with another last author"},
		{"a change too many", func(t Tables) {
			f := t.Files["dir/b.txt"]
			f.Changes++
			t.Files["dir/b.txt"] = f
		}, "with another number of commits"},
	} {
		tables, err := Fold(t.Context(), r.dir, head)
		if err != nil {
			t.Fatal(err)
		}
		plant.fault(tables)
		seen := slices.ContainsFunc(tables.Checks(facts), func(c Check) bool { return !c.OK && strings.Contains(c.What, plant.want) })
		if !seen {
			t.Errorf("%s is not seen", plant.what)
		}
	}
}

func add(table map[string]Totals, t Totals) {
	key := slices.Sorted(maps.Keys(table))[0]
	table[key] = table[key].Plus(t)
}

func TestTheCodecsKeepTheirPromises(t *testing.T) {
	codectest.Run[Event](t, eventCodec, Commit{latin1, 2}, Commit{}, Change{Author: "a", Path: quoted, From: "x", Added: 3, Removed: 1 << 40}, Change{Binary: true})
	codectest.Run(t, totalsCodec, Totals{1, 2, 3, 4, 5})
	codectest.Run(t, fileCodec, File{Totals{Changes: 1}, 7, "hash", latin1})
	codectest.Run(t, touchCodec, Touch{Totals{Changes: 1}, 7, "hash", latin1})
}

func TestOutputThatIsNoHistoryIsRefused(t *testing.T) {
	for _, c := range []struct{ pieces, want string }{
		{"hello", "want a commit or a change"},
		{"1\t2\tpath", "want a commit or a change"}, // of no commit
		{"commit h|p|yesterday|a", "time"},
		{"commit h|p|5|a|1\tx\tpath", "change"},
		{"commit h|p|5", "ended inside commit h"},
		{"commit h|p|5|a|1\t2\t|from", "ended inside commit h"},
	} {
		p := parser{yield: func(Row, error) bool { return true }}
		var err error
		for _, piece := range strings.Split(c.pieces, "|") {
			if err == nil {
				err = p.piece([]byte(piece))
			}
		}
		if err == nil {
			err = p.end()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.pieces, err, c.want)
		}
	}
}
