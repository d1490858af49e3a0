package githistory

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repo is a repository that a test writes, with a clock of its own.
type repo struct {
	t   *testing.T
	dir string
	now int64
}

func newRepo(t *testing.T) *repo {
	t.Helper()
	r := &repo{t: t, dir: t.TempDir(), now: 1_700_000_000}
	r.git("init", "-q", "-b", "main")
	return r
}

// git runs a command that depends on nothing outside the repository.
func (r *repo) git(args ...string) string {
	r.t.Helper()
	return r.gitAs("Ann", args...)
}

func (r *repo) gitAs(author string, args ...string) string {
	r.t.Helper()
	c := exec.Command("git", args...)
	c.Dir = r.dir
	r.now += 60
	at := fmt.Sprintf("%d +0000", r.now)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME="+author, "GIT_AUTHOR_EMAIL="+"one@example.org", "GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.org",
		"GIT_AUTHOR_DATE="+at, "GIT_COMMITTER_DATE="+at)
	out, err := c.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repo) write(path, text string) {
	r.t.Helper()
	full := filepath.Join(r.dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o666); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) commit(author, message string) string {
	r.t.Helper()
	r.git("add", "-A")
	r.gitAs(author, "commit", "-q", "--allow-empty", "-m", message)
	return r.git("rev-parse", "HEAD")
}

const (
	latin1 = "J\xf6rg"                         // not UTF-8
	quoted = "dir/we\"ird\tna\nme \xff=> {}.x" // git quotes it wherever it prints without -z
)

// oddities writes a history with everything that a plain one has not.
func oddities(t *testing.T) *repo {
	r := newRepo(t)
	r.write("a.txt", lines("a", 40))
	r.write("dir/b.txt", "1\n2\n3\n")
	r.commit("Ann", "root")
	r.write(quoted, "x\n")
	r.write("dir/bin", "\x00\x01\x02")
	r.commit(latin1, "a path and an author")
	r.git("mv", "a.txt", "dir/moved.txt")
	r.write("dir/moved.txt", lines("a", 40)+"more\n")
	r.commit("Bob", "rename with a change")
	r.commit("Bob", "nothing")
	r.git("checkout", "-q", "-b", "side")
	r.write("side.txt", "s\n")
	r.write("dir/b.txt", "1\n2\n3\n4\n")
	r.commit("Cid", "on the side")
	r.git("checkout", "-q", "main")
	r.write("dir/bin", "\x00\x01\x02\x03")
	r.commit("Ann", "on main")
	r.gitAs("Ann", "merge", "-q", "--no-ff", "-m", "merge", "side")
	r.git("rm", "-q", "side.txt")
	r.commit("Bob", "remove")
	r.git("update-index", "--chmod=+x", "dir/b.txt")
	r.gitAs("Ann", "commit", "-q", "-m", "mode alone")
	return r
}

func lines(prefix string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s %d\n", prefix, i)
	}
	return b.String()
}

// imported writes a history from a script of git fast-import.
func (r *repo) imported(script []byte) {
	r.t.Helper()
	c := exec.Command("git", "fast-import", "--quiet")
	c.Dir, c.Stdin = r.dir, bytes.NewReader(script)
	if out, err := c.CombinedOutput(); err != nil {
		r.t.Fatalf("git fast-import: %v: %s", err, out)
	}
}
